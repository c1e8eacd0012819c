// SPDX-License-Identifier: MIT
// Exchanges as an HTTP Archive, HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/). Members
// that begin with an underscore are extensions: _webSocketMessages as Chrome writes them, and
// _adit.
#include <inttypes.h>
#include "common/base/version.h"
#include "common/io/loop.h"
#include "export.h"
#include "export_request.h"
#include "json_writer.h"
#include "proto/utf8.h"
#include "recorded.h"
#include "text.h"
#include "timing.h"
#include "url_escape.h"
#include "write.h"
#include "ws_messages.h"

#define PAGE "page_1"

enum {
    PAIRS_MAX = 1000 // of a query, a form, or the cookies of one field
};

struct har {
    const struct record_exchange *x;
    struct record_reader *reader;
    struct json_writer json;
    bool ok;
};

static void put_pair(struct json_writer *w, struct slice name, struct slice value)
{
    json_open(w, NULL, '{');
    json_string(w, "name", name);
    json_string(w, "value", value);
    json_close(w, '}');
}

// Leaves out lines without a name, which readers reject.
static void put_headers(struct json_writer *w, const char *key, struct slice lines)
{
    struct slice name;
    struct slice value;
    json_open(w, key, '[');
    while (record_next_field(&lines, &name, &value))
        if (name.len > 0)
            put_pair(w, name, value);
    json_close(w, ']');
}

// Takes the part before `separator` off `s`, and the separator.
static struct slice take(struct slice *s, char separator)
{
    const char *end = s->len > 0 ? memchr(s->p, separator, s->len) : NULL;
    size_t len = end ? (size_t)(end - s->p) : s->len;
    struct slice part = slice_of(s->p, len);
    len += end ? 1 : 0;
    *s = slice_of(s->p + len, s->len - len);
    return part;
}

// Writes the pairs of "a=b&c=d", decoded. Some readers decode them once more, but not the names of
// a query: everywhere else a percent sign stays escaped.
static void put_parameters(struct har *h, const char *key, struct slice s, bool is_query)
{
    struct buf text = {0};
    json_open(&h->json, key, '[');
    for (size_t count = 0; s.len > 0 && count < PAIRS_MAX; count++) {
        struct slice value = take(&s, '&');
        struct slice name = take(&value, '=');
        if (name.len == 0 && value.len == 0)
            continue;
        h->ok = url_unescape(&text, name, !is_query) && h->ok;
        size_t at = buf_len(&text);
        h->ok = url_unescape(&text, value, true) && h->ok;
        struct slice both = buf_slice(&text);
        put_pair(&h->json, slice_of(both.p, at), slice_of(both.p + at, both.len - at));
        buf_take(&text, both.len);
    }
    json_close(&h->json, ']');
    buf_free(&text);
}

static void put_query(struct har *h, struct slice target)
{
    (void)take(&target, '?');
    put_parameters(h, "queryString", target, true);
}

// Leaves out cookies without a name and those whose values were redacted; the fields have them.
static void put_request_cookies(struct json_writer *w, const struct record_exchange *x)
{
    struct slice lines = x->request_head;
    struct slice name;
    struct slice value;
    json_open(w, "cookies", '[');
    while (record_next_field(&lines, &name, &value)) {
        if (!slice_ieq(name, SLICE("cookie")) || record_is_redacted(x, value))
            continue;
        for (size_t count = 0; value.len > 0 && count < PAIRS_MAX; count++) {
            struct slice pair = slice_trim(take(&value, ';'));
            struct slice cookie = take(&pair, '=');
            if (cookie.len > 0)
                put_pair(w, cookie, pair);
        }
    }
    json_close(w, ']');
}

