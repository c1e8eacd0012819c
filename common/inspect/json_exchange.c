// SPDX-License-Identifier: MIT
// A new member goes here, into docs/json.md and into docs/json.schema.json. Members are never
// renamed, removed, or given another type or unit: scripts read them.
#include "json_exchange.h"
#include "recorded.h"
#include "text.h"
#include "timing.h"
#include "write.h"
#include "ws_messages.h"

static const char *side_name(enum record_side side)
{
    return side == RECORD_REQUEST ? "request" : "response";
}

static void put_fields(struct json_writer *w, const char *name, struct slice lines)
{
    struct slice field;
    struct slice value;
    json_open(w, name, '[');
    while (record_next_field(&lines, &field, &value)) {
        json_open(w, NULL, '[');
        json_bytes(w, NULL, field);
        json_bytes(w, NULL, value);
        json_close(w, ']');
    }
    json_close(w, ']');
}

// Writes the indexes of the fields that the relay set, so that `fields` has pairs alone.
static void put_set_by_relay(struct json_writer *w, const struct record_exchange *x)
{
    struct slice lines = x->request_head;
    struct slice name;
    struct slice value;
    json_open(w, "set_by_relay", '[');
    for (uint64_t place = 0; record_next_field(&lines, &name, &value); place++)
        if (recorded_is_set_by_relay(x, name, value))
            json_count(w, NULL, place);
    json_close(w, ']');
}

