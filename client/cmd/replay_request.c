// SPDX-License-Identifier: MIT
#include "replay_request.h"
#include <stdio.h>
#include <stdlib.h>
#include "proto/http/authority.h"
#include "proto/http/chars.h"
#include "proto/http/credentials.h"

enum {
    NAMES_SPARE = 512 // for a name that is written and then found to be known, or too many
};

static char *copy(char **at, struct slice s)
{
    char *to = *at;
    if (s.len > 0)
        memcpy(to, s.p, s.len);
    *at += s.len;
    return to;
}

// The reader's texts are valid until its next call, and the body is read after the head.
static bool copy_record_text(struct replay_request *r, const struct record_exchange *x,
                             struct record_exchange *own)
{
    struct slice *const all[] = {&own->method,
                                 &own->target,
                                 &own->host,
                                 &own->scheme,
                                 &own->visitor,
                                 &own->program,
                                 &own->request_head,
                                 &own->response_head,
                                 &own->body[RECORD_REQUEST].trailers,
                                 &own->body[RECORD_RESPONSE].trailers};
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

// Adds the name of a field (`kind` is empty) or of a parameter ("query:"), once. It is written at
// `*at`.
static bool add_redacted(struct replay_request *r, struct slice kind, struct slice name, char **at)
{
    char *text = *at;
    (void)copy(at, kind);
    (void)copy(at, name);
    const struct slice written = slice_of(text, (size_t)(*at - text));
    size_t i = 0;
    while (i < r->redacted_count && !slice_ieq(written, slice_str(r->redacted[i])))
        i++;
    if (i < r->redacted_count || r->redacted_count == REPLAY_REDACTED_MAX) {
        *at = text;
        return i < r->redacted_count;
    }
    *(*at)++ = 0;
    r->redacted[r->redacted_count++] = text;
    return true;
}

// Adds the redacted parameters in a text, except those that every record redacts.
static bool add_parameters(struct replay_request *r, struct slice text, char **at)
{
    struct slice name;
    bool ok = true;
    while (ok && record_next_redacted(&text, &name))
        ok = credential_is_parameter(name) || !credential_same_parameter(name, name) ||
             add_redacted(r, SLICE("query:"), name, at);
    return ok;
}

// Adds request fields whose values were redacted, if only in part: they are not sent at all.
static bool add_fields(struct replay_request *r, const struct record_exchange *x,
                       struct slice lines, char **at)
{
    struct slice name;
    struct slice value;
    bool ok = true;
    while (ok && record_next_field(&lines, &name, &value))
        ok = !record_is_redacted(x, value) || add_redacted(r, SLICE(""), name, at);
    return ok;
}

static bool add_response_names(struct replay_request *r, const struct record_exchange *x,
                               struct slice lines, char **at)
{
    struct slice name;
    struct slice value;
    bool ok = true;
    while (ok && record_next_field(&lines, &name, &value)) {
        bool whole = slice_eq(value, SLICE("[redacted]"));
        if (record_is_redacted(x, value))
            ok = whole ? add_redacted(r, SLICE(""), name, at) : add_parameters(r, value, at);
    }
    return ok;
}

static bool add_request_parameters(struct replay_request *r, const struct record_exchange *x,
                                   struct slice lines, char **at)
{
    struct slice name;
    struct slice value;
    bool ok = true;
    while (ok && record_next_field(&lines, &name, &value))
        ok = !record_is_redacted(x, value) || add_parameters(r, value, at);
    return ok;
}

// Moves the request fields that no change sets or drops to the beginning.
static void move_omitted_first(struct replay_request *r, const struct replay_changes *c,
                               size_t requested)
{
    for (size_t i = 0; i < requested; i++) {
        const char *name = r->redacted[i];
        if (replay_changes_field(c, slice_str(name)))
            continue;
        r->redacted[i] = r->redacted[r->omitted_count];
        r->redacted[r->omitted_count++] = name;
    }
}

static bool collect_redacted(struct replay_request *r, const struct record_exchange *x,
                             const struct replay_changes *c)
{
    const struct slice request[] = {x->request_head, x->body[RECORD_REQUEST].trailers};
    const struct slice response[] = {x->response_head, x->body[RECORD_RESPONSE].trailers};
    // Room enough: each name is followed by a colon there, each parameter by "=[redacted]". Names
    // of requests are added twice.
    char *at = r->names = malloc(2 * (request[0].len + request[1].len) + response[0].len +
                                 response[1].len + x->target.len + NAMES_SPARE);
    if (!at || !add_fields(r, x, request[0], &at) || !add_fields(r, x, request[1], &at))
        return false;
    move_omitted_first(r, c, r->redacted_count);
    bool target = record_is_redacted(x, x->target);
    return (!target || add_parameters(r, x->target, &at)) &&
           add_request_parameters(r, x, request[0], &at) &&
           add_request_parameters(r, x, request[1], &at) &&
           add_response_names(r, x, response[0], &at) && add_response_names(r, x, response[1], &at);
}

// Relay and proxy decremented Max-Forwards (RFC 9110 §7.6.2) after it was recorded.
static void decrement_max_forwards(struct replay_request *r)
{
    struct http_head *head = &r->request.head;
    uint64_t left = 0;
    size_t i = 0;
    if (!slice_eq(head->method, SLICE("OPTIONS")) && !slice_eq(head->method, SLICE("TRACE")))
        return;
    while (i < head->field_count && !slice_ieq(head->fields[i].name, SLICE("max-forwards")))
        i++;
    if (i == head->field_count || !slice_to_u64(head->fields[i].value, &left) || left == 0)
        return;
    (void)snprintf(r->forwards, sizeof(r->forwards), "%llu", (unsigned long long)(left - 1));
    head->fields[i].value = slice_str(r->forwards);
}

// Relay and proxy record what the visitor sent: the fields that they added must be added again. The
// agent records them.
static bool add_forwarded(struct replay_request *r, const struct record_exchange *x)
{
    struct http_head *head = &r->request.head;
    if (!slice_eq(x->program, SLICE("adit proxy")) && !slice_eq(x->program, SLICE("aditd")))
        return true;
    const struct fields_edge edge = {
        .visitor = x->visitor,
        .scheme = x->scheme.len ? x->scheme : SLICE("http"),
        .host = x->host.len <= 255 ? x->host : (struct slice){0},
        .loop_id = SLICE("adit-replay"),
    };
    head_remove(head, SLICE("host")); // it is the authority
    decrement_max_forwards(r);
    return fields_add_forwarded(head, &edge, r->forwarded, sizeof(r->forwarded)) == 0;
}

// Fields that describe the recorded body, when another one is sent. Expect stays unless it is
// empty.
static bool belongs_to_old_body(const struct replay_request *r, const struct replay_changes *c,
                                struct slice name)
{
    return c->has_body && (slice_ieq(name, SLICE("content-encoding")) ||
                           (r->request.body.len == 0 && slice_ieq(name, SLICE("expect"))) ||
                           slice_ieq(name, SLICE("trailer")));
}

// Drops fields from a head or from trailers: redacted, changed, or of the recorded body.
static void drop_fields(const struct replay_request *r, const struct record_exchange *x,
                        const struct replay_changes *c, struct http_head *head)
{
    size_t kept = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        struct field f = head->fields[i];
        if (!slice_ieq(f.name, SLICE("host")) && !belongs_to_old_body(r, c, f.name) &&
            !replay_changes_field(c, f.name) && !record_is_redacted(x, f.value))
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

// Frames the body as it was recorded; another one by its length.
static bool set_framing(struct replay_request *r, const struct replay_changes *c)
{
    struct replay_inbound_request *q = &r->request;
    struct field *length = NULL;
    for (size_t i = 0; i < q->head.field_count; i++)
        if (slice_ieq(q->head.fields[i].name, SLICE("content-length")))
            length = &q->head.fields[i];
    bool coded = head_find(&q->head, SLICE("transfer-encoding")) || q->body.len > 0 ||
                 q->trailers.field_count > 0;
    if (!length && !c->has_body) {
        q->framing.kind = coded ? BODY_CHUNKED : BODY_NONE;
        return true;
    }
    q->trailers.field_count = 0; // only a chunked body has trailers
    q->framing = (struct body_framing){q->body.len ? BODY_LENGTH : BODY_NONE, q->body.len};
    (void)snprintf(r->digits, sizeof(r->digits), "%zu", q->body.len);
    if (length)
        length->value = slice_str(r->digits);
    return length || head_add(&q->head, SLICE("Content-Length"), slice_str(r->digits));
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

static const char *obstacle(const struct record_exchange *x, const struct replay_changes *c)
{
    const struct record_body *b = &x->body[RECORD_REQUEST];
    if (x->outcome.len == 0)
        return "it is still running";
    if (x->flags & RECORD_UPGRADED)
        return "it was upgraded to another protocol, which cannot be replayed";
    if (c->has_body)
        return NULL;
    if (!(x->flags & RECORD_REQUEST_WHOLE))
        return "its body did not come whole: give another with --body-file";
    if (b->kept < b->bytes)
        return "its body was not kept whole: give another with --body-file";
    return NULL;
}

static bool fields_are_valid(const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (!chars_are(head->fields[i].name, CHAR_TOKEN) || head->fields[i].name.len == 0 ||
            !chars_are(head->fields[i].value, CHAR_VALUE))
            return false;
    return true;
}

// The record is a file that others may have written: checks what the parser guarantees elsewhere.
static bool is_valid(const struct replay_inbound_request *q)
{
    const struct http_head *head = &q->head;
    return head->method.len > 0 && chars_are(head->method, CHAR_TOKEN) &&
           !slice_eq(head->method, SLICE("CONNECT")) && head->target.len > 0 &&
           chars_are(head->target, CHAR_TARGET) &&
           (head->authority.len == 0 || authority_is_valid(head->authority)) &&
           fields_are_valid(head) && fields_are_valid(&q->trailers);
}

static const char *build(struct replay_request *r, const struct record_exchange *x,
                         const struct replay_changes *changes)
{
    struct http_head *head = &r->request.head;
    head->method = changes->method ? slice_str(changes->method) : x->method;
    head->target = changes->path ? slice_str(changes->path) : x->target;
    head->authority = x->host;
    head->scheme = x->scheme;
    head->minor_version = slice_eq(x->protocol, SLICE("HTTP/1.0")) ? 0 : 1;
    bool ok = record_add_fields(head, x->request_head) &&
              record_add_fields(&r->request.trailers, x->body[RECORD_REQUEST].trailers) &&
              set_framing(r, changes);
    const struct field *host = head_find(head, SLICE("host"));
    if (host)
        head->host_name = host->name;
    fields_strip_hop_by_hop(head);
    fields_strip_trailers(&r->request.trailers, (struct slice){0});
    ok = ok && add_forwarded(r, x) && collect_redacted(r, x, changes);
    drop_fields(r, x, changes, head);
    drop_fields(r, x, changes, &r->request.trailers);
    if (!ok || !set_fields(r, changes))
        return "it has too many fields, or memory ran out";
    head->minor_version = 1; // an upstream is sent HTTP/1.1
    return is_valid(&r->request) ? NULL : "it is not valid HTTP, so it is not sent";
}

bool replay_request_make(struct replay_request *r, struct record_reader *reader,
                         const struct record_exchange *x, const struct replay_changes *changes,
                         char why[static REPLAY_WHY_MAX])
{
    struct record_exchange own;
    const char *against = obstacle(x, changes);
    memset(r, 0, sizeof(*r));
    head_init(&r->request.head);
    head_init(&r->request.trailers);
    if (!against && (!copy_record_text(r, x, &own) || !take_body(r, reader, &own, changes)))
        against = "it cannot be read: the record is damaged, or memory ran out";
    if (!against)
        against = build(r, &own, changes);
    (void)snprintf(why, REPLAY_WHY_MAX, "%s", against ? against : "");
    if (!against && !changes->path && record_is_redacted(&own, own.target)) {
        char names[RECORD_NAMES_MAX] = "";
        record_redacted_names(own.target, names);
        (void)snprintf(
            why, REPLAY_WHY_MAX,
            "its target was recorded without the values of %s: give the whole target with --path",
            names);
        return false;
    }
    return !against;
}

void replay_request_free(struct replay_request *r)
{
    free(r->text);
    free(r->bytes);
    free(r->names);
    *r = (struct replay_request){0};
}
