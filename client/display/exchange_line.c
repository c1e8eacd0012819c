// SPDX-License-Identifier: MIT
#include "exchange_line.h"
#include "common/inspect/text.h"
#include "proto/http/credentials.h"

enum {
    ID_COLUMNS = 6,
    TIME_COLUMNS = 8,
    STATUS_COLUMNS = 3,
    SIZE_COLUMNS = 10,
    DURATION_COLUMNS = 9,
    METHOD_COLUMNS = 6,
    METHOD_MOST = 12, // on a terminal
    BETWEEN = 2,
    // On a terminal: what is never left out, and the room that the target is to have; for more of
    // it the columns of size, duration and time are left out, in this order.
    ALWAYS = ID_COLUMNS + BETWEEN + STATUS_COLUMNS + BETWEEN + METHOD_COLUMNS + 1,
    TARGET_ROOM = 18,
    WITH_TIME = ALWAYS + TARGET_ROOM + TIME_COLUMNS + BETWEEN,
    WITH_DURATION = WITH_TIME + DURATION_COLUMNS + BETWEEN,
    WITH_SIZE = WITH_DURATION + SIZE_COLUMNS + BETWEEN,
    TARGET_COLUMNS = 18, // of a target before a remark, where they have room
    TARGET_LEAST = 7,    // of a target before a remark that has no room
    DETAIL_LEAST = 8,    // of a detail, or it is left out
    TARGET_GROWTH = 100, // bytes by which marks for values make a target longer
    REMARK_BYTES = 96
};

_Static_assert(ALWAYS + TARGET_ROOM <= LINE_COLUMNS_LEAST, "no line is too long");
_Static_assert(ALWAYS - METHOD_COLUMNS + METHOD_MOST + TARGET_LEAST <= LINE_COLUMNS_LEAST,
               "nor here");

static void put_colour(struct line *l, const struct line_place *place, enum text_colour colour)
{
    if (place->colours)
        line_colour(l, colour);
}

static void put_status(struct line *l, const struct line_place *place, unsigned status)
{
    enum text_colour colour = text_status_colour(status);
    if (colour != TEXT_PLAIN)
        put_colour(l, place, colour);
    size_t at = l->len;
    if (status)
        line_number(l, status);
    else
        line_put(l, "-");
    line_right(l, at, STATUS_COLUMNS);
    if (colour != TEXT_PLAIN)
        put_colour(l, place, TEXT_PLAIN);
    line_put(l, "  ");
}

static struct slice at_most(struct slice s, size_t len)
{
    return slice_of(s.p, s.len < len ? s.len : len);
}

// All that stands before the target.
static void put_columns(struct line *l, const struct line_place *place, const struct exchange *x,
                        const struct line_state *state)
{
    const size_t columns = place->columns ? place->columns : SIZE_MAX;
    put_colour(l, place, TEXT_DIM);
    size_t at = l->len;
    line_put(l, x->info.id + (place->columns ? EXCHANGE_ID_LEN - LINE_ID_END : 0));
    line_left(l, at, ID_COLUMNS);
    line_put(l, "  ");
    if (columns >= WITH_TIME) {
        line_put(l, state->time);
        line_put(l, "  ");
    }
    put_colour(l, place, TEXT_PLAIN);
    put_status(l, place, state->status);
    at = l->len;
    if (columns >= WITH_SIZE) {
        line_bytes(l, x->direction[OUTBOUND].bytes);
        line_right(l, at, SIZE_COLUMNS);
        line_put(l, "  ");
    }
    at = l->len;
    if (columns >= WITH_DURATION) {
        line_duration(l, state->ns);
        line_right(l, at, DURATION_COLUMNS);
        line_put(l, "  ");
    }
    at = l->len;
    line_foreign(l, at_most(slice_str(x->info.method), place->columns ? METHOD_MOST : SIZE_MAX));
    line_left(l, at, METHOD_COLUMNS);
    line_put(l, " ");
}

// Puts as much as has room, with three dots for the rest.
static void put_cut(struct line *l, struct slice s, size_t columns)
{
    const size_t dots = columns < 3 ? columns : 3;
    if (s.len <= columns) {
        line_foreign(l, s);
        return;
    }
    line_foreign(l, slice_of(s.p, columns - dots));
    line_foreign(l, slice_of("...", dots));
}

// A remark beside the columns: a word, and a detail that explains it.
struct remark {
    struct slice word, detail;
    bool undivided; // the detail is of no use when it is cut
};

// Puts the bytes that passed each way behind a switch of protocols.
static void put_traffic(struct line *l, const struct exchange *x)
{
    line_clear(l);
    line_bytes(l, x->direction[INBOUND].bytes);
    line_put(l, " in, ");
    line_bytes(l, x->direction[OUTBOUND].bytes);
    line_put(l, " out");
}

