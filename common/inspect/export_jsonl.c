// SPDX-License-Identifier: MIT
// Exchanges as JSON objects that leave nothing out (docs/record.md, "JSON").
#include "bits.h"
#include "common/utf8.h"
#include "emit.h"
#include "exchange_json.h"
#include "heads.h"
#include "messages.h"
#include "timing.h"

static void put_fields(struct emit *e, const char *name, struct slice lines)
{
    struct slice field;
    struct slice value;
    emit_open(e, name, '[');
    while (record_next_field(&lines, &field, &value)) {
        emit_open(e, NULL, '[');
        emit_bytes(e, NULL, field);
        emit_bytes(e, NULL, value);
        emit_close(e, ']');
    }
    emit_close(e, ']');
}

static void put_interim(struct emit *e, struct slice lines)
{
    struct interim interim;
    emit_open(e, "interim", '[');
    while (next_interim(&lines, &interim)) {
        emit_open(e, NULL, '{');
        emit_count(e, "status", interim.status);
        emit_bytes(e, "reason", interim.reason);
        put_fields(e, "fields", interim.fields);
        emit_close(e, '}');
    }
    emit_close(e, ']');
}

static void put_content(struct emit *e, struct slice body, bool is_text)
{
    if (is_text)
        emit_string(e, "text", body);
    else
        emit_base64(e, "base64", body);
}

static void put_decoded(struct exchange_json *j, const struct record_exchange *x,
                        enum record_side side)
{
    struct emit *e = &j->emit;
    struct record_decoded d;
    if (!record_reader_decoded(j->reader, x, side, &d) || !d.decoded)
        return;
    emit_open(e, "decoded", '{');
    emit_bool(e, "whole", d.whole);
    put_content(e, d.body, utf8_is(d.body));
    emit_close(e, '}');
}

static bool put_body(struct exchange_json *j, const struct record_exchange *x,
                     enum record_side side)
{
    struct slice body = {0};
    struct emit *e = &j->emit;
    const struct record_body *b = &x->body[side];
    unsigned flag = side == RECORD_REQUEST ? RECORD_REQUEST_WHOLE : RECORD_RESPONSE_WHOLE;
    struct slice head = side == RECORD_REQUEST ? x->request_head : x->response_head;
    bool ok = record_reader_body(j->reader, x->seq, side, &body);
    emit_open(e, "body", '{');
    emit_count(e, "bytes", b->bytes);
    emit_count(e, "kept", b->kept);
    emit_bool(e, "whole", x->flags & flag);
    if (b->has_digest)
        emit_hex(e, "xxh3_128", slice_of((const char *)b->digest, sizeof(b->digest)));
    else
        emit_null(e, "xxh3_128");
    emit_time(e, "first_ns", b->first_ns);
    emit_time(e, "last_ns", b->last_ns);
    emit_int(e, "stalled_ns", b->stalled_ns);
    put_content(e, body, utf8_is(body));
    if (j->decode && body.len > 0 && has_field(head, SLICE("content-encoding")))
        put_decoded(j, x, side);
    emit_close(e, '}');
    return ok;
}

static void put_message(struct emit *e, const struct message *m)
{
    emit_open(e, NULL, '{');
    emit_string(e, "from", m->kept.side == RECORD_REQUEST ? SLICE("visitor") : SLICE("service"));
    emit_count(e, "opcode", m->kept.opcode);
    emit_bool(e, "compressed", m->kept.compressed);
    emit_int(e, "at_ns", m->kept.at_ns);
    emit_count(e, "size", m->kept.size);
    put_content(e, m->kept.bytes, utf8_is(m->kept.bytes) && !m->kept.compressed);
    if (m->inflated) {
        emit_open(e, "inflated", '{');
        put_content(e, m->text, utf8_is(m->text));
        emit_close(e, '}');
    }
    emit_close(e, '}');
}

static bool put_messages(struct exchange_json *j, const struct record_exchange *x)
{
    struct messages messages;
    struct message m;
    int status = 0;
    emit_open(&j->emit, "messages", '[');
    messages_init(&messages, j->reader, x->seq);
    while ((status = messages_next(&messages, &m)) > 0)
        put_message(&j->emit, &m);
    messages_deinit(&messages);
    emit_close(&j->emit, ']');
    return status == 0;
}

static void put_times(struct emit *e, const struct record_exchange *x)
{
    struct timing t;
    emit_time(e, "sent_on_ns", x->sent_on_ns);
    emit_time(e, "connect_ns", x->connect_ns);
    emit_time(e, "service_first_ns", x->service_first_ns);
    emit_time(e, "answered_ns", x->answered_ns);
    emit_time(e, "duration_ns", x->duration_ns);
    timing_split(x, &t);
    emit_open(e, "split", '{');
    for (size_t i = 0; i < t.count; i++)
        emit_int(e, t.part[i].name, t.part[i].ns);
    emit_close(e, '}');
}

