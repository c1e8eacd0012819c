// SPDX-License-Identifier: MIT
// Copies exchanges into memory: a reader has one at a time, and a comparison needs two.
#include <stdlib.h>
#include "compare.h"
#include "proto/hash.h"
#include "proto/utf8.h"
#include "write.h"
#include "ws_messages.h"

enum {
    SLICES = 22,             // of a record_exchange
    MESSAGES_MAX = 64 << 20, // bytes of the lines of messages; further messages are not compared
};

static void list_slices(struct record_exchange *x, struct slice *list[static SLICES])
{
    struct slice *all[SLICES] = {
        &x->program,          &x->tunnel,       &x->visitor,   &x->protocol,
        &x->method,           &x->scheme,       &x->host,      &x->target,
        &x->upstream,         &x->request_head, &x->interim,   &x->response_head,
        &x->outcome,          &x->error,        &x->replay_of, &x->body[0].trailers,
        &x->body[1].trailers, &x->peer.outcome, &x->reason,    &x->response_protocol,
        &x->detail,           &x->bad_head,
    };
    memcpy(list, all, sizeof(all));
}

static char *copy_slice(struct slice s)
{
    char *copy = malloc(s.len + 1);
    if (copy && s.len > 0)
        memcpy(copy, s.p, s.len);
    return copy;
}

static bool load_exchange(struct compare_input *c, const struct record_exchange *x)
{
    struct slice *list[SLICES];
    size_t len = 1;
    size_t at = 0;
    c->x = *x;
    list_slices(&c->x, list);
    for (size_t i = 0; i < SLICES; i++)
        len += list[i]->len;
    c->text = malloc(len);
    if (!c->text)
        return false;
    for (size_t i = 0; i < SLICES; i++) {
        struct slice *s = list[i];
        if (s->len > 0)
            memcpy(c->text + at, s->p, s->len);
        *s = slice_of(c->text + at, s->len);
        at += s->len;
    }
    return true;
}

static bool load_body(struct compare_input *c, struct record_reader *r, enum record_side side)
{
    struct record_decoded d;
    if (!record_reader_decoded(r, &c->x, side, &d))
        return false;
    c->whole[side] = d.whole;
    c->bytes[side] = copy_slice(d.body);
    c->body[side] = slice_of(c->bytes[side], d.body.len);
    return c->bytes[side] != NULL;
}

// Appends text with its line feeds escaped; of a binary or undecodable message its hash.
static bool add_text(struct buf *out, const struct ws_message *m)
{
    char digest[32];
    if (!utf8_is_readable(m->text) || (m->kept.compressed && !m->inflated)) {
        int len = snprintf(digest, sizeof(digest), "xxh3 %016llx",
                           (unsigned long long)hash_bytes(m->text, 0));
        return buf_append(out, digest, len > 0 ? (size_t)len : 0);
    }
    for (size_t i = 0; i < m->text.len; i++) {
        bool ok =
            m->text.p[i] == '\n' ? buf_append(out, "\\n", 2) : buf_append(out, m->text.p + i, 1);
        if (!ok)
            return false;
    }
    return true;
}

static bool add_message(struct buf *out, const struct ws_message *m)
{
    char text[64];
    int len =
        snprintf(text, sizeof(text), "%s %s %zu%s ", m->kept.side == RECORD_REQUEST ? ">" : "<",
                 ws_opcode_name(m->kept.opcode), m->text.len, m->cut ? " (cut)" : "");
    return len > 0 && buf_append(out, text, (size_t)len) && add_text(out, m) &&
           buf_append(out, "\n", 1);
}

static bool load_messages(struct compare_input *c, struct record_reader *r)
{
    struct ws_messages messages;
    struct ws_message m;
    int status = 0;
    bool ok = true;
    ws_messages_init(&messages, r, c->x.seq);
    while (ok && buf_len(&c->messages) < MESSAGES_MAX &&
           (status = ws_messages_next(&messages, &m)) > 0)
        ok = add_message(&c->messages, &m);
    ws_messages_deinit(&messages);
    return ok && status >= 0;
}

bool compare_load(struct compare_input *c, struct record_reader *r, const struct record_exchange *x)
{
    *c = (struct compare_input){0};
    return load_exchange(c, x) && load_body(c, r, RECORD_REQUEST) &&
           load_body(c, r, RECORD_RESPONSE) && load_messages(c, r);
}

void compare_unload(struct compare_input *c)
{
    free(c->text);
    free(c->bytes[0]);
    free(c->bytes[1]);
    buf_free(&c->messages);
    *c = (struct compare_input){0};
}