// `memory` is for its text.
static struct remark remark_on(const struct exchange *x, const struct line_state *state,
                               struct line *memory)
{
    struct remark r = {.word = SLICE(""), .detail = slice_str(x->info.detail)};
    if (state->runs)
        return (struct remark){.word = SLICE("running"), .detail = SLICE("")};
    if (x->info.refused)
        r.word = slice_str(answer_code(x->info.answer));
    else if (state->why != EXCHANGE_COMPLETE)
        r.word = slice_str(exchange_outcome_text(state->why));
    else if (x->upgraded)
        r.word = SLICE("closed");
    if (x->upgraded && r.detail.len == 0) {
        put_traffic(memory, x);
        r.detail = slice_of(memory->text, memory->len);
        r.undivided = true;
    }
    return r;
}

// The end of a code: ADIT-UPSTREAM-REFUSED, UPSTREAM-REFUSED, REFUSED, the longest that has room.
static struct slice shortened(struct slice word, size_t columns)
{
    while (word.len > columns) {
        const char *dash = memchr(word.p, '-', word.len);
        if (!dash)
            break;
        word = slice_of(dash + 1, (size_t)(word.p + word.len - dash) - 1);
    }
    return at_most(word, columns);
}

static void put_remark(struct line *l, const struct line_place *place, const struct remark *r,
                       bool runs)
{
    line_put(l, "  ");
    put_colour(l, place, runs ? TEXT_DIM : TEXT_YELLOW);
    line_foreign(l, r->word);
    if (r->detail.len > 0)
        line_put(l, ": ");
    line_foreign(l, r->detail);
    put_colour(l, place, TEXT_PLAIN);
}

// Makes a detail fit into so many columns; `memory` is for its text.
static void cut_detail(struct remark *r, size_t columns, char memory[static REMARK_BYTES])
{
    const size_t dots = 3;
    const size_t len = columns < REMARK_BYTES ? columns : REMARK_BYTES;
    if (r->detail.len <= columns)
        return;
    if (r->undivided || len < DETAIL_LEAST) {
        r->detail = SLICE("");
        return;
    }
    memcpy(memory, r->detail.p, len - dots);
    memcpy(memory + len - dots, "...", dots);
    r->detail = slice_of(memory, len);
}

// Target and remark on a terminal. Where they have no room the remark says more: the target is cut
// before its word is, but for a beginning.
static void put_both(struct line *l, const struct line_place *place, struct slice target,
                     struct remark r, bool runs)
{
    char memory[REMARK_BYTES];
    const size_t at = l->len;
    const size_t used = line_columns(l);
    const size_t room = place->columns > used ? place->columns - used : 0;
    const size_t least = target.len < TARGET_LEAST ? target.len : TARGET_LEAST;
    const size_t most = room > least + BETWEEN ? room - least - BETWEEN : 0;
    r.word = shortened(r.word, most);
    const size_t behind = r.word.len > 0 ? r.word.len + BETWEEN : 0;
    const size_t before = target.len < room - behind ? target.len : room - behind;
    put_cut(l, target, before);
    if (r.word.len == 0)
        return;
    const size_t left = room - behind - before;
    cut_detail(&r, left > BETWEEN ? left - BETWEEN : 0, memory); // ": " is as wide
    const size_t spare = left - (r.detail.len > 0 ? BETWEEN + r.detail.len : 0);
    line_left(l, at, before + spare < TARGET_COLUMNS ? before + spare : TARGET_COLUMNS);
    put_remark(l, place, &r, runs);
}

// Without the values of credentials: lines are copied from terminals, and kept by who runs us.
// `memory` is for its text.
static struct slice target_of(const struct exchange *x, char *memory, size_t cap)
{
    const struct slice text = slice_str(x->info.target);
    struct credential_sink sink = {.at = memory, .left = cap};
    if (!credential_may_be_in(text))
        return text;
    credential_write_url(&sink, text, CREDENTIAL_TARGET, &credential_rules_all);
    return slice_of(memory, cap - sink.left);
}

void exchange_line(struct line *l, const struct line_place *place, const struct exchange *x,
                   const struct line_state *state)
{
    char memory[EXCHANGE_TARGET_MAX + TARGET_GROWTH];
    struct line traffic;
    const struct remark r = remark_on(x, state, &traffic);
    const struct slice target = target_of(x, memory, sizeof(memory));
    line_clear(l);
    put_columns(l, place, x, state);
    if (place->columns > 0) {
        put_both(l, place, target, r, state->runs);
        return;
    }
    const size_t at = l->len;
    line_foreign(l, target);
    if (r.word.len == 0)
        return;
    line_left(l, at, TARGET_COLUMNS);
    put_remark(l, place, &r, state->runs);
}