static void put_far_body(struct emit *e, const struct record_report *far, enum record_side side)
{
    emit_open(e, side == RECORD_REQUEST ? "request" : "response", '{');
    emit_count(e, "bytes", far->bytes[side]);
    emit_bool(e, "whole", far->whole[side]);
    emit_hex(e, "xxh3_128", slice_of((const char *)far->digest[side], RECORD_DIGEST_BYTES));
    emit_close(e, '}');
}

static void put_far(struct emit *e, const struct record_report *far)
{
    if (!far->known) {
        emit_null(e, "far");
        return;
    }
    emit_open(e, "far", '{');
    emit_optional(e, "outcome", far->outcome);
    emit_time(e, "sent_on_ns", far->sent_on_ns);
    emit_time(e, "connect_ns", far->connect_ns);
    emit_time(e, "answered_ns", far->answered_ns);
    emit_time(e, "duration_ns", far->duration_ns);
    put_far_body(e, far, RECORD_REQUEST);
    put_far_body(e, far, RECORD_RESPONSE);
    emit_close(e, '}');
}

static void put_summary(struct emit *e, const struct record_exchange *x)
{
    char began[TIMESTAMP_MAX];
    emit_string(e, "id", slice_str(x->id));
    emit_int(e, "seq", x->seq);
    emit_string(e, "began", slice_str(timestamp(x->began_ns, began)));
    emit_int(e, "began_ns", x->began_ns);
    emit_bytes(e, "program", x->program);
    emit_optional(e, "tunnel", x->tunnel);
    emit_optional(e, "visitor", x->visitor);
    emit_optional(e, "upstream", x->upstream);
    emit_optional(e, "outcome", x->outcome);
    emit_optional(e, "error", x->error);
    emit_optional(e, "detail", x->detail);
    emit_optional(e, "replay_of", x->replay_of);
    emit_count(e, "flags", x->flags);
    emit_bool(e, "redacted", x->flags & RECORD_REDACTED);
    emit_bool(e, "shed", x->flags & RECORD_SHED);
    emit_bool(e, "heads_only", x->flags & RECORD_HEADS_ONLY);
    emit_bool(e, "upgraded", x->flags & RECORD_UPGRADED);
    emit_bool(e, "connection_reused", x->flags & RECORD_CONNECTION_REUSED);
}

static bool put_request(struct exchange_json *j, const struct record_exchange *x)
{
    struct emit *e = &j->emit;
    emit_open(e, "request", '{');
    emit_bytes(e, "method", x->method);
    emit_optional(e, "scheme", x->scheme);
    emit_optional(e, "host", x->host);
    emit_bytes(e, "target", x->target);
    emit_bytes(e, "protocol", x->protocol);
    put_fields(e, "fields", x->request_head);
    bool ok = put_body(j, x, RECORD_REQUEST);
    put_fields(e, "trailers", x->body[RECORD_REQUEST].trailers);
    emit_close(e, '}');
    return ok;
}

static bool put_response(struct exchange_json *j, const struct record_exchange *x)
{
    struct emit *e = &j->emit;
    emit_open(e, "response", '{');
    if (x->status)
        emit_count(e, "status", x->status);
    else
        emit_null(e, "status");
    emit_optional(e, "protocol", x->response_protocol);
    if (x->status)
        emit_bytes(e, "reason", x->reason);
    else
        emit_null(e, "reason");
    emit_optional(e, "bad_head", x->bad_head);
    put_interim(e, x->interim);
    put_fields(e, "fields", x->response_head);
    bool ok = put_body(j, x, RECORD_RESPONSE);
    put_fields(e, "trailers", x->body[RECORD_RESPONSE].trailers);
    emit_close(e, '}');
    return ok;
}

bool exchange_json(struct exchange_json *j, const struct record_exchange *x)
{
    struct emit *e = &j->emit;
    emit_open(e, NULL, '{');
    put_summary(e, x);
    put_times(e, x);
    bool ok = put_request(j, x);
    ok = put_response(j, x) && ok;
    ok = put_messages(j, x) && ok;
    put_far(e, &x->far);
    emit_close(e, '}');
    return ok;
}

bool export_jsonl(struct export *e, const struct record_exchange *x)
{
    struct exchange_json j = {.reader = e->reader, .emit = {.out = e->out}, .decode = true};
    bool ok = exchange_json(&j, x);
    (void)fputc('\n', e->out);
    e->count++;
    return ok;
}