static void put_interim(struct json_writer *w, struct slice lines)
{
    struct recorded_interim interim;
    json_open(w, "interim", '[');
    while (recorded_next_interim(&lines, &interim)) {
        json_open(w, NULL, '{');
        json_count(w, "status", interim.status);
        json_bytes(w, "reason", interim.reason);
        put_fields(w, "fields", interim.fields);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_decoded(struct json_writer *w, struct slice content, bool whole)
{
    json_open(w, "decoded", '{');
    json_bool(w, "whole", whole);
    json_bytes(w, "content", content);
    json_close(w, '}');
}

// Reads the kept bytes of a body, as many as `kept` says: of a running exchange there may be more
// by now. False: bytes are missing although the exchange is there.
static bool read_content(const struct json_exchange *j, const struct record_exchange *x,
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

// Writes the kept bytes of a body, and `decoded` when they have the content coding that the head
// names.
static bool put_content(struct json_writer *w, const struct json_exchange *j,
                        const struct record_exchange *x, enum record_side side)
{
    struct slice content;
    struct record_decoded d = {0};
    struct slice head = side == RECORD_REQUEST ? x->request_head : x->response_head;
    bool ok = read_content(j, x, side, &content);
    json_bytes(w, "content", content);
    if (j->decode && content.len > 0 && recorded_has_field(head, SLICE("content-encoding")) &&
        record_reader_decoded(j->reader, x, side, &d) && d.decoded)
        put_decoded(w, d.body, d.whole);
    else
        json_null(w, "decoded");
    return ok;
}

static bool put_body(struct json_writer *w, const struct json_exchange *j,
                     const struct record_exchange *x, enum record_side side)
{
    const struct record_body *b = &x->body[side];
    unsigned flag = side == RECORD_REQUEST ? RECORD_REQUEST_WHOLE : RECORD_RESPONSE_WHOLE;
    json_open(w, "body", '{');
    json_count(w, "bytes", b->bytes);
    json_count(w, "kept", b->kept);
    json_bool(w, "whole", x->flags & flag);
    json_digest(w, "xxh3_128", b->has_digest ? b->digest : NULL);
    json_optional_ns(w, "first_ns", b->first_ns);
    json_optional_ns(w, "last_ns", b->last_ns);
    json_int(w, "stalled_ns", b->stalled_ns);
    bool ok = j->level == JSON_EXCHANGE_SUMMARY || put_content(w, j, x, side);
    json_close(w, '}');
    return ok;
}

static void put_message(struct json_writer *w, const struct json_exchange *j,
                        const struct ws_message *m)
{
    json_open(w, NULL, '{');
    json_string(w, "from", m->kept.side == RECORD_REQUEST ? SLICE("visitor") : SLICE("service"));
    json_count(w, "opcode", m->kept.opcode);
    json_bool(w, "compressed", m->kept.compressed);
    json_int(w, "at_ns", m->kept.at_ns);
    json_count(w, "bytes", m->kept.size);
    json_count(w, "kept", m->kept.bytes.len);
    json_bytes(w, "content", m->kept.bytes);
    if (j->decode && m->inflated)
        put_decoded(w, m->text, !m->cut);
    else
        json_null(w, "decoded");
    json_close(w, '}');
}

// Whether it is worth a query for messages: most exchanges have none.
static bool may_have_messages(const struct record_exchange *x)
{
    return (x->flags & RECORD_UPGRADED) || x->status == 101 || x->outcome.len == 0;
}

static bool put_messages(struct json_writer *w, const struct json_exchange *j,
                         const struct record_exchange *x)
{
    struct ws_messages messages;
    struct ws_message m;
    int status = 0;
    json_open(w, "messages", '[');
    if (may_have_messages(x)) {
        ws_messages_init(&messages, j->reader, x->seq);
        while ((status = ws_messages_next(&messages, &m)) > 0)
            put_message(w, j, &m);
        ws_messages_deinit(&messages);
    }
    json_close(w, ']');
    return status == 0;
}

// Writes all parts in the order of time; those that this end does not know are null.
static void put_split(struct json_writer *w, const struct record_exchange *x)
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
    json_open(w, "split", '{');
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const struct timing_part *part = timing_find(&t, parts[i].part);
        json_optional_ns(w, parts[i].member, part ? part->ns : -1);
    }
    json_close(w, '}');
}

static void put_peer_side(struct json_writer *w, const struct record_report *peer,
                          enum record_side side)
{
    json_open(w, side_name(side), '{');
    json_open(w, "body", '{');
    json_count(w, "bytes", peer->bytes[side]);
    json_bool(w, "whole", peer->whole[side]);
    json_digest(w, "xxh3_128", peer->digest[side]);
    json_close(w, '}');
    json_close(w, '}');
}

static void put_peer(struct json_writer *w, const struct record_report *peer)
{
    if (!peer->known) {
        json_null(w, "far");
        return;
    }
    json_open(w, "far", '{');
    json_optional_string(w, "outcome", peer->outcome);
    json_optional_ns(w, "sent_on_ns", peer->sent_on_ns);
    json_optional_ns(w, "connect_ns", peer->connect_ns);
    json_optional_ns(w, "answered_ns", peer->answered_ns);
    json_optional_ns(w, "duration_ns", peer->duration_ns);
    put_peer_side(w, peer, RECORD_REQUEST);
    put_peer_side(w, peer, RECORD_RESPONSE);
    json_close(w, '}');
}

static void put_identity(struct json_writer *w, const struct record_exchange *x)
{
    char began[TEXT_TIME_MAX];
    json_string(w, "id", slice_str(x->id));
    json_int(w, "seq", x->seq);
    if (x->began_ns >= 0)
        json_string(w, "began", slice_str(text_utc_time(x->began_ns, began)));
    else
        json_null(w, "began");
    json_int(w, "began_ns", x->began_ns);
    json_optional_string(w, "program", x->program);
    json_optional_string(w, "tunnel", x->tunnel);
    json_optional_string(w, "visitor", x->visitor);
    json_optional_string(w, "upstream", x->upstream);
    json_optional_string(w, "outcome", x->outcome);
    json_optional_string(w, "error", x->error);
    json_optional_string(w, "detail", x->detail);
    json_optional_string(w, "replay_of", x->replay_of);
    json_bool(w, "redacted", x->flags & RECORD_REDACTED);
    json_bool(w, "shed", x->flags & RECORD_SHED);
    json_bool(w, "heads_only", x->flags & RECORD_HEADS_ONLY);
    json_bool(w, "upgraded", x->flags & RECORD_UPGRADED);
    json_bool(w, "connection_reused", x->flags & RECORD_CONNECTION_REUSED);
}

static void put_times(struct json_writer *w, const struct record_exchange *x)
{
    json_optional_ns(w, "sent_on_ns", x->sent_on_ns);
    json_optional_ns(w, "connect_ns", x->connect_ns);
    json_optional_ns(w, "service_first_ns", x->service_first_ns);
    json_optional_ns(w, "answered_ns", x->answered_ns);
    json_optional_ns(w, "duration_ns", x->duration_ns);
}

static bool put_request(struct json_writer *w, const struct json_exchange *j,
                        const struct record_exchange *x)
{
    json_open(w, side_name(RECORD_REQUEST), '{');
    json_string(w, "method", x->method);
    json_optional_string(w, "scheme", x->scheme);
    json_optional_string(w, "host", x->host);
    json_bytes(w, "target", x->target);
    json_string(w, "protocol", x->protocol);
    if (j->level == JSON_EXCHANGE_WHOLE) {
        put_fields(w, "fields", x->request_head);
        put_set_by_relay(w, x);
    }
    bool ok = put_body(w, j, x, RECORD_REQUEST);
    if (j->level == JSON_EXCHANGE_WHOLE)
        put_fields(w, "trailers", x->body[RECORD_REQUEST].trailers);
    json_close(w, '}');
    return ok;
}

static bool put_response(struct json_writer *w, const struct json_exchange *j,
                         const struct record_exchange *x)
{
    json_open(w, side_name(RECORD_RESPONSE), '{');
    if (x->status)
        json_count(w, "status", x->status);
    else
        json_null(w, "status");
    if (x->status)
        json_bytes(w, "reason", x->reason);
    else
        json_null(w, "reason");
    json_optional_string(w, "protocol", x->response_protocol);
    if (j->level == JSON_EXCHANGE_WHOLE) {
        json_optional_bytes(w, "bad_head", x->bad_head);
        put_interim(w, x->interim);
        put_fields(w, "fields", x->response_head);
    }
    bool ok = put_body(w, j, x, RECORD_RESPONSE);
    if (j->level == JSON_EXCHANGE_WHOLE)
        put_fields(w, "trailers", x->body[RECORD_RESPONSE].trailers);
    json_close(w, '}');
    return ok;
}

bool json_exchange(struct json_writer *w, const char *name, const struct json_exchange *j,
                   const struct record_exchange *x)
{
    json_open(w, name, '{');
    put_identity(w, x);
    put_times(w, x);
    put_split(w, x);
    bool ok = put_request(w, j, x);
    ok = put_response(w, j, x) && ok;
    put_peer(w, &x->peer);
    if (j->level == JSON_EXCHANGE_WHOLE)
        ok = put_messages(w, j, x) && ok;
    json_close(w, '}');
    return ok;
}

void json_exchange_summary(struct json_writer *w, const char *name, const struct record_exchange *x)
{
    const struct json_exchange j = {.level = JSON_EXCHANGE_SUMMARY};
    (void)json_exchange(w, name, &j, x);
}