static void put_cookie_attribute(struct json_writer *w, struct slice attribute)
{
    struct slice value = attribute;
    struct slice name = slice_trim(take(&value, '='));
    value = slice_trim(value);
    if (slice_ieq(name, SLICE("path")))
        json_string(w, "path", value);
    else if (slice_ieq(name, SLICE("domain")))
        json_string(w, "domain", value);
    else if (slice_ieq(name, SLICE("httponly")))
        json_bool(w, "httpOnly", true);
    else if (slice_ieq(name, SLICE("secure")))
        json_bool(w, "secure", true);
}

static void put_response_cookies(struct json_writer *w, const struct record_exchange *x)
{
    struct slice lines = x->response_head;
    struct slice name;
    struct slice value;
    json_open(w, "cookies", '[');
    while (record_next_field(&lines, &name, &value)) {
        struct slice pair = take(&value, ';');
        struct slice cookie = slice_trim(take(&pair, '='));
        if (!slice_ieq(name, SLICE("set-cookie")) || cookie.len == 0 ||
            slice_eq(cookie, SLICE("[redacted]")))
            continue;
        json_open(w, NULL, '{');
        json_string(w, "name", cookie);
        json_string(w, "value", slice_trim(pair));
        while (value.len > 0)
            put_cookie_attribute(w, take(&value, ';'));
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_text(struct json_writer *w, struct slice body)
{
    if (utf8_is_valid(body)) {
        json_string(w, "text", body);
        return;
    }
    json_base64(w, "text", body);
    json_string(w, "encoding", SLICE("base64"));
}

// Says how much of a body is missing.
static void put_partial(struct har *h, enum record_side side, const struct record_decoded *d)
{
    char text[96];
    const struct record_body *b = &h->x->body[side];
    if (d->whole || b->bytes == 0 || (h->x->flags & RECORD_UPGRADED))
        return;
    (void)snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64 " bytes were kept", b->kept,
                   b->bytes);
    json_string(&h->json, "comment",
                slice_str(b->kept < b->bytes ? text : recorded_why_undecoded(h->x, side, d->over)));
}

// The bytes of a body; bytes after a 101 are no body.
static uint64_t body_bytes(const struct har *h, enum record_side side)
{
    return h->x->flags & RECORD_UPGRADED ? 0 : h->x->body[side].bytes;
}

// The decoded body; empty when there is none, or when it cannot be read.
static struct record_decoded get_body(struct har *h, enum record_side side)
{
    struct record_decoded d = {.whole = true};
    if (body_bytes(h, side) == 0 || record_reader_decoded(h->reader, h->x, side, &d))
        return d;
    h->ok = false;
    return (struct record_decoded){0};
}

static void put_post_data(struct har *h)
{
    struct json_writer *w = &h->json;
    struct record_decoded d = get_body(h, RECORD_REQUEST);
    struct slice type = record_field(h->x->request_head, SLICE("content-type"));
    struct slice form = type;
    bool is_form =
        slice_ieq(slice_trim(take(&form, ';')), SLICE("application/x-www-form-urlencoded"));
    if (body_bytes(h, RECORD_REQUEST) == 0)
        return;
    json_open(w, "postData", '{');
    json_string(w, "mimeType", type.len > 0 ? type : SLICE("application/octet-stream"));
    put_parameters(h, "params", is_form && d.whole ? d.body : slice_of("", 0), false);
    put_text(w, d.body);
    put_partial(h, RECORD_REQUEST, &d);
    json_close(w, '}');
}

static void put_request(struct har *h)
{
    struct buf url = {0};
    struct json_writer *w = &h->json;
    const struct record_exchange *x = h->x;
    h->ok = recorded_url(&url, x) && h->ok;
    json_open(w, "request", '{');
    json_string(w, "method", x->method.len > 0 ? x->method : SLICE("UNKNOWN"));
    json_string(w, "url", buf_slice(&url));
    json_string(w, "httpVersion", x->protocol);
    put_request_cookies(w, x);
    put_headers(w, "headers", x->request_head);
    put_query(h, x->target);
    put_post_data(h);
    json_int(w, "headersSize", -1);
    json_count(w, "bodySize", body_bytes(h, RECORD_REQUEST));
    json_close(w, '}');
    buf_free(&url);
}

static void put_content(struct har *h)
{
    struct json_writer *w = &h->json;
    struct slice type = record_field(h->x->response_head, SLICE("content-type"));
    uint64_t bytes = body_bytes(h, RECORD_RESPONSE);
    struct record_decoded d = get_body(h, RECORD_RESPONSE);
    json_open(w, "content", '{');
    json_count(w, "size", d.decoded ? d.body.len : bytes);
    if (d.decoded && d.whole)
        json_int(w, "compression", (int64_t)d.body.len - (int64_t)bytes);
    json_string(w, "mimeType", type.len > 0 ? type : SLICE("x-unknown")); // as Chrome writes it
    if (d.body.len > 0)
        put_text(w, d.body);
    put_partial(h, RECORD_RESPONSE, &d);
    json_close(w, '}');
}

static void put_response(struct har *h)
{
    struct json_writer *w = &h->json;
    const struct record_exchange *x = h->x;
    json_open(w, "response", '{');
    json_count(w, "status", x->status); // 0 when there was none
    json_string(w, "statusText", x->reason);
    json_string(w, "httpVersion", x->status ? x->response_protocol : x->protocol);
    put_response_cookies(w, x);
    put_headers(w, "headers", x->response_head);
    put_content(h);
    json_string(w, "redirectURL", record_field(x->response_head, SLICE("location")));
    json_int(w, "headersSize", -1);
    json_count(w, "bodySize", body_bytes(h, RECORD_RESPONSE));
    if (!x->status)
        json_string(w, "_error", x->outcome.len > 0 ? x->outcome : SLICE("still running"));
    json_close(w, '}');
}

static int64_t at_least(int64_t ns, int64_t least)
{
    return ns > least ? ns : least;
}

// HAR wants parts that add up to the whole. So the points in time are put in order: begun,
// connected, sent on, last byte of the request, answered, ended.
static void put_timings(struct har *h)
{
    const struct record_exchange *x = h->x;
    struct json_writer *w = &h->json;
    int64_t connect = at_least(x->connect_ns, 0);
    int64_t end = timing_elapsed(x, wall_clock_ns());
    int64_t answered = x->answered_ns >= 0 && x->answered_ns < end ? x->answered_ns : end;
    int64_t sent_on = x->sent_on_ns >= 0 && x->sent_on_ns < answered ? x->sent_on_ns : answered;
    int64_t sent = sent_on;
    if (!(x->flags & RECORD_UPGRADED)) // bytes after a 101 are no request body
        sent = at_least(x->body[RECORD_REQUEST].last_ns, sent_on);
    sent = sent < answered ? sent : answered;
    connect = connect < sent_on ? connect : sent_on;
    json_ms(w, "time", end);
    json_open(w, "cache", '{');
    json_close(w, '}');
    json_open(w, "timings", '{');
    json_ms(w, "blocked", sent_on - connect);
    json_int(w, "dns", -1);
    if (x->connect_ns >= 0)
        json_ms(w, "connect", connect);
    else
        json_int(w, "connect", -1);
    json_ms(w, "send", sent - sent_on);
    json_ms(w, "wait", answered - sent);
    json_ms(w, "receive", end - answered);
    json_int(w, "ssl", -1);
    json_close(w, '}');
}

static void put_message(struct har *h, const struct ws_message *m)
{
    struct json_writer *w = &h->json;
    bool is_text = m->kept.opcode == 1 && utf8_is_valid(m->text);
    json_open(w, NULL, '{');
    json_string(w, "type", m->kept.side == RECORD_REQUEST ? SLICE("send") : SLICE("receive"));
    json_seconds(w, "time", at_least(h->x->began_ns, 0) + at_least(m->kept.at_ns, 0));
    json_count(w, "opcode", m->kept.opcode);
    if (is_text)
        json_string(w, "data", m->text);
    else
        json_base64(w, "data", m->text);
    json_close(w, '}');
}

// An agent has no Upgrade in its record, a field of a connection: then WebSocket is assumed.
static bool is_websocket(const struct record_exchange *x)
{
    struct slice answer = record_field(x->response_head, SLICE("upgrade"));
    struct slice offer = record_field(x->request_head, SLICE("upgrade"));
    struct slice protocol = answer.len > 0 ? answer : offer;
    return protocol.len == 0 || slice_ieq(protocol, SLICE("websocket"));
}

static void put_messages(struct har *h)
{
    struct ws_messages messages;
    struct ws_message m;
    int status = 0;
    if (!(h->x->flags & RECORD_UPGRADED))
        return;
    ws_messages_init(&messages, h->reader, h->x->seq);
    if (is_websocket(h->x))
        json_string(&h->json, "_resourceType", SLICE("websocket"));
    json_open(&h->json, "_webSocketMessages", '[');
    while ((status = ws_messages_next(&messages, &m)) > 0)
        put_message(h, &m);
    json_close(&h->json, ']');
    ws_messages_deinit(&messages);
    h->ok = h->ok && status == 0;
}

static void put_adit(struct har *h)
{
    struct json_writer *w = &h->json;
    const struct record_exchange *x = h->x;
    json_open(w, "_adit", '{');
    json_string(w, "id", slice_str(x->id));
    json_string(w, "program", x->program);
    json_string(w, "tunnel", x->tunnel);
    json_string(w, "visitor", x->visitor);
    json_string(w, "upstream", x->upstream);
    json_string(w, "outcome", x->outcome);
    json_string(w, "error", x->error);
    json_string(w, "detail", x->detail);
    json_string(w, "replayOf", x->replay_of);
    json_bool(w, "redacted", x->flags & RECORD_REDACTED);
    json_count(w, "requestBytes", x->body[RECORD_REQUEST].bytes);
    json_count(w, "responseBytes", x->body[RECORD_RESPONSE].bytes);
    json_count(w, "requestKept", x->body[RECORD_REQUEST].kept);
    json_count(w, "responseKept", x->body[RECORD_RESPONSE].kept);
    put_headers(w, "requestTrailers", x->body[RECORD_REQUEST].trailers);
    put_headers(w, "responseTrailers", x->body[RECORD_RESPONSE].trailers);
    json_close(w, '}');
}

bool export_har(struct export *e, const struct record_exchange *x)
{
    char began[TEXT_TIME_MAX];
    int64_t began_ns = at_least(x->began_ns, 0);
    struct har h = {.x = x, .reader = e->reader, .json = {.out = e->out}, .ok = true};
    (void)fputs(e->count > 0 ? ",\n" : "", e->out);
    json_open(&h.json, NULL, '{');
    json_string(&h.json, "pageref", SLICE(PAGE));
    json_string(&h.json, "startedDateTime", slice_str(text_utc_time(began_ns, began)));
    put_request(&h);
    put_response(&h);
    put_timings(&h);
    put_messages(&h);
    put_adit(&h);
    json_close(&h.json, '}');
    e->first_ns = e->count == 0 || began_ns < e->first_ns ? began_ns : e->first_ns;
    e->count++;
    return h.ok;
}

void export_har_begin(struct export *e)
{
    (void)fprintf(
        e->out,
        "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"adit\",\"version\":\"%s\"},"
        "\"entries\":[\n",
        adit_version());
}

// Readers require a page: one page for all entries.
void export_har_end(struct export *e)
{
    char began[TEXT_TIME_MAX];
    (void)fputs("\n],\"pages\":[", e->out);
    if (e->count > 0)
        (void)fprintf(e->out,
                      "{\"id\":\"" PAGE "\",\"title\":\"adit\",\"startedDateTime\":\"%s\","
                      "\"pageTimings\":{\"onContentLoad\":-1,\"onLoad\":-1}}",
                      text_utc_time(e->first_ns, began));
    (void)fputs("]}}\n", e->out);
}
