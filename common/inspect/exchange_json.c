// SPDX-License-Identifier: MIT
// Members are added here, to docs/json.md and to docs/json.schema.json; they are never renamed,
// taken out, or given another type or unit.
#include "exchange_json.h"
#include "bits.h"
#include "heads.h"
#include "messages.h"
#include "relay_fields.h"
#include "timing.h"

static const char *side_name(enum record_side side)
{
    return side == RECORD_REQUEST ? "request" : "response";
}

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

// By their places, so that the fields themselves stay pairs.
static void put_set_by_relay(struct emit *e, const struct record_exchange *x)
{
    struct slice lines = x->request_head;
    struct slice name;
    struct slice value;
    emit_open(e, "set_by_relay", '[');
    for (uint64_t place = 0; record_next_field(&lines, &name, &value); place++)
        if (relay_has_set(x, name, value))
            emit_count(e, NULL, place);
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

static void put_decoded(struct emit *e, struct slice content, bool whole)
{
    emit_open(e, "decoded", '{');
    emit_bool(e, "whole", whole);
    emit_bytes(e, "content", content);
    emit_close(e, '}');
}

// The kept bytes of a body, as many as its exchange said: of one that runs there may be more by
// now. False: they are not there, although the exchange is.
static bool read_content(const struct exchange_json *j, const struct record_exchange *x,
                         enum record_side side, struct slice *content)
{
    const uint64_t kept = x->body[side].kept;
    *content = (struct slice){0};
    if (kept == 0)
        return true;
    if (!record_reader_body(j->reader, x->seq, side, content))
        return false;
    if (content->len > kept)
        content->len = (size_t)kept;
    return content->len == kept || !record_reader_exists(j->reader, x);
}

// What is kept of a body. What has no content coding, or has not the one that it names, is not
// decoded.
static bool put_content(struct emit *e, const struct exchange_json *j,
                        const struct record_exchange *x, enum record_side side)
{
    struct slice content;
    struct record_decoded d = {0};
    struct slice head = side == RECORD_REQUEST ? x->request_head : x->response_head;
    bool ok = read_content(j, x, side, &content);
    emit_bytes(e, "content", content);
    if (j->decode && content.len > 0 && has_field(head, SLICE("content-encoding")) &&
        record_reader_decoded(j->reader, x, side, &d) && d.decoded)
        put_decoded(e, d.body, d.whole);
    else
        emit_null(e, "decoded");
    return ok;
}

static bool put_body(struct emit *e, const struct exchange_json *j, const struct record_exchange *x,
                     enum record_side side)
{
    const struct record_body *b = &x->body[side];
    unsigned flag = side == RECORD_REQUEST ? RECORD_REQUEST_WHOLE : RECORD_RESPONSE_WHOLE;
    emit_open(e, "body", '{');
    emit_count(e, "bytes", b->bytes);
    emit_count(e, "kept", b->kept);
    emit_bool(e, "whole", x->flags & flag);
    emit_digest(e, "xxh3_128", b->has_digest ? b->digest : NULL);
    emit_time(e, "first_ns", b->first_ns);
    emit_time(e, "last_ns", b->last_ns);
    emit_int(e, "stalled_ns", b->stalled_ns);
    bool ok = j->level == EXCHANGE_JSON_SUMMARY || put_content(e, j, x, side);
    emit_close(e, '}');
    return ok;
}

static void put_message(struct emit *e, const struct exchange_json *j, const struct message *m)
{
    emit_open(e, NULL, '{');
    emit_string(e, "from", m->kept.side == RECORD_REQUEST ? SLICE("visitor") : SLICE("service"));
    emit_count(e, "opcode", m->kept.opcode);
    emit_bool(e, "compressed", m->kept.compressed);
    emit_int(e, "at_ns", m->kept.at_ns);
    emit_count(e, "bytes", m->kept.size);
    emit_count(e, "kept", m->kept.bytes.len);
    emit_bytes(e, "content", m->kept.bytes);
    if (j->decode && m->inflated)
        put_decoded(e, m->text, !m->cut);
    else
        emit_null(e, "decoded");
    emit_close(e, '}');
}

// Most exchanges have none, and are not asked for them.
static bool may_have_messages(const struct record_exchange *x)
{
    return (x->flags & RECORD_UPGRADED) || x->status == 101 || x->outcome.len == 0;
}

static bool put_messages(struct emit *e, const struct exchange_json *j,
                         const struct record_exchange *x)
{
    struct messages messages;
    struct message m;
    int status = 0;
    emit_open(e, "messages", '[');
    if (may_have_messages(x)) {
        messages_init(&messages, j->reader, x->seq);
        while ((status = messages_next(&messages, &m)) > 0)
            put_message(e, j, &m);
        messages_deinit(&messages);
    }
    emit_close(e, ']');
    return status == 0;
}

// All parts there are, in the order of time; those that this end does not know are null.
static void put_split(struct emit *e, const struct record_exchange *x)
{
    static const struct {
        const char *part, *member;
    } parts[] = {
        {"own", "own_ns"},         {"relay", "relay_ns"}, {"tunnel", "tunnel_ns"},
        {"beyond", "beyond_ns"},   {"agent", "agent_ns"}, {"connect", "connect_ns"},
        {"service", "service_ns"}, {"body", "body_ns"},
    };
    struct timing t;
    timing_split(x, &t);
    emit_open(e, "split", '{');
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const struct timing_part *part = timing_find(&t, parts[i].part);
        emit_time(e, parts[i].member, part ? part->ns : -1);
    }
    emit_close(e, '}');
}

