// SPDX-License-Identifier: MIT
// Exchanges as an HTTP Archive, HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/). What
// begins with an underscore is beyond it: _webSocketMessages as Chrome writes them, _adit ours.
#include <inttypes.h>
#include "bits.h"
#include "common/base/utf8.h"
#include "common/base/version.h"
#include "common/io/loop.h"
#include "emit.h"
#include "export.h"
#include "heads.h"
#include "messages.h"
#include "sent.h"
#include "timing.h"

#define PAGE "page_1"

enum {
    PAIRS_MAX = 1000 // of a query, a form or the cookies of a field
};

struct har {
    const struct record_exchange *x;
    struct record_reader *reader;
    struct emit emit;
    bool ok;
};

static void put_pair(struct emit *e, struct slice name, struct slice value)
{
    emit_open(e, NULL, '{');
    emit_string(e, "name", name);
    emit_string(e, "value", value);
    emit_close(e, '}');
}

// A line without a name is no field that anybody would take.
static void put_headers(struct emit *e, const char *key, struct slice lines)
{
    struct slice name;
    struct slice value;
    emit_open(e, key, '[');
    while (record_next_field(&lines, &name, &value))
        if (name.len > 0)
            put_pair(e, name, value);
    emit_close(e, ']');
}

// Takes what comes before `separator` off s.
static struct slice take(struct slice *s, char separator)
{
    const char *end = s->len > 0 ? memchr(s->p, separator, s->len) : NULL;
    size_t len = end ? (size_t)(end - s->p) : s->len;
    struct slice part = slice_of(s->p, len);
    len += end ? 1 : 0;
    *s = slice_of(s->p + len, s->len - len);
    return part;
}

// The pairs of "a=b&c=d", unescaped. Some readers unescape them once more, all but the names of a
// query, so a percent sign stays escaped there.
static void put_parameters(struct har *h, const char *key, struct slice s, bool is_query)
{
    struct buf text = {0};
    emit_open(&h->emit, key, '[');
    for (size_t count = 0; s.len > 0 && count < PAIRS_MAX; count++) {
        struct slice value = take(&s, '&');
        struct slice name = take(&value, '=');
        if (name.len == 0 && value.len == 0)
            continue;
        h->ok = append_unescaped(&text, name, !is_query) && h->ok;
        size_t at = buf_len(&text);
        h->ok = append_unescaped(&text, value, true) && h->ok;
        struct slice both = buf_slice(&text);
        put_pair(&h->emit, slice_of(both.p, at), slice_of(both.p + at, both.len - at));
        buf_take(&text, both.len);
    }
    emit_close(&h->emit, ']');
    buf_free(&text);
}

static void put_query(struct har *h, struct slice target)
{
    (void)take(&target, '?');
    put_parameters(h, "queryString", target, true);
}

// Cookies without a name are among the fields only, and so are those whose values were redacted.
static void put_request_cookies(struct emit *e, const struct record_exchange *x)
{
    struct slice lines = x->request_head;
    struct slice name;
    struct slice value;
    emit_open(e, "cookies", '[');
    while (record_next_field(&lines, &name, &value)) {
        if (!slice_ieq(name, SLICE("cookie")) || sent_is_redacted(x, value))
            continue;
        for (size_t count = 0; value.len > 0 && count < PAIRS_MAX; count++) {
            struct slice pair = slice_trim(take(&value, ';'));
            struct slice cookie = take(&pair, '=');
            if (cookie.len > 0)
                put_pair(e, cookie, pair);
        }
    }
    emit_close(e, ']');
}

static void put_cookie_attribute(struct emit *e, struct slice attribute)
{
    struct slice value = attribute;
    struct slice name = slice_trim(take(&value, '='));
    value = slice_trim(value);
    if (slice_ieq(name, SLICE("path")))
        emit_string(e, "path", value);
    else if (slice_ieq(name, SLICE("domain")))
        emit_string(e, "domain", value);
    else if (slice_ieq(name, SLICE("httponly")))
        emit_bool(e, "httpOnly", true);
    else if (slice_ieq(name, SLICE("secure")))
        emit_bool(e, "secure", true);
}

static void put_response_cookies(struct emit *e, const struct record_exchange *x)
{
    struct slice lines = x->response_head;
    struct slice name;
    struct slice value;
    emit_open(e, "cookies", '[');
    while (record_next_field(&lines, &name, &value)) {
        struct slice pair = take(&value, ';');
        struct slice cookie = slice_trim(take(&pair, '='));
        if (!slice_ieq(name, SLICE("set-cookie")) || cookie.len == 0 ||
            slice_eq(cookie, SLICE("[redacted]")))
            continue;
        emit_open(e, NULL, '{');
        emit_string(e, "name", cookie);
        emit_string(e, "value", slice_trim(pair));
        while (value.len > 0)
            put_cookie_attribute(e, take(&value, ';'));
        emit_close(e, '}');
    }
    emit_close(e, ']');
}

