// SPDX-License-Identifier: MIT
// One exchange for people: title, heads, and the order of the parts.
#include <inttypes.h>
#include <time.h>
#include "recorded.h"
#include "show.h"
#include "write.h"

// The origin of a head's line.
enum origin {
    FROM_PEER, // received
    FROM_US    // set by the relay, or of an answer of our own
};

// Writes "> " or "< " before a line of a head, ">+ " or "<+ " before one of ours. No received line
// can look like the latter.
static void put_arrow(const struct show *s, enum record_side side, enum origin origin)
{
    char arrow[4] = {side == RECORD_REQUEST ? '>' : '<', origin == FROM_US ? '+' : ' ', ' ', 0};
    if (origin == FROM_PEER)
        arrow[2] = 0;
    show_coloured(s, TEXT_DIM, arrow);
}

static void put_field(const struct show *s, enum origin origin, struct slice name,
                      struct slice value)
{
    struct show_line l = {s, origin == FROM_US ? 3 : 2, 0};
    show_colour(s, origin == FROM_US ? TEXT_DIM : TEXT_CYAN);
    show_untrusted(&l, name);
    show_untrusted(&l, SLICE(":"));
    if (origin == FROM_PEER)
        show_colour(s, TEXT_PLAIN);
    show_untrusted(&l, SLICE(" "));
    show_untrusted(&l, value);
    if (origin == FROM_US)
        show_colour(s, TEXT_PLAIN);
    (void)fputc('\n', s->out);
}

static void put_fields(const struct show *s, enum record_side side, struct slice lines)
{
    struct slice name;
    struct slice value;
    while (record_next_field(&lines, &name, &value)) {
        put_arrow(s, side, FROM_PEER);
        put_field(s, FROM_PEER, name, value);
    }
}

// Writes when the exchange began, with the offset of the local zone.
static void put_time(const struct show *s, int64_t ns)
{
    char text[TEXT_TIME_MAX];
    char zone[8] = "";
    struct tm tm;
    time_t seconds = (time_t)(ns / 1000000000);
    if (ns < 0 || !localtime_r(&seconds, &tm) || strftime(zone, sizeof(zone), " %z", &tm) == 0)
        zone[0] = 0;
    (void)fprintf(s->out, "  %s%s%s%s", text_colour(s->colours, TEXT_DIM),
                  text_local_time(ns, text), zone, text_colour(s->colours, TEXT_PLAIN));
}

static void put_title(const struct show *s, const struct record_exchange *x)
{
    FILE *out = s->out;
    show_colour(s, TEXT_BOLD);
    show_safe(s, "", slice_str(x->id), "");
    show_colour(s, TEXT_PLAIN);
    put_time(s, x->began_ns);
    show_safe(s, "  ", x->program, "\n");
    if (x->scheme.len > 0 && x->host.len > 0) {
        struct show_line l = {s, 0, 0};
        show_untrusted(&l, x->scheme);
        show_untrusted(&l, SLICE("://"));
        show_untrusted(&l, x->host);
        if (x->target.len > 0 && x->target.p[0] == '/')
            show_untrusted(&l, x->target);
        (void)fputc('\n', out);
    }
    const struct {
        const char *label;
        struct slice value;
    } parts[] = {{"tunnel ", x->tunnel}, {"from ", x->visitor}, {"to ", x->upstream}};
    struct show_line l = {s, 0, 0};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].value.len == 0)
            continue;
        show_untrusted(&l, l.column > 0 ? SLICE("  ") : SLICE(""));
        show_coloured(s, TEXT_DIM, parts[i].label);
        l.column += strlen(parts[i].label);
        show_untrusted(&l, parts[i].value);
    }
    (void)fputs(l.column > 0 ? "\n" : "", out);
    if (x->replay_of.len > 0) {
        show_coloured(s, TEXT_DIM, "replay of ");
        show_safe(s, "", x->replay_of, "\n");
    }
    (void)fputc('\n', out);
}

static void put_trailers(const struct show *s, enum record_side side, struct slice lines)
{
    if (lines.len == 0)
        return;
    put_arrow(s, side, FROM_PEER);
    show_coloured(s, TEXT_DIM, "trailers\n");
    put_fields(s, side, lines);
}