static void put_peer_side(struct emit *e, const struct record_report *peer, enum record_side side)
{
    emit_open(e, side_name(side), '{');
    emit_open(e, "body", '{');
    emit_count(e, "bytes", peer->bytes[side]);
    emit_bool(e, "whole", peer->whole[side]);
    emit_digest(e, "xxh3_128", peer->digest[side]);
    emit_close(e, '}');
    emit_close(e, '}');
}

static void put_peer(struct emit *e, const struct record_report *peer)
{
    if (!peer->known) {
        emit_null(e, "peer");
        return;
    }
    emit_open(e, "peer", '{');
    emit_text(e, "outcome", peer->outcome);
    emit_time(e, "sent_on_ns", peer->sent_on_ns);
    emit_time(e, "connect_ns", peer->connect_ns);
    emit_time(e, "answered_ns", peer->answered_ns);
    emit_time(e, "duration_ns", peer->duration_ns);
    put_peer_side(e, peer, RECORD_REQUEST);
    put_peer_side(e, peer, RECORD_RESPONSE);
    emit_close(e, '}');
}

static void put_what(struct emit *e, const struct record_exchange *x)
{
    char began[TIMESTAMP_MAX];
    emit_string(e, "id", slice_str(x->id));
    emit_int(e, "seq", x->seq);
    if (x->began_ns >= 0)
        emit_string(e, "began", slice_str(timestamp(x->began_ns, began)));
    else
        emit_null(e, "began");
    emit_int(e, "began_ns", x->began_ns);
    emit_text(e, "program", x->program);
    emit_text(e, "tunnel", x->tunnel);
    emit_text(e, "visitor", x->visitor);
    emit_text(e, "upstream", x->upstream);
    emit_text(e, "outcome", x->outcome);
    emit_text(e, "error", x->error);
    emit_text(e, "detail", x->detail);
    emit_text(e, "replay_of", x->replay_of);
    emit_bool(e, "redacted", x->flags & RECORD_REDACTED);
    emit_bool(e, "shed", x->flags & RECORD_SHED);
    emit_bool(e, "heads_only", x->flags & RECORD_HEADS_ONLY);
    emit_bool(e, "upgraded", x->flags & RECORD_UPGRADED);
    emit_bool(e, "connection_reused", x->flags & RECORD_CONNECTION_REUSED);
}

static void put_times(struct emit *e, const struct record_exchange *x)
{
    emit_time(e, "sent_on_ns", x->sent_on_ns);
    emit_time(e, "connect_ns", x->connect_ns);
    emit_time(e, "service_first_ns", x->service_first_ns);
    emit_time(e, "answered_ns", x->answered_ns);
    emit_time(e, "duration_ns", x->duration_ns);
}

static bool put_request(struct emit *e, const struct exchange_json *j,
                        const struct record_exchange *x)
{
    emit_open(e, side_name(RECORD_REQUEST), '{');
    emit_string(e, "method", x->method);
    emit_text(e, "scheme", x->scheme);
    emit_text(e, "host", x->host);
    emit_bytes(e, "target", x->target);
    emit_string(e, "protocol", x->protocol);
    if (j->level == EXCHANGE_JSON_WHOLE) {
        put_fields(e, "fields", x->request_head);
        put_set_by_relay(e, x);
    }
    bool ok = put_body(e, j, x, RECORD_REQUEST);
    if (j->level == EXCHANGE_JSON_WHOLE)
        put_fields(e, "trailers", x->body[RECORD_REQUEST].trailers);
    emit_close(e, '}');
    return ok;
}

static bool put_response(struct emit *e, const struct exchange_json *j,
                         const struct record_exchange *x)
{
    emit_open(e, side_name(RECORD_RESPONSE), '{');
    if (x->status)
        emit_count(e, "status", x->status);
    else
        emit_null(e, "status");
    if (x->status)
        emit_bytes(e, "reason", x->reason);
    else
        emit_null(e, "reason");
    emit_text(e, "protocol", x->response_protocol);
    if (j->level == EXCHANGE_JSON_WHOLE) {
        emit_optional_bytes(e, "bad_head", x->bad_head);
        put_interim(e, x->interim);
        put_fields(e, "fields", x->response_head);
    }
    bool ok = put_body(e, j, x, RECORD_RESPONSE);
    if (j->level == EXCHANGE_JSON_WHOLE)
        put_fields(e, "trailers", x->body[RECORD_RESPONSE].trailers);
    emit_close(e, '}');
    return ok;
}

bool exchange_json(struct emit *e, const char *name, const struct exchange_json *j,
                   const struct record_exchange *x)
{
    emit_open(e, name, '{');
    put_what(e, x);
    put_times(e, x);
    put_split(e, x);
    bool ok = put_request(e, j, x);
    ok = put_response(e, j, x) && ok;
    put_peer(e, &x->peer);
    if (j->level == EXCHANGE_JSON_WHOLE)
        ok = put_messages(e, j, x) && ok;
    emit_close(e, '}');
    return ok;
}

void exchange_json_summary(struct emit *e, const char *name, const struct record_exchange *x)
{
    const struct exchange_json j = {.level = EXCHANGE_JSON_SUMMARY};
    (void)exchange_json(e, name, &j, x);
}