static void put_text(struct emit *e, struct slice body)
{
    if (utf8_is(body)) {
        emit_string(e, "text", body);
        return;
    }
    emit_base64(e, "text", body);
    emit_string(e, "encoding", SLICE("base64"));
}

static void put_partial(struct har *h, enum record_side side, const struct record_decoded *d)
{
    char text[96];
    const struct record_body *b = &h->x->body[side];
    if (d->whole || b->bytes == 0 || (h->x->flags & RECORD_UPGRADED))
        return;
    (void)snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64 " bytes were kept", b->kept,
                   b->bytes);
    emit_string(&h->emit, "comment",
                slice_str(b->kept < b->bytes ? text : undecoded(h->x, side, d->over)));
}

// What passed behind a 101 is no body.
static uint64_t body_bytes(const struct har *h, enum record_side side)
{
    return h->x->flags & RECORD_UPGRADED ? 0 : h->x->body[side].bytes;
}

// The body decoded; empty when there is none, or not to be read.
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
    struct emit *e = &h->emit;
    struct record_decoded d = get_body(h, RECORD_REQUEST);
    struct slice type = record_field(h->x->request_head, SLICE("content-type"));
    struct slice form = type;
    bool is_form =
        slice_ieq(slice_trim(take(&form, ';')), SLICE("application/x-www-form-urlencoded"));
    if (body_bytes(h, RECORD_REQUEST) == 0)
        return;
    emit_open(e, "postData", '{');
    emit_string(e, "mimeType", type.len > 0 ? type : SLICE("application/octet-stream"));
    put_parameters(h, "params", is_form && d.whole ? d.body : slice_of("", 0), false);
    put_text(e, d.body);
    put_partial(h, RECORD_REQUEST, &d);
    emit_close(e, '}');
}

static void put_request(struct har *h)
{
    struct buf url = {0};
    struct emit *e = &h->emit;
    const struct record_exchange *x = h->x;
    h->ok = absolute_url(&url, x) && h->ok;
    emit_open(e, "request", '{');
    emit_string(e, "method", x->method.len > 0 ? x->method : SLICE("UNKNOWN"));
    emit_string(e, "url", buf_slice(&url));
    emit_string(e, "httpVersion", x->protocol);
    put_request_cookies(e, x);
    put_headers(e, "headers", x->request_head);
    put_query(h, x->target);
    put_post_data(h);
    emit_int(e, "headersSize", -1);
    emit_count(e, "bodySize", body_bytes(h, RECORD_REQUEST));
    emit_close(e, '}');
    buf_free(&url);
}

static void put_content(struct har *h)
{
    struct emit *e = &h->emit;
    struct slice type = record_field(h->x->response_head, SLICE("content-type"));
    uint64_t bytes = body_bytes(h, RECORD_RESPONSE);
    struct record_decoded d = get_body(h, RECORD_RESPONSE);
    emit_open(e, "content", '{');
    emit_count(e, "size", d.decoded ? d.body.len : bytes);
    if (d.decoded && d.whole)
        emit_int(e, "compression", (int64_t)d.body.len - (int64_t)bytes);
    emit_string(e, "mimeType", type.len > 0 ? type : SLICE("x-unknown")); // as Chrome writes it
    if (d.body.len > 0)
        put_text(e, d.body);
    put_partial(h, RECORD_RESPONSE, &d);
    emit_close(e, '}');
}

static void put_response(struct har *h)
{
    struct emit *e = &h->emit;
    const struct record_exchange *x = h->x;
    emit_open(e, "response", '{');
    emit_count(e, "status", x->status); // 0 when there was none
    emit_string(e, "statusText", x->reason);
    emit_string(e, "httpVersion", x->status ? x->response_protocol : x->protocol);
    put_response_cookies(e, x);
    put_headers(e, "headers", x->response_head);
    put_content(h);
    emit_string(e, "redirectURL", record_field(x->response_head, SLICE("location")));
    emit_int(e, "headersSize", -1);
    emit_count(e, "bodySize", body_bytes(h, RECORD_RESPONSE));
    if (!x->status)
        emit_string(e, "_error", x->outcome.len > 0 ? x->outcome : SLICE("still running"));
    emit_close(e, '}');
}

static int64_t at_least(int64_t ns, int64_t least)
{
    return ns > least ? ns : least;
}

// Points in time after each other, so that the parts are the whole: begun, connecting, sent on, the
// request's last byte, answered, ended.
static void put_timings(struct har *h)
{
    const struct record_exchange *x = h->x;
    struct emit *e = &h->emit;
    int64_t connect = at_least(x->connect_ns, 0);
    int64_t end = timing_lasted(x, wall_clock_ns());
    int64_t answered = x->answered_ns >= 0 && x->answered_ns < end ? x->answered_ns : end;
    int64_t sent_on = x->sent_on_ns >= 0 && x->sent_on_ns < answered ? x->sent_on_ns : answered;
    int64_t sent = sent_on;
    if (!(x->flags & RECORD_UPGRADED)) // what passed behind a 101 was not waited for
        sent = at_least(x->body[RECORD_REQUEST].last_ns, sent_on);
    sent = sent < answered ? sent : answered;
    connect = connect < sent_on ? connect : sent_on;
    emit_ms(e, "time", end);
    emit_open(e, "cache", '{');
    emit_close(e, '}');
    emit_open(e, "timings", '{');
    emit_ms(e, "blocked", sent_on - connect);
    emit_int(e, "dns", -1);
    if (x->connect_ns >= 0)
        emit_ms(e, "connect", connect);
    else
        emit_int(e, "connect", -1);
    emit_ms(e, "send", sent - sent_on);
    emit_ms(e, "wait", answered - sent);
    emit_ms(e, "receive", end - answered);
    emit_int(e, "ssl", -1);
    emit_close(e, '}');
}

