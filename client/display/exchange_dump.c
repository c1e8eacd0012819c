// SPDX-License-Identifier: MIT
// Collects heads and the first bytes of bodies while an exchange runs. When memory is short the
// dump has gaps; the exchange goes on.
#include "exchange_dump.h"
#include <stdio.h>
#include <stdlib.h>
#include "exchange_dump_internal.h"
#include "proto/http/credential_url.h"
#include "proto/http/credentials.h"

enum {
    URL_GROWTH = 512,    // bytes by which marks for secret values make a text longer, at most
    NOTICES_BYTES = 2048 // of our own lines in a block
};

// Making text safe never makes it longer.
_Static_assert(2 * (DUMP_HEAD_BYTES + DUMP_TRAILER_BYTES + DUMP_SHOWN_BYTES + NOTICES_BYTES) +
                       LINE_BUF_BYTES <=
                   LINE_WRITER_BYTES / 2,
               "a block is printed in one piece");

static size_t size_of(const struct dump_side *s)
{
    return buf_len(&s->head) + buf_len(&s->body) + buf_len(&s->trailers);
}

static size_t room(const struct exchange_dump *dump, const struct buf *of, size_t most)
{
    size_t in_all = DUMP_HELD_BYTES - dump->held;
    size_t here = most - buf_len(of);
    return here < in_all ? here : in_all;
}

// Appends one line, unless that would take `to` beyond `most` bytes or all dumps beyond
// DUMP_HELD_BYTES. The first part is ours, the others are made safe.
static bool put_line(struct exchange_dump *dump, struct buf *to, size_t most,
                     const struct slice parts[3])
{
    size_t len = parts[0].len + parts[1].len + parts[2].len + DUMP_MARK + 1;
    size_t before = buf_len(to);
    if (len > room(dump, to, most))
        return false;
    (void)buf_append(to, parts[0].p, parts[0].len);
    dump_put_safe(to, parts[1]);
    dump_put_safe(to, parts[2]);
    dump_put(to, "\n");
    dump->held += buf_len(to) - before;
    return true;
}

// Replaces the values of credentials in the text's URLs. Returns the text itself, or a copy in
// `*memory`, which the caller frees.
static struct slice without_secrets(struct slice text, enum credential_place place, char **memory)
{
    const size_t most = text.len + URL_GROWTH;
    *memory = credential_may_be_in(text) ? malloc(most) : NULL;
    if (!*memory)
        return text;
    struct credential_sink sink = {.at = *memory, .left = most};
    credential_write_url(&sink, text, place, &credential_rules_all);
    return sink.any ? slice_of(*memory, most - sink.left) : text;
}

static void put_fields(struct exchange_dump *dump, struct dump_side *s, struct buf *to,
                       enum exchange_side side, const struct http_head *head)
{
    size_t most = to == &s->trailers ? DUMP_TRAILER_BYTES : DUMP_HEAD_BYTES;
    char name[DUMP_WORD_MAX * 2];
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        char *memory = NULL;
        struct slice value = credential_is_field(f->name)
                                 ? CREDENTIAL_MARK
                                 : without_secrets(f->value, CREDENTIAL_TEXT, &memory);
        int len = snprintf(name, sizeof(name), "%.*s: ", (int)f->name.len, f->name.p);
        const struct slice parts[3] = {slice_str(dump_mark(side)), slice_str(name), value};
        if (len >= (int)sizeof(name) || !put_line(dump, to, most, parts))
            s->lines_left_out++;
        free(memory);
    }
}

// Copies a field's value; empty when the field is missing or too long.
static void keep_word(char out[static DUMP_WORD_MAX], const struct http_head *head,
                      struct slice name)
{
    const struct field *f = head_find(head, name);
    size_t len = f && f->value.len < DUMP_WORD_MAX ? f->value.len : 0;
    out[0] = 0;
    if (len > 0)
        memcpy(out, f->value.p, len);
    out[len] = 0;
}

static void keep_content_headers(struct dump_side *s, const struct http_head *head)
{
    keep_word(s->type, head, SLICE("content-type"));
    keep_word(s->coding, head, SLICE("content-encoding"));
}

static struct slice version_of(const struct http_head *head)
{
    if (head->http2)
        return SLICE(" HTTP/2");
    return head->minor_version ? SLICE(" HTTP/1.1") : SLICE(" HTTP/1.0");
}

