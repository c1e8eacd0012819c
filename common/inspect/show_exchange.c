// SPDX-License-Identifier: MIT
// One exchange for people.
#include <inttypes.h>
#include "bits.h"
#include "common/loop.h"
#include "heads.h"
#include "judge.h"
#include "show.h"
#include "text.h"
#include "timing.h"

static void put_safe(FILE *out, const char *before, struct slice s, const char *after)
{
    (void)fputs(before, out);
    write_safe(out, s);
    (void)fputs(after, out);
}

static void put_fields(FILE *out, const char *arrow, struct slice lines)
{
    struct slice name;
    struct slice value;
    while (record_next_field(&lines, &name, &value)) {
        put_safe(out, arrow, name, ": ");
        put_safe(out, "", value, "\n");
    }
}

static void put_title(FILE *out, const struct record_exchange *x)
{
    char time[TEXT_TIME_MAX];
    put_safe(out, "", slice_str(x->id), "  ");
    (void)fputs(text_local_time(x->began_ns, time), out);
    put_safe(out, "  ", x->program, "");
    if (x->tunnel.len > 0)
        put_safe(out, "  tunnel ", x->tunnel, "");
    if (x->visitor.len > 0)
        put_safe(out, "  from ", x->visitor, "");
    if (x->upstream.len > 0)
        put_safe(out, "  to ", x->upstream, "");
    (void)fputc('\n', out);
    if (x->scheme.len > 0 && x->host.len > 0) {
        put_safe(out, "", x->scheme, "://");
        put_safe(out, "", x->host, "");
        if (x->target.len > 0 && x->target.p[0] == '/')
            put_safe(out, "", x->target, "");
        (void)fputc('\n', out);
    }
    if (x->replay_of.len > 0)
        put_safe(out, "repeats ", x->replay_of, "\n");
    (void)fputc('\n', out);
}

static void put_trailers(FILE *out, const char *arrow, struct slice lines)
{
    if (lines.len > 0)
        (void)fprintf(out, "%strailers\n", arrow);
    put_fields(out, arrow, lines);
}

static bool put_request(const struct show *s, const struct record_exchange *x)
{
    put_safe(s->out, "> ", x->method, " ");
    put_safe(s->out, "", x->target, " ");
    put_safe(s->out, "", x->protocol, "\n");
    if (lacks_host(x))
        put_safe(s->out, "> Host: ", x->host, "\n");
    put_fields(s->out, "> ", x->request_head);
    (void)fputc('\n', s->out);
    bool ok = show_body(s, x, RECORD_REQUEST);
    put_trailers(s->out, "> ", x->body[RECORD_REQUEST].trailers);
    if (x->body[RECORD_REQUEST].bytes > 0 && !has_messages(x))
        (void)fputc('\n', s->out);
    return ok;
}

static void put_status(FILE *out, unsigned status, struct slice reason)
{
    (void)fprintf(out, "< %u ", status);
    write_safe(out, reason);
    (void)fputc('\n', out);
}

// What is no head has no lines but what looks like them.
static void put_bad_head(FILE *out, struct slice bytes)
{
    if (bytes.len > 0)
        (void)fputs("< in place of a valid head came\n", out);
    while (bytes.len > 0) {
        const char *feed = memchr(bytes.p, '\n', bytes.len);
        size_t len = feed ? (size_t)(feed - bytes.p) : bytes.len;
        size_t shown = len > 0 && bytes.p[len - 1] == '\r' ? len - 1 : len;
        put_safe(out, "<? ", slice_of(bytes.p, shown), "\n");
        len += feed ? 1 : 0;
        bytes = slice_of(bytes.p + len, bytes.len - len);
    }
}

static bool put_response(const struct show *s, const struct record_exchange *x)
{
    struct slice lines = x->interim;
    struct interim interim;
    while (next_interim(&lines, &interim)) {
        put_status(s->out, interim.status, interim.reason);
        put_fields(s->out, "< ", interim.fields);
        (void)fputs("<\n", s->out);
    }
    put_bad_head(s->out, x->bad_head);
    if (!x->status) {
        (void)fputs("< no response\n\n", s->out);
        return true;
    }
    put_status(s->out, x->status, x->reason);
    put_fields(s->out, "< ", x->response_head);
    (void)fputc('\n', s->out);
    bool ok = show_body(s, x, RECORD_RESPONSE);
    put_trailers(s->out, "< ", x->body[RECORD_RESPONSE].trailers);
    if (x->flags & RECORD_UPGRADED)
        ok = show_messages(s, x) && ok;
    (void)fputc('\n', s->out);
    return ok;
}