static void put_message(struct har *h, const struct message *m)
{
    struct emit *e = &h->emit;
    bool is_text = m->kept.opcode == 1 && utf8_is(m->text);
    emit_open(e, NULL, '{');
    emit_string(e, "type", m->kept.side == RECORD_REQUEST ? SLICE("send") : SLICE("receive"));
    emit_seconds(e, "time", at_least(h->x->began_ns, 0) + at_least(m->kept.at_ns, 0));
    emit_count(e, "opcode", m->kept.opcode);
    if (is_text)
        emit_string(e, "data", m->text);
    else
        emit_base64(e, "data", m->text);
    emit_close(e, '}');
}

// Who does not know Upgrade, which belongs to a connection, has seen no other protocol.
static bool is_websocket(const struct record_exchange *x)
{
    struct slice answer = record_field(x->response_head, SLICE("upgrade"));
    struct slice offer = record_field(x->request_head, SLICE("upgrade"));
    struct slice protocol = answer.len > 0 ? answer : offer;
    return protocol.len == 0 || slice_ieq(protocol, SLICE("websocket"));
}

static void put_messages(struct har *h)
{
    struct messages messages;
    struct message m;
    int status = 0;
    if (!(h->x->flags & RECORD_UPGRADED))
        return;
    messages_init(&messages, h->reader, h->x->seq);
    if (is_websocket(h->x))
        emit_string(&h->emit, "_resourceType", SLICE("websocket"));
    emit_open(&h->emit, "_webSocketMessages", '[');
    while ((status = messages_next(&messages, &m)) > 0)
        put_message(h, &m);
    emit_close(&h->emit, ']');
    messages_deinit(&messages);
    h->ok = h->ok && status == 0;
}

static void put_own(struct har *h)
{
    struct emit *e = &h->emit;
    const struct record_exchange *x = h->x;
    emit_open(e, "_adit", '{');
    emit_string(e, "id", slice_str(x->id));
    emit_string(e, "program", x->program);
    emit_string(e, "tunnel", x->tunnel);
    emit_string(e, "visitor", x->visitor);
    emit_string(e, "upstream", x->upstream);
    emit_string(e, "outcome", x->outcome);
    emit_string(e, "error", x->error);
    emit_string(e, "detail", x->detail);
    emit_string(e, "replayOf", x->replay_of);
    emit_bool(e, "redacted", x->flags & RECORD_REDACTED);
    emit_count(e, "requestBytes", x->body[RECORD_REQUEST].bytes);
    emit_count(e, "responseBytes", x->body[RECORD_RESPONSE].bytes);
    emit_count(e, "requestKept", x->body[RECORD_REQUEST].kept);
    emit_count(e, "responseKept", x->body[RECORD_RESPONSE].kept);
    put_headers(e, "requestTrailers", x->body[RECORD_REQUEST].trailers);
    put_headers(e, "responseTrailers", x->body[RECORD_RESPONSE].trailers);
    emit_close(e, '}');
}

bool export_har(struct export *e, const struct record_exchange *x)
{
    char began[TIMESTAMP_MAX];
    int64_t began_ns = at_least(x->began_ns, 0);
    struct har h = {.x = x, .reader = e->reader, .emit = {.out = e->out}, .ok = true};
    (void)fputs(e->count > 0 ? ",\n" : "", e->out);
    emit_open(&h.emit, NULL, '{');
    emit_string(&h.emit, "pageref", SLICE(PAGE));
    emit_string(&h.emit, "startedDateTime", slice_str(timestamp(began_ns, began)));
    put_request(&h);
    put_response(&h);
    put_timings(&h);
    put_messages(&h);
    put_own(&h);
    emit_close(&h.emit, '}');
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

// Readers want a page: one that all belong to.
void export_har_end(struct export *e)
{
    char began[TIMESTAMP_MAX];
    (void)fputs("\n],\"pages\":[", e->out);
    if (e->count > 0)
        (void)fprintf(e->out,
                      "{\"id\":\"" PAGE "\",\"title\":\"adit\",\"startedDateTime\":\"%s\","
                      "\"pageTimings\":{\"onContentLoad\":-1,\"onLoad\":-1}}",
                      timestamp(e->first_ns, began));
    (void)fputs("]}}\n", e->out);
}
