// SPDX-License-Identifier: MIT
#include "limits.h"
#include "help.h"
#include "nearest.h"
#include "option_redact.h"
#include "proto/http/message.h"
#include "proto/http2/mux.h"

const struct limits limits_default = {
    .head_bytes = 32 * 1024,
    .head_fields = MESSAGE_FIELDS_MAX,
    .response_head_fields = MESSAGE_RESPONSE_FIELDS_MAX,
    .response_head_bytes = 64 * 1024,
    .head_ms = 10 * 1000,
    .keepalive_ms = 75 * 1000,
    .body_ms = 30 * 1000,
    .send_ms = 60 * 1000,
    .rate = 100,
    .visitors = 16384,
    .handshakes = 512,
    .handshakes_per_address = 256,
    .hello_ms = 10 * 1000,
    .tunnels = 8192,
    .names_per_tunnel = 16,
    .names_per_owner = 256,
    .names_per_address = 1024,
    .streams = MUX_STREAMS_MAX,
    .streams_per_address = MUX_STREAMS_MAX / 4,
    .unread_bytes = MUX_UNREAD_MAX,
    .gone_ms = 60 * 1000,
    .connect_ms = 10 * 1000,
    .tls_handshake_ms = 10 * 1000,
    .record_body_bytes = 1U << 20,
    .record_bytes = 1U << 30,
};

enum unit {
    UNIT_COUNT,
    UNIT_BYTES,
    UNIT_TIME
};

#define AT(member) offsetof(struct limits, member), sizeof(((struct limits *)0)->member)

// 64 bits wide, as limits are, so that their products do not overflow.
#define KIB    UINT64_C(1024)
#define SECOND UINT64_C(1000)

enum {
    DAY = 24 * 60 * 60 * 1000,
    R = LIMITS_OF_RELAY,
    A = LIMITS_OF_AGENT,
    P = LIMITS_OF_PROXY
};