// Writes what follows a head: an empty line, and body, trailers and messages with another one.
static bool put_rest(const struct show *s, const struct record_exchange *x, enum record_side side)
{
    const struct record_body *b = &x->body[side];
    bool messages = side == RECORD_RESPONSE && (x->flags & RECORD_UPGRADED);
    bool body = b->bytes > 0 && !recorded_has_messages(x);
    (void)fputc('\n', s->out);
    bool ok = show_body(s, x, side);
    put_trailers(s, side, b->trailers);
    if (messages)
        ok = show_messages(s, x) && ok;
    if (body || messages || b->trailers.len > 0)
        (void)fputc('\n', s->out);
    return ok;
}

static bool put_request(const struct show *s, const struct record_exchange *x)
{
    struct slice lines = x->request_head;
    struct slice name;
    struct slice value;
    put_arrow(s, RECORD_REQUEST, FROM_PEER);
    struct show_line l = {s, 2, 0};
    show_colour(s, TEXT_BOLD);
    show_untrusted(&l, x->method);
    show_untrusted(&l, SLICE(" "));
    show_untrusted(&l, x->target);
    show_colour(s, TEXT_PLAIN);
    show_untrusted(&l, SLICE(" "));
    show_untrusted(&l, x->protocol);
    (void)fputc('\n', s->out);
    if (recorded_lacks_host(x)) {
        put_arrow(s, RECORD_REQUEST, FROM_PEER);
        put_field(s, FROM_PEER, SLICE("Host"), x->host);
    }
    while (record_next_field(&lines, &name, &value)) {
        enum origin origin = recorded_is_set_by_relay(x, name, value) ? FROM_US : FROM_PEER;
        put_arrow(s, RECORD_REQUEST, origin);
        put_field(s, origin, name, value);
    }
    return put_rest(s, x, RECORD_REQUEST);
}

static void put_status(const struct show *s, enum origin origin, unsigned status,
                       struct slice reason)
{
    put_arrow(s, RECORD_RESPONSE, origin);
    show_colour(s, text_status_colour(status));
    struct show_line l = {s, 2 + 4, 0}; // after the arrow and the status
    (void)fprintf(s->out, "%u ", status);
    show_untrusted(&l, reason);
    show_coloured(s, TEXT_PLAIN, "\n");
}

// Writes bytes that came in place of a valid head, split at their line feeds.
static void put_bad_head(const struct show *s, struct slice bytes)
{
    if (bytes.len > 0)
        (void)fputs("< in place of a valid head came\n", s->out);
    while (bytes.len > 0) {
        const char *feed = memchr(bytes.p, '\n', bytes.len);
        size_t len = feed ? (size_t)(feed - bytes.p) : bytes.len;
        size_t shown = len > 0 && bytes.p[len - 1] == '\r' ? len - 1 : len;
        struct show_line l = {s, 3, 0};
        show_coloured(s, TEXT_DIM, "<? ");
        show_untrusted(&l, slice_of(bytes.p, shown));
        (void)fputc('\n', s->out);
        len += feed ? 1 : 0;
        bytes = slice_of(bytes.p + len, bytes.len - len);
    }
}

static bool put_response(const struct show *s, const struct record_exchange *x)
{
    struct slice lines = x->interim;
    struct recorded_interim interim;
    enum origin origin = x->error.len > 0 ? FROM_US : FROM_PEER;
    while (recorded_next_interim(&lines, &interim)) {
        put_status(s, FROM_PEER, interim.status, interim.reason);
        put_fields(s, RECORD_RESPONSE, interim.fields);
        show_coloured(s, TEXT_DIM, "<\n");
    }
    put_bad_head(s, x->bad_head);
    if (!x->status) {
        show_coloured(s, TEXT_DIM, "< no response\n\n");
        return true;
    }
    struct slice name;
    struct slice value;
    put_status(s, origin, x->status, x->reason);
    for (lines = x->response_head; record_next_field(&lines, &name, &value);) {
        put_arrow(s, RECORD_RESPONSE, origin);
        put_field(s, origin, name, value);
    }
    return put_rest(s, x, RECORD_RESPONSE);
}

bool show_exchange(const struct show *s, const struct record_exchange *x)
{
    put_title(s, x);
    bool ok = put_request(s, x);
    ok = put_response(s, x) && ok;
    show_outcome(s, x);
    if (x->duration_ns >= 0)
        (void)fputc('\n', s->out);
    show_timing(s, x);
    return ok;
}
