// SPDX-License-Identifier: MIT
// Writes how an exchange ended, with notes, and how its time was spent.
#include <inttypes.h>
#include "common/io/loop.h"
#include "recorded.h"
#include "show.h"
#include "timing.h"
#include "verify_agreement.h"
#include "write.h"

enum {
    LABEL_COLUMNS = 10,  // of a label and the space behind it
    DIGEST_COLUMNS = 80, // narrower terminals get no digests
};

// Writes the label that begins each line.
static void put_label(const struct show *s, const char *label)
{
    (void)fprintf(s->out, "%s%-9s%s ", text_colour(s->colours, TEXT_DIM), label,
                  text_colour(s->colours, TEXT_PLAIN));
}

static void put_counts(const struct show *s, const struct record_exchange *x, enum record_side side)
{
    char number[TEXT_NUMBER_MAX];
    const struct record_body *b = &x->body[side];
    bool whole = x->flags & (side == RECORD_REQUEST ? RECORD_REQUEST_WHOLE : RECORD_RESPONSE_WHOLE);
    put_label(s, side == RECORD_REQUEST ? "request" : "response");
    (void)fprintf(s->out, "%" PRIu64 " bytes, %s", b->bytes,
                  whole                 ? "whole"
                  : x->outcome.len == 0 ? "so far"
                                        : "not whole");
    if (b->kept < b->bytes && !recorded_has_messages(x))
        (void)fprintf(s->out, ", %" PRIu64 " kept", b->kept);
    if (b->stalled_ns > 0)
        (void)fprintf(s->out, ", waited %s for its reader", text_duration(b->stalled_ns, number));
    if (b->has_digest && (s->columns == 0 || s->columns >= DIGEST_COLUMNS)) {
        (void)fputs(", xxh3-128 ", s->out);
        write_hex(s->out, b->digest, RECORD_DIGEST_BYTES);
    }
    (void)fputc('\n', s->out);
}

static void put_peer(const struct show *s, const struct record_exchange *x)
{
    const bool undamaged[2] = {false, false}; // not checked: that would read whole bodies
    struct agreement a = agreement_of(x, undamaged);
    if (!x->peer.known && (x->tunnel.len == 0 || x->outcome.len == 0))
        return;
    put_label(s, "other end");
    if (!x->peer.known) {
        (void)fputs("has not reported\n", s->out);
        return;
    }
    show_safe(s, "", x->peer.outcome, ": ");
    for (int side = 0; side < 2; side++) {
        (void)fprintf(s->out, "%s%s", side == 0 ? "request " : ", response ",
                      direction_str(a.direction[side]));
        if (a.direction[side] == DIRECTION_DIFFERS)
            (void)fprintf(s->out, " (%" PRIu64 " bytes there)", x->peer.bytes[side]);
    }
    (void)fputc('\n', s->out);
}

static bool has_relay_fields(const struct record_exchange *x)
{
    struct slice lines = x->request_head;
    struct slice name;
    struct slice value;
    while (record_next_field(&lines, &name, &value))
        if (recorded_is_set_by_relay(x, name, value))
            return true;
    return false;
}

static void put_note(const struct show *s, bool holds, const char *text)
{
    if (!holds)
        return;
    put_label(s, "note");
    (void)fprintf(s->out, "%s\n", text);
}

static void put_notes(const struct show *s, const struct record_exchange *x)
{
    put_note(s, has_relay_fields(x), ">+ marks fields that the relay has set");
    put_note(s, x->status && x->error.len > 0, "<+ marks an answer that adit gave itself");
    put_note(s, x->flags & RECORD_REDACTED, "values were replaced by [redacted]");
    put_note(s, x->flags & RECORD_SHED,
             "not all of it was kept: it came faster than it could be written");
    put_note(s, x->flags & RECORD_HEADS_ONLY, "bodies and messages were not to be kept");
}

void show_outcome(const struct show *s, const struct record_exchange *x)
{
    char number[TEXT_NUMBER_MAX];
    const int64_t lasted_ns = timing_elapsed(x, wall_clock_ns());
    if (x->outcome.len == 0) {
        (void)fprintf(s->out, "it still runs, %s so far\n", text_duration(lasted_ns, number));
    } else {
        bool well = slice_eq(x->outcome, SLICE("complete")) && x->error.len == 0;
        put_label(s, "ended");
        show_colour(s, well ? TEXT_PLAIN : TEXT_YELLOW);
        show_safe(s, "", x->outcome, "");
        (void)fprintf(s->out, " after %s%s", text_duration(lasted_ns, number),
                      x->duration_ns < 0 ? " or more" : "");
        if (x->error.len > 0)
            show_safe(s, ", answered by ", x->program, " itself: ");
        show_safe(s, "", x->error, "");
        show_coloured(s, TEXT_PLAIN, "\n");
    }
    if (x->detail.len > 0) {
        struct show_line l = {s, LABEL_COLUMNS, 0};
        put_label(s, "detail");
        show_untrusted(&l, x->detail);
        (void)fputc('\n', s->out);
    }
    put_counts(s, x, RECORD_REQUEST);
    put_counts(s, x, RECORD_RESPONSE);
    put_peer(s, x);
    put_notes(s, x);
}

static void put_piece(const struct show *s, enum text_colour colour, char c, int columns)
{
    char piece[SHOW_BAR + 1];
    if (columns <= 0)
        return;
    memset(piece, c, (size_t)columns);
    piece[columns] = 0;
    show_coloured(s, colour, piece);
}

// Draws the piece of the bar for a part: one column at least when it took any time.
static void put_bar(const struct show *s, int64_t before, int64_t part, int64_t total)
{
    double scale = total > 0 ? (double)SHOW_BAR / (double)total : 0;
    int from = (int)((double)before * scale);
    int to = (int)((double)(before + part) * scale + 0.5);
    from = from < SHOW_BAR ? from : SHOW_BAR - 1;
    to = to > from ? to : from + (part > 0 ? 1 : 0);
    to = to < SHOW_BAR ? to : SHOW_BAR;
    put_piece(s, TEXT_DIM, '.', from);
    put_piece(s, TEXT_CYAN, '#', to - from);
    put_piece(s, TEXT_DIM, '.', SHOW_BAR - to);
}

// A terminal that is too narrow gets no bar.
void show_timing(const struct show *s, const struct record_exchange *x)
{
    enum {
        BEFORE = 22 // columns of the label and the time
    };
    char number[TEXT_NUMBER_MAX];
    struct timing t;
    int64_t before = 0;
    timing_split(x, &t);
    for (size_t i = 0; i < t.count; i++) {
        put_label(s, t.part[i].name);
        (void)fprintf(s->out, "%10s", text_duration(t.part[i].ns, number));
        if (s->columns == 0 || s->columns >= BEFORE + SHOW_BAR) {
            (void)fputs("  ", s->out);
            put_bar(s, before, t.part[i].ns, t.total_ns);
        }
        (void)fputc('\n', s->out);
        before += t.part[i].ns;
    }
}
