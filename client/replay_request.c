// SPDX-License-Identifier: MIT
#include "replay_request.h"
#include <stdio.h>
#include <stdlib.h>
#include "proto/chars.h"
#include "proto/fields.h"

// Fields that say how a body is framed or what the connection is for: ours to say.
static bool is_ours(struct slice name)
{
    static const char *const names[] = {"content-length", "transfer-encoding",
                                        "connection",     "keep-alive",
                                        "upgrade",        "te",
                                        "trailer",        "expect"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_ieq(name, slice_str(names[i])))
            return true;
    return false;
}

bool replay_set_field(struct replay_changes *c, const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon || c->set_count == REPLAY_FIELDS_MAX)
        return false;
    struct slice name = slice_of(text, (size_t)(colon - text));
    struct slice value = slice_trim(slice_str(colon + 1));
    if (name.len == 0 || !chars_are(name, CHAR_TOKEN) || !chars_are(value, CHAR_VALUE) ||
        is_ours(name))
        return false;
    c->set[c->set_count++] = (struct field){name, value};
    return true;
}

static bool is_dropped(const struct replay_changes *c, struct slice name)
{
    for (size_t i = 0; i < c->drop_count; i++)
        if (slice_ieq(name, slice_str(c->drop[i])))
            return true;
    for (size_t i = 0; i < c->set_count; i++)
        if (slice_ieq(name, c->set[i].name))
            return true;
    return false;
}

static char *copy(char **at, struct slice s)
{
    char *to = *at;
    if (s.len > 0)
        memcpy(to, s.p, s.len);
    *at += s.len;
    return to;
}

// What a record gives is valid until its next call, and the body is read after the head.
static bool copy_texts(struct replay_request *r, const struct record_exchange *x,
                       struct record_exchange *own)
{
    struct slice *const all[] = {&own->method,       &own->target,
                                 &own->host,         &own->scheme,
                                 &own->request_head, &own->body[RECORD_REQUEST].trailers};
    size_t len = 1;
    *own = *x;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        len += all[i]->len;
    r->text = malloc(len);
    char *at = r->text;
    if (!at)
        return false;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        all[i]->p = copy(&at, *all[i]);
    return true;
}

static bool add_lines(struct http_head *head, struct slice lines)
{
    struct slice name;
    struct slice value;
    bool ok = true;
    while (ok && record_next_field(&lines, &name, &value))
        ok = head_add(head, name, value);
    return ok;
}

// Which of the recorded fields are sent again. `*chunked`: nothing said how long the body was.
static void take_over(struct replay_request *r, const struct record_exchange *x,
                      const struct replay_changes *c, bool *chunked)
{
    struct http_head *head = &r->request.head;
    size_t kept = 0;
    *chunked = !head_find(head, SLICE("content-length"));
    fields_strip_hop_by_hop(head);
    for (size_t i = 0; i < head->field_count; i++) {
        struct field f = head->fields[i];
        bool secret = (x->flags & RECORD_REDACTED) && slice_eq(f.value, SLICE("[redacted]"));
        if (slice_ieq(f.name, SLICE("host")) || is_ours(f.name) || is_dropped(c, f.name))
            continue;
        if (secret)
            r->redacted++;
        else
            head->fields[kept++] = f;
    }
    head->field_count = kept;
}

static bool set_fields(struct replay_request *r, const struct replay_changes *c)
{
    struct http_head *head = &r->request.head;
    bool ok = true;
    for (size_t i = 0; ok && i < c->set_count; i++) {
        if (slice_ieq(c->set[i].name, SLICE("host")))
            head->authority = c->set[i].value;
        else
            ok = head_add(head, c->set[i].name, c->set[i].value);
    }
    return ok;
}

// The body, and how its length is told: as it was, as long as it is the same one.
static bool frame(struct replay_request *r, bool chunked)
{
    struct player_request *q = &r->request;
    if (chunked && q->body.len == 0)
        return true;
    if (chunked) {
        q->framing = (struct body_framing){BODY_CHUNKED, 0};
        return true;
    }
    q->trailers.field_count = 0; // they need chunks
    q->framing = (struct body_framing){q->body.len ? BODY_LENGTH : BODY_NONE, q->body.len};
    (void)snprintf(r->digits, sizeof(r->digits), "%zu", q->body.len);
    return head_add(&q->head, SLICE("content-length"), slice_str(r->digits));
}

static bool take_body(struct replay_request *r, struct record_reader *reader,
                      const struct record_exchange *x, const struct replay_changes *c)
{
    struct slice body = c->body;
    if (!c->has_body && !record_reader_body(reader, x->seq, RECORD_REQUEST, &body))
        return false;
    r->bytes = malloc(body.len + 1);
    if (!r->bytes)
        return false;
    if (body.len > 0)
        memcpy(r->bytes, body.p, body.len);
    r->request.body = slice_of(r->bytes, body.len);
    return true;
}

static const char *what_stands_against(const struct record_exchange *x,
                                       const struct replay_changes *c)
{
    const struct record_body *b = &x->body[RECORD_REQUEST];
    if (x->outcome.len == 0)
        return "it is still running";
    if (x->flags & RECORD_UPGRADED)
        return "it was upgraded to another protocol, of which there is no second time";
    if (!c->has_body && (b->kept < b->bytes || !(x->flags & RECORD_REQUEST_WHOLE)))
        return "its body was not kept whole, or did not come whole: give another with --body-file";
    return NULL;
}

bool replay_request_make(struct replay_request *r, struct record_reader *reader,
                         const struct record_exchange *x, const struct replay_changes *changes,
                         char why[static REPLAY_WHY_MAX])
{
    struct record_exchange own;
    struct http_head *head = &r->request.head;
    const char *against = what_stands_against(x, changes);
    bool chunked = false;
    *r = (struct replay_request){0};
    head_init(head);
    if (!against && (!copy_texts(r, x, &own) || !take_body(r, reader, &own, changes)))
        against = "it cannot be read: the record is damaged, or memory is out";
    if (against) {
        (void)snprintf(why, REPLAY_WHY_MAX, "%s", against);
        return false;
    }
    head->method = changes->method ? slice_str(changes->method) : own.method;
    head->target = changes->path ? slice_str(changes->path) : own.target;
    head->authority = own.host;
    head->scheme = own.scheme;
    bool ok = add_lines(head, own.request_head) &&
              add_lines(&r->request.trailers, own.body[RECORD_REQUEST].trailers);
    take_over(r, &own, changes, &chunked);
    if (!ok || !set_fields(r, changes) || !frame(r, chunked && !changes->has_body)) {
        (void)snprintf(why, REPLAY_WHY_MAX, "it has too many fields");
        return false;
    }
    return true;
}

void replay_request_free(struct replay_request *r)
{
    free(r->text);
    free(r->bytes);
    *r = (struct replay_request){0};
}