// The ranges keep other bounds true: a head fits through the tunnel (MUX_HEAD_MAX), and a time is
// at least a few ticks of the loop.
static const struct row {
    const char *name;
    size_t at, size;
    enum unit unit;
    uint64_t least, most;
    int programs;
    const char *text;
} rows[] = {
    {"head-bytes", AT(head_bytes), UNIT_BYTES, 256, 64 * KIB, R | P,
     "size of a request's line and fields"},
    {"head-fields", AT(head_fields), UNIT_COUNT, 1, MESSAGE_FIELDS_MAX, R | P,
     "number of a request's fields"},
    {"response-head-bytes", AT(response_head_bytes), UNIT_BYTES, 256, 64 * KIB, A | P,
     "size of a response's status line and fields"},
    {"response-head-fields", AT(response_head_fields), UNIT_COUNT, 1, MESSAGE_RESPONSE_FIELDS_MAX,
     A | P, "number of a response's fields"},
    {"body-bytes", AT(body_bytes), UNIT_BYTES, 0, UINT64_MAX, R | P, "size of a request body"},
    {"head-time", AT(head_ms), UNIT_TIME, 100, DAY, R | P, "to receive a whole request head"},
    {"keepalive-time", AT(keepalive_ms), UNIT_TIME, 100, DAY, R | P,
     "that a connection may be idle between two requests"},
    {"tls-handshake-time", AT(tls_handshake_ms), UNIT_TIME, 100, DAY, R,
     "for a TLS handshake of a visitor or agent"},
    {"body-time", AT(body_ms), UNIT_TIME, 100, DAY, R | P,
     "to receive the next portion of a request body: `rate` times this time"},
    {"send-time", AT(send_ms), UNIT_TIME, 200, DAY, R | P,
     "for a visitor to take a portion of a response: `rate` times this time"},
    {"rate", AT(rate), UNIT_BYTES, 0, UINT32_MAX, R | P,
     "least bytes per second of a request body, and of a visitor who reads"},
    {"visitors", AT(visitors), UNIT_COUNT, 1, 1000000, R | P, "connections at once"},
    {"visitors-per-address", AT(visitors_per_address), UNIT_COUNT, 1, 1000000, R | P,
     "the same from one IPv4 address or IPv6 /64 (loopback is exempt unless it is set)"},
    {"handshakes", AT(handshakes), UNIT_COUNT, 1, 1000000, R, "tunnels that have no name yet"},
    {"handshakes-per-address", AT(handshakes_per_address), UNIT_COUNT, 1, 1000000, R,
     "the same from one IPv4 address or IPv6 /64 (loopback is exempt)"},
    {"hello-time", AT(hello_ms), UNIT_TIME, 100, DAY, R | A,
     "for the first message on a new tunnel"},
    {"tunnels", AT(tunnels), UNIT_COUNT, 1, 1000000, R, "tunnels with names, and names in all"},
    {"names-per-tunnel", AT(names_per_tunnel), UNIT_COUNT, 1, 1000000, R, "names of one tunnel"},
    {"names-per-owner", AT(names_per_owner), UNIT_COUNT, 1, 1000000, R,
     "names of one owner key, including those kept for absent agents"},
    {"names-per-address", AT(names_per_address), UNIT_COUNT, 1, 1000000, R,
     "the same of one IPv4 address or IPv6 /64 (loopback is exempt)"},
    {"streams", AT(streams), UNIT_COUNT, 1, MUX_STREAMS_MAX, R, "exchanges at once in a tunnel"},
    {"streams-per-address", AT(streams_per_address), UNIT_COUNT, 1, MUX_STREAMS_MAX, R,
     "the same of one IPv4 address or IPv6 /64 (loopback is exempt)"},
    {"unread-bytes", AT(unread_bytes), UNIT_BYTES, 64 * KIB, 1024 * KIB *KIB, R,
     "of a tunnel that its agent has sent and visitors have not taken"},
    {"gone-time", AT(gone_ms), UNIT_TIME, 100, DAY, R, "that a name is kept for a lost agent"},
    {"connect-time", AT(connect_ms), UNIT_TIME, 100, DAY, A | P, "to connect to the service"},
    {"answer-time", AT(answer_ms), UNIT_TIME, 0, DAY, A | P,
     "for the service to answer with a head"},
    {"record-body", AT(record_body_bytes), UNIT_BYTES, 0, UINT64_MAX, R | A | P,
     "kept of each body"},
    {"record-size", AT(record_bytes), UNIT_BYTES, 0, UINT64_MAX, R | A | P,
     "of the whole record; beyond it, the oldest exchanges are deleted"},
    {"record-age", AT(record_age_ms), UNIT_TIME, 0, 3650 * (uint64_t)DAY, R | A | P,
     "after which a recorded exchange is deleted"},
};

enum {
    ROWS = sizeof(rows) / sizeof(rows[0])
};

static uint64_t get(const struct limits *l, const struct row *r)
{
    uint64_t wide;
    uint32_t narrow;
    const char *at = (const char *)l + r->at;
    if (r->size == sizeof(wide)) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return narrow;
}

static void put(struct limits *l, const struct row *r, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;
    char *at = (char *)l + r->at;
    memcpy(at, r->size == sizeof(value) ? (void *)&value : (void *)&narrow, r->size);
}

// Longer units come first: "ms" ends with "s".
static const struct suffix {
    const char *text;
    enum unit unit;
    uint64_t factor;
} suffixes[] = {
    {"ms", UNIT_TIME, 1},        {"s", UNIT_TIME, SECOND},    {"m", UNIT_TIME, 60 * SECOND},
    {"h", UNIT_TIME, 3600000},   {"d", UNIT_TIME, DAY},       {"k", UNIT_BYTES, KIB},
    {"m", UNIT_BYTES, KIB *KIB}, {"g", UNIT_BYTES, 1U << 30}, {"", UNIT_BYTES, 1},
    {"", UNIT_COUNT, 1},
};

static bool ends_with(struct slice s, const char *text)
{
    struct slice end = slice_str(text);
    return s.len > end.len && slice_ieq(slice_of(s.p + s.len - end.len, end.len), end);
}

static bool parse_value(const struct row *r, struct slice text, uint64_t *value)
{
    bool off = slice_eq(text, SLICE("none")) || slice_eq(text, SLICE("unlimited"));
    if (off && r->least == 0) {
        *value = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        const struct suffix *s = &suffixes[i];
        uint64_t n = 0;
        if (s->unit != r->unit || !ends_with(text, s->text))
            continue;
        if (!slice_to_u64(slice_of(text.p, text.len - strlen(s->text)), &n) ||
            n > UINT64_MAX / s->factor)
            return false;
        *value = n * s->factor;
        return true;
    }
    return false;
}