static void put_counts(FILE *out, const struct record_exchange *x, enum record_side side)
{
    char number[TEXT_NUMBER_MAX];
    const struct record_body *b = &x->body[side];
    bool whole = x->flags & (side == RECORD_REQUEST ? RECORD_REQUEST_WHOLE : RECORD_RESPONSE_WHOLE);
    (void)fprintf(out, "%-9s %" PRIu64 " bytes, %s",
                  side == RECORD_REQUEST ? "request" : "response", b->bytes,
                  whole                 ? "whole"
                  : x->outcome.len == 0 ? "so far"
                                        : "not whole");
    if (b->kept < b->bytes && !has_messages(x))
        (void)fprintf(out, ", %" PRIu64 " kept", b->kept);
    if (b->stalled_ns > 0)
        (void)fprintf(out, ", waited %s for its reader", text_duration(b->stalled_ns, number));
    if (b->has_digest) {
        (void)fputs(", xxh3-128 ", out);
        for (size_t i = 0; i < RECORD_DIGEST_BYTES; i++)
            (void)fprintf(out, "%02x", b->digest[i]);
    }
    (void)fputc('\n', out);
}

static void put_far(FILE *out, const struct record_exchange *x)
{
    const bool unchecked[2] = {false, false}; // show does not read whole bodies for that
    struct judgement j = judge(x, unchecked);
    if (!x->far.known) {
        if (x->tunnel.len > 0 && x->outcome.len > 0)
            (void)fputs("far end   has not reported\n", out);
        return;
    }
    put_safe(out, "far end   ", x->far.outcome, ": ");
    for (int side = 0; side < 2; side++) {
        (void)fprintf(out, "%s%s", side == 0 ? "request " : ", response ",
                      direction_str(j.direction[side]));
        if (j.direction[side] == DIRECTION_DIFFERS)
            (void)fprintf(out, " (%" PRIu64 " bytes there)", x->far.bytes[side]);
    }
    (void)fputc('\n', out);
}

static void put_notes(FILE *out, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *text;
    } notes[] = {
        {RECORD_REDACTED, "values were replaced by [redacted]"},
        {RECORD_SHED, "not all of it was kept: it came faster than it could be written"},
        {RECORD_HEADS_ONLY, "bodies and messages were not to be kept"},
    };
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        if (flags & notes[i].flag)
            (void)fprintf(out, "note      %s\n", notes[i].text);
}

static void put_end(FILE *out, const struct record_exchange *x)
{
    char number[TEXT_NUMBER_MAX];
    const int64_t lasted_ns = timing_lasted(x, wall_clock_ns());
    if (x->outcome.len == 0) {
        (void)fprintf(out, "it still runs, %s so far\n", text_duration(lasted_ns, number));
    } else {
        put_safe(out, "ended     ", x->outcome, "");
        (void)fprintf(out, " after %s%s", text_duration(lasted_ns, number),
                      x->duration_ns < 0 ? " or more" : "");
        if (x->error.len > 0)
            put_safe(out, ", answered by ", x->program, " itself: ");
        put_safe(out, "", x->error, "\n");
    }
    if (x->detail.len > 0)
        put_safe(out, "detail    ", x->detail, "\n");
    put_counts(out, x, RECORD_REQUEST);
    put_counts(out, x, RECORD_RESPONSE);
    put_far(out, x);
    put_notes(out, x->flags);
}

// A part's piece of the bar: from its first column to its last, at least one when it took any time.
static void put_bar(FILE *out, int64_t before, int64_t part, int64_t total)
{
    char bar[SHOW_BAR + 1];
    double scale = total > 0 ? (double)SHOW_BAR / (double)total : 0;
    int from = (int)((double)before * scale);
    int to = (int)((double)(before + part) * scale + 0.5);
    from = from < SHOW_BAR ? from : SHOW_BAR - 1;
    to = to > from ? to : from + (part > 0 ? 1 : 0);
    for (int i = 0; i < SHOW_BAR; i++)
        bar[i] = i >= from && i < to ? '#' : '.';
    bar[SHOW_BAR] = 0;
    (void)fputs(bar, out);
}

void show_timing(FILE *out, const struct record_exchange *x)
{
    char number[TEXT_NUMBER_MAX];
    struct timing t;
    int64_t before = 0;
    timing_split(x, &t);
    for (size_t i = 0; i < t.count; i++) {
        (void)fprintf(out, "%-9s %10s  ", t.part[i].name, text_duration(t.part[i].ns, number));
        put_bar(out, before, t.part[i].ns, t.total_ns);
        (void)fputc('\n', out);
        before += t.part[i].ns;
    }
}

bool show_exchange(const struct show *s, const struct record_exchange *x)
{
    put_title(s->out, x);
    bool ok = put_request(s, x);
    ok = put_response(s, x) && ok;
    put_end(s->out, x);
    if (x->duration_ns >= 0)
        (void)fputc('\n', s->out);
    show_timing(s->out, x);
    return ok;
}
