// SPDX-License-Identifier: MIT
// Writes an exchange as HTTP/1.1 messages that could be sent again: heads as they came, bodies
// framed as the heads say. The boundaries of the original chunks are not recorded.
#include "recorded.h"
#include "show.h"
#include "write.h"

static bool is_chunked(struct slice head)
{
    return slice_list_has(record_field(head, SLICE("transfer-encoding")), SLICE("chunked"));
}

static struct slice head_of(const struct record_exchange *x, enum record_side side)
{
    return side == RECORD_REQUEST ? x->request_head : x->response_head;
}

// Whether a body may follow the head, whatever its fields say (RFC 9112 §6.3).
static bool may_have_body(const struct record_exchange *x, enum record_side side)
{
    return side == RECORD_REQUEST ||
           !(slice_eq(x->method, SLICE("HEAD")) || x->status == 204 || x->status == 304);
}

// Whether chunked framing must be added. A tunnel removes Transfer-Encoding, a field of the
// connection; a request body without a length, and trailers, cannot be sent without chunks.
static bool lacks_chunks(const struct record_exchange *x, enum record_side side)
{
    const struct record_body *b = &x->body[side];
    struct slice head = head_of(x, side);
    return !is_chunked(head) && !recorded_has_field(head, SLICE("content-length")) &&
           !(x->flags & RECORD_UPGRADED) &&
           (b->trailers.len > 0 || (side == RECORD_REQUEST && b->bytes > 0));
}

static void put_head(FILE *out, const struct record_exchange *x, enum record_side side)
{
    write_slice(out, head_of(x, side));
    if (lacks_chunks(x, side))
        (void)fputs("transfer-encoding: chunked\r\n", out);
    (void)fputs("\r\n", out);
}

// Returns a phrase on what is missing, or NULL.
static const char *put_body(const struct show *s, const struct record_exchange *x,
                            enum record_side side)
{
    const struct record_body *b = &x->body[side];
    struct slice piece;
    uint64_t at = 0;
    int status = 0;
    const bool chunked = is_chunked(head_of(x, side)) || lacks_chunks(x, side);
    const unsigned flag = side == RECORD_REQUEST ? RECORD_REQUEST_WHOLE : RECORD_RESPONSE_WHOLE;
    if (x->flags & RECORD_UPGRADED || !may_have_body(x, side))
        return NULL;
    while (at < b->kept &&
           (status = record_reader_piece(s->reader, x->seq, side, at, &piece)) > 0) {
        if (chunked)
            (void)fprintf(s->out, "%zx\r\n", piece.len);
        write_slice(s->out, piece);
        (void)fputs(chunked ? "\r\n" : "", s->out);
        at += piece.len;
    }
    if (status < 0 || at < b->bytes)
        return "not all of it was kept";
    if (!(x->flags & flag))
        return x->outcome.len == 0 ? "it still runs: this is what has come so far"
                                   : "it did not come whole: this is all that came";
    if (chunked) {
        (void)fputs("0\r\n", s->out);
        write_slice(s->out, b->trailers);
        (void)fputs("\r\n", s->out);
    }
    return NULL;
}

static void put_status_line(FILE *out, struct slice protocol, unsigned status, struct slice reason)
{
    write_slice(out, protocol);
    (void)fprintf(out, " %u ", status);
    write_slice(out, reason);
    (void)fputs("\r\n", out);
}

// HTTP/2 has no lines with its version.
static struct slice version_of(struct slice protocol)
{
    return slice_eq(protocol, SLICE("HTTP/2")) ? SLICE("HTTP/1.1") : protocol;
}

static const char *put_request(const struct show *s, const struct record_exchange *x)
{
    FILE *out = s->out;
    write_slice(out, x->method);
    (void)fputs(x->target.len > 0 && x->target.p[0] == '?' ? " /" : " ", out);
    write_slice(out, x->target);
    (void)fputc(' ', out);
    write_slice(out, version_of(x->protocol));
    (void)fputs("\r\n", out);
    if (recorded_lacks_host(x)) {
        (void)fputs("Host: ", out);
        write_slice(out, x->host);
        (void)fputs("\r\n", out);
    }
    put_head(out, x, RECORD_REQUEST);
    return put_body(s, x, RECORD_REQUEST);
}

const char *show_raw(const struct show *s, const struct record_exchange *x)
{
    struct slice lines = x->interim;
    struct recorded_interim interim;
    const char *missing = put_request(s, x);
    while (recorded_next_interim(&lines, &interim)) {
        put_status_line(s->out, SLICE("HTTP/1.1"), interim.status, interim.reason);
        write_slice(s->out, interim.fields);
        (void)fputs("\r\n", s->out);
    }
    if (!x->status)
        return missing;
    put_status_line(s->out, version_of(x->response_protocol), x->status, x->reason);
    put_head(s->out, x, RECORD_RESPONSE);
    const char *missing_in_response = put_body(s, x, RECORD_RESPONSE);
    return missing ? missing : missing_in_response;
}