static void on_begun(void *ctx, struct exchange *x, const struct http_head *request)
{
    struct exchange_dump *dump = ctx;
    struct dump_note *n = calloc(1, sizeof(*n));
    x->note[EXCHANGE_NOTE_DISPLAY] = n;
    if (!n)
        return;
    struct buf *to = &n->side[INBOUND].head;
    bool lacks_path = request->target.len > 0 && request->target.p[0] == '?';
    char method[DUMP_WORD_MAX];
    (void)snprintf(
        method, sizeof(method), "%s%.*s %s", dump_mark(INBOUND),
        (int)(request->method.len < DUMP_WORD_MAX / 2 ? request->method.len : DUMP_WORD_MAX / 2),
        request->method.p, lacks_path ? "/" : "");
    char *memory;
    const struct slice line[3] = {slice_str(method),
                                  without_secrets(request->target, CREDENTIAL_TARGET, &memory),
                                  version_of(request)};
    n->side[INBOUND].lines_left_out += !put_line(dump, to, DUMP_HEAD_BYTES, line);
    free(memory);
    // A request out of a tunnel has an authority and no Host field.
    const struct slice host[3] = {SLICE("  > Host: "), request->authority, SLICE("")};
    if (request->authority.len > 0 && !head_find(request, SLICE("host")))
        (void)put_line(dump, to, DUMP_HEAD_BYTES, host);
    put_fields(dump, &n->side[INBOUND], to, INBOUND, request);
    keep_content_headers(&n->side[INBOUND], request);
}

static void on_head(void *ctx, struct exchange *x, const struct http_head *response)
{
    struct exchange_dump *dump = ctx;
    struct dump_note *n = dump_note_of(x);
    char status[32];
    if (!n)
        return;
    struct buf *to = &n->side[OUTBOUND].head;
    (void)snprintf(status, sizeof(status), "%s%s %u ", dump_mark(OUTBOUND),
                   version_of(response).p + 1, response->status);
    struct slice reason = response->reason;
    if (reason.len > DUMP_WORD_MAX)
        reason.len = DUMP_WORD_MAX;
    const struct slice line[3] = {slice_str(status), reason, SLICE("")};
    n->side[OUTBOUND].lines_left_out += !put_line(dump, to, DUMP_HEAD_BYTES, line);
    put_fields(dump, &n->side[OUTBOUND], to, OUTBOUND, response);
    if (response->upgrade.len > 0 && !head_find(response, SLICE("upgrade"))) { // from a tunnel
        const struct slice upgrade[3] = {SLICE("  < upgrade: "), response->upgrade, SLICE("")};
        (void)put_line(dump, to, DUMP_HEAD_BYTES, upgrade);
    }
    keep_content_headers(&n->side[OUTBOUND], response);
}

static void on_data(void *ctx, struct exchange *x, enum exchange_side from, struct slice bytes)
{
    struct exchange_dump *dump = ctx;
    struct dump_note *n = dump_note_of(x);
    if (!n || x->upgraded)
        return;
    struct dump_side *s = &n->side[from];
    size_t most = room(dump, &s->body, DUMP_BODY_BYTES);
    bool gap = s->bytes > buf_len(&s->body); // keep a prefix only: nothing behind a gap
    size_t len = gap ? 0 : bytes.len < most ? bytes.len : most;
    s->bytes += bytes.len;
    if (len > 0 && buf_append(&s->body, bytes.p, len))
        dump->held += len;
}

static void on_finished(void *ctx, struct exchange *x, enum exchange_side from,
                        const struct http_head *trailers)
{
    struct exchange_dump *dump = ctx;
    struct dump_note *n = dump_note_of(x);
    if (n && trailers)
        put_fields(dump, &n->side[from], &n->side[from].trailers, from, trailers);
}

static void free_note(struct exchange_dump *dump, struct exchange *x)
{
    struct dump_note *n = dump_note_of(x);
    if (!n)
        return;
    x->note[EXCHANGE_NOTE_DISPLAY] = NULL;
    for (int side = 0; side < 2; side++) {
        struct dump_side *s = &n->side[side];
        dump->held -= size_of(s);
        buf_free(&s->head);
        buf_free(&s->body);
        buf_free(&s->trailers);
    }
    free(n);
}

static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct exchange_dump *dump = ctx;
    struct line_buf first;
    console_exchange(dump->console, x, why, &first);
    first.text[first.len++] = '\n';
    (void)buf_append(&dump->block, first.text, first.len);
    if (dump_note_of(x))
        exchange_dump_print(&dump->block, x, dump->console);
    console_block(dump->console, slice_of(buf_at(&dump->block), buf_len(&dump->block)));
    buf_take(&dump->block, buf_len(&dump->block));
    free_note(dump, x);
}

static void on_discarded(void *ctx, struct exchange *x)
{
    free_note(ctx, x);
}

void exchange_dump_init(struct exchange_dump *dump, struct console *console)
{
    *dump = (struct exchange_dump){.console = console};
    dump->observer = (struct exchange_observer){.begun = on_begun,
                                                .head = on_head,
                                                .data = on_data,
                                                .finished = on_finished,
                                                .closed = on_closed,
                                                .discarded = on_discarded,
                                                .ctx = dump};
}

void exchange_dump_deinit(struct exchange_dump *dump)
{
    buf_free(&dump->block);
}
