// SPDX-License-Identifier: MIT
// An exchange as the bytes on the wire would be.
#include "bits.h"
#include "heads.h"
#include "proto/http1.h"
#include "show.h"

static bool is_chunked(struct slice head)
{
    return slice_list_has(record_field(head, SLICE("transfer-encoding")), SLICE("chunked"));
}

// Returns whether all that passed was there.
static bool put_body(const struct show *s, const struct record_exchange *x, enum record_side side)
{
    struct slice head = side == RECORD_REQUEST ? x->request_head : x->response_head;
    const struct record_body *b = &x->body[side];
    struct slice piece;
    uint64_t at = 0;
    int status = 0;
    bool chunked = is_chunked(head);
    if (side == RECORD_RESPONSE && x->flags & RECORD_UPGRADED)
        return true;
    while (at < b->kept &&
           (status = record_reader_piece(s->reader, x->seq, side, at, &piece)) > 0) {
        if (chunked)
            (void)fprintf(s->out, "%zx\r\n", piece.len);
        write_slice(s->out, piece);
        (void)fputs(chunked ? "\r\n" : "", s->out);
        at += piece.len;
    }
    bool whole = status >= 0 && at >= b->bytes;
    if (chunked && whole) {
        (void)fputs("0\r\n", s->out);
        write_slice(s->out, b->trailers);
        (void)fputs("\r\n", s->out);
    }
    return whole;
}

static void put_status_line(FILE *out, struct slice protocol, unsigned status)
{
    struct slice reason = http1_reason((uint16_t)status);
    write_slice(out, protocol);
    (void)fprintf(out, " %u ", status);
    write_slice(out, reason);
    (void)fputs("\r\n", out);
}

bool show_raw(const struct show *s, const struct record_exchange *x)
{
    FILE *out = s->out;
    struct slice interim = x->interim;
    struct slice fields;
    unsigned status = 0;
    write_slice(out, x->method);
    (void)fputc(' ', out);
    write_slice(out, x->target);
    (void)fputc(' ', out);
    write_slice(out, x->protocol);
    (void)fputs("\r\n", out);
    if (lacks_host(x)) {
        (void)fputs("host: ", out);
        write_slice(out, x->host);
        (void)fputs("\r\n", out);
    }
    write_slice(out, x->request_head);
    (void)fputs("\r\n", out);
    bool whole = put_body(s, x, RECORD_REQUEST);
    while (next_interim(&interim, &status, &fields)) {
        put_status_line(out, x->protocol, status);
        write_slice(out, fields);
        (void)fputs("\r\n", out);
    }
    if (!x->status)
        return whole;
    put_status_line(out, x->protocol, x->status);
    write_slice(out, x->response_head);
    (void)fputs("\r\n", out);
    return put_body(s, x, RECORD_RESPONSE) && whole;
}