bool limits_parse_time(const char *text, uint32_t min, uint32_t *ms)
{
    const struct row row = {.unit = UNIT_TIME, .least = min};
    uint64_t value = 0;
    if (!parse_value(&row, slice_str(text), &value) || value < min || value > DAY)
        return false;
    *ms = (uint32_t)value;
    return true;
}

static const struct row *row_of(struct slice name, enum limits_of program)
{
    for (size_t i = 0; i < ROWS; i++)
        if ((rows[i].programs & (int)program) && slice_eq(name, slice_str(rows[i].name)))
            return &rows[i];
    return NULL;
}

// Writes a value in the largest unit that divides it; times in seconds at most.
static const char *text_of(const struct row *r, uint64_t value, char out[static 32])
{
    const struct {
        const char *text;
        enum unit unit;
        uint64_t factor;
    } units[] = {{"g", UNIT_BYTES, 1U << 30}, {"m", UNIT_BYTES, KIB * KIB}, {"k", UNIT_BYTES, KIB},
                 {"s", UNIT_TIME, SECOND},    {"ms", UNIT_TIME, 1},         {"", r->unit, 1}};
    size_t i = 0;
    if (value == 0)
        return "none";
    while (units[i].unit != r->unit || value % units[i].factor != 0)
        i++;
    (void)snprintf(out, 32, "%llu%s", (unsigned long long)(value / units[i].factor), units[i].text);
    return out;
}

// Says why a text names no limit.
static void explain_name(const char *text, enum limits_of program, char *why, size_t room)
{
    const char *names[ROWS];
    size_t count = 0;
    char name[OPTIONS_NAME_MAX + 1];
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].programs & (int)program)
            names[count++] = rows[i].name;
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, "="), text);
    const char *other = name_nearest(names, count, sizeof(*names), name);
    if (!strchr(text, '='))
        (void)snprintf(why, room, "it is NAME=VALUE, as in connect-time=3s; --help lists them");
    else if (other)
        (void)snprintf(why, room, "there is no such limit; did you mean %s?", other);
    else
        (void)snprintf(why, room, "there is no such limit; --help lists them");
}

const char *limits_set(struct limits *l, enum limits_of program, const char *text,
                       char message[static LIMITS_MESSAGE_MAX])
{
    static const char *const examples[] = {[UNIT_COUNT] = "a number",
                                           [UNIT_BYTES] = "like 500, 64k or 2m",
                                           [UNIT_TIME] = "like 500ms, 30s or 5m"};
    const char *equals = strchr(text, '=');
    const struct row *r = equals ? row_of(slice_of(text, (size_t)(equals - text)), program) : NULL;
    uint64_t value = 0;
    int said = snprintf(message, LIMITS_MESSAGE_MAX, "--limit %.60s: ", text);
    char *why = message + said;
    size_t room = LIMITS_MESSAGE_MAX - (size_t)said;
    char least[32];
    char most[32];
    if (!r) {
        explain_name(text, program, why, room);
        return message;
    }
    if (!parse_value(r, slice_str(equals + 1), &value)) {
        (void)snprintf(why, room, "%s is %s%s", r->name, examples[r->unit],
                       r->least == 0 ? ", or none" : "");
        return message;
    }
    if (value < r->least || value > r->most) {
        (void)snprintf(why, room, "%s is %s to %s", r->name, text_of(r, r->least, least),
                       text_of(r, r->most, most));
        return message;
    }
    put(l, r, value);
    return NULL;
}

void limits_print(FILE *out, enum limits_of program)
{
    char text[32];
    char line[256];
    struct help h;
    help_begin(&h, out, NULL);
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        uint64_t value = get(&limits_default, r);
        if (r->at == offsetof(struct limits, visitors_per_address))
            value = LIMIT_VISITORS_PER_ADDRESS;
        (void)snprintf(line, sizeof(line), "  %-22s  %-5s  %s\n", r->name, text_of(r, value, text),
                       r->text);
        if (r->programs & (int)program)
            help_text(&h, line);
    }
    help_end(&h);
}
