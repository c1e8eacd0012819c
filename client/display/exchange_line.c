// SPDX-License-Identifier: MIT
#include "exchange_line.h"
#include "common/inspect/text.h"
#include "proto/http/credential_url.h"

enum {
    ID_COLUMNS = 6,
    TIME_COLUMNS = 8,
    STATUS_COLUMNS = 3,
    SIZE_COLUMNS = 10,
    DURATION_COLUMNS = 9,
    METHOD_COLUMNS = 6,
    METHOD_MAX = 12, // on a terminal
    BETWEEN = 2,
    // On a terminal the columns of size, duration and time are left out, in this order, until the
    // target has TARGET_ROOM columns. WITH_…: the least width of a terminal that shows each.
    ALWAYS = ID_COLUMNS + BETWEEN + STATUS_COLUMNS + BETWEEN + METHOD_COLUMNS + 1,
    TARGET_ROOM = 18,
    WITH_TIME = ALWAYS + TARGET_ROOM + TIME_COLUMNS + BETWEEN,
    WITH_DURATION = WITH_TIME + DURATION_COLUMNS + BETWEEN,
    WITH_SIZE = WITH_DURATION + SIZE_COLUMNS + BETWEEN,
    TARGET_COLUMNS = 18, // remarks are aligned behind them, where there is room
    TARGET_MIN = 7,      // never cut for a remark
    DETAIL_MIN = 8,      // a shorter piece of a detail is not shown
    TARGET_GROWTH = 100, // bytes by which marks for secret values make a target longer
    REMARK_BYTES = 96
};

_Static_assert(ALWAYS + TARGET_ROOM <= LINE_COLUMNS_MIN, "the narrowest line has room");
_Static_assert(ALWAYS - METHOD_COLUMNS + METHOD_MAX + TARGET_MIN <= LINE_COLUMNS_MIN,
               "the longest method leaves room for a target");

static void put_colour(struct line_buf *l, const struct line_format *format,
                       enum text_colour colour)
{
    if (format->colours)
        line_buf_colour(l, colour);
}

static void put_status(struct line_buf *l, const struct line_format *format, unsigned status)
{
    enum text_colour colour = text_status_colour(status);
    if (colour != TEXT_PLAIN)
        put_colour(l, format, colour);
    size_t at = l->len;
    if (status)
        line_buf_number(l, status);
    else
        line_buf_put(l, "-");
    line_buf_align_right(l, at, STATUS_COLUMNS);
    if (colour != TEXT_PLAIN)
        put_colour(l, format, TEXT_PLAIN);
    line_buf_put(l, "  ");
}

static struct slice at_most(struct slice s, size_t len)
{
    return slice_of(s.p, s.len < len ? s.len : len);
}

// The columns before the target.
static void put_columns(struct line_buf *l, const struct line_format *format,
                        const struct exchange *x, const struct exchange_line_state *state)
{
    const size_t columns = format->columns ? format->columns : SIZE_MAX;
    put_colour(l, format, TEXT_DIM);
    size_t at = l->len;
    line_buf_put(l, x->facts.id + (format->columns ? EXCHANGE_ID_LEN - LINE_ID_CHARS : 0));
    line_buf_align_left(l, at, ID_COLUMNS);
    line_buf_put(l, "  ");
    if (columns >= WITH_TIME) {
        line_buf_put(l, state->time);
        line_buf_put(l, "  ");
    }
    put_colour(l, format, TEXT_PLAIN);
    put_status(l, format, state->status);
    at = l->len;
    if (columns >= WITH_SIZE) {
        line_buf_size(l, x->direction[OUTBOUND].bytes);
        line_buf_align_right(l, at, SIZE_COLUMNS);
        line_buf_put(l, "  ");
    }
    at = l->len;
    if (columns >= WITH_DURATION) {
        line_buf_duration(l, state->ns);
        line_buf_align_right(l, at, DURATION_COLUMNS);
        line_buf_put(l, "  ");
    }
    at = l->len;
    line_buf_untrusted(
        l, at_most(slice_str(x->facts.method), format->columns ? METHOD_MAX : SIZE_MAX));
    line_buf_align_left(l, at, METHOD_COLUMNS);
    line_buf_put(l, " ");
}

// Cuts to so many columns, with three dots at the end.
static void put_cut(struct line_buf *l, struct slice s, size_t columns)
{
    const size_t dots = columns < 3 ? columns : 3;
    if (s.len <= columns) {
        line_buf_untrusted(l, s);
        return;
    }
    line_buf_untrusted(l, slice_of(s.p, columns - dots));
    line_buf_untrusted(l, slice_of("...", dots));
}

// A remark behind the target: a word, and a detail that explains it.
struct remark {
    struct slice word, detail;
    bool undivided; // the detail is shown whole or not at all
};

// The bytes that passed each way after an upgrade.
static void put_traffic(struct line_buf *l, const struct exchange *x)
{
    line_buf_clear(l);
    line_buf_size(l, x->direction[INBOUND].bytes);
    line_buf_put(l, " in, ");
    line_buf_size(l, x->direction[OUTBOUND].bytes);
    line_buf_put(l, " out");
}

// The remark may point into `memory`.
static struct remark remark_on(const struct exchange *x, const struct exchange_line_state *state,
                               struct line_buf *memory)
{
    struct remark r = {.word = SLICE(""), .detail = slice_str(x->facts.detail)};
    if (state->runs)
        return (struct remark){.word = SLICE("running"), .detail = SLICE("")};
    if (x->facts.refused)
        r.word = slice_str(answer_code(x->facts.answer));
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

// Drops leading parts of a code until it fits: ADIT-UPSTREAM-REFUSED, UPSTREAM-REFUSED, REFUSED.
static struct slice shorten_code(struct slice word, size_t columns)
{
    while (word.len > columns) {
        const char *dash = memchr(word.p, '-', word.len);
        if (!dash)
            break;
        word = slice_of(dash + 1, (size_t)(word.p + word.len - dash) - 1);
    }
    return at_most(word, columns);
}

static void put_remark(struct line_buf *l, const struct line_format *format, const struct remark *r,
                       bool runs)
{
    line_buf_put(l, "  ");
    put_colour(l, format, runs ? TEXT_DIM : TEXT_YELLOW);
    line_buf_untrusted(l, r->word);
    if (r->detail.len > 0)
        line_buf_put(l, ": ");
    line_buf_untrusted(l, r->detail);
    put_colour(l, format, TEXT_PLAIN);
}

// Makes a detail fit into so many columns. It may point into `memory` afterwards.
static void cut_detail(struct remark *r, size_t columns, char memory[static REMARK_BYTES])
{
    const size_t dots = 3;
    const size_t len = columns < REMARK_BYTES ? columns : REMARK_BYTES;
    if (r->detail.len <= columns)
        return;
    if (r->undivided || len < DETAIL_MIN) {
        r->detail = SLICE("");
        return;
    }
    memcpy(memory, r->detail.p, len - dots);
    memcpy(memory + len - dots, "...", dots);
    r->detail = slice_of(memory, len);
}

// Target and remark on a terminal. Columns go to TARGET_MIN of the target first, then to the
// remark's word, the rest of the target, and the detail.
static void put_target_and_remark(struct line_buf *l, const struct line_format *format,
                                  struct slice target, struct remark r, bool runs)
{
    char memory[REMARK_BYTES];
    const size_t at = l->len;
    const size_t used = line_buf_columns(l);
    const size_t room = format->columns > used ? format->columns - used : 0;
    const size_t least = target.len < TARGET_MIN ? target.len : TARGET_MIN;
    const size_t most = room > least + BETWEEN ? room - least - BETWEEN : 0;
    r.word = shorten_code(r.word, most);
    const size_t behind = r.word.len > 0 ? r.word.len + BETWEEN : 0;
    const size_t before = target.len < room - behind ? target.len : room - behind;
    put_cut(l, target, before);
    if (r.word.len == 0)
        return;
    const size_t left = room - behind - before;
    cut_detail(&r, left > BETWEEN ? left - BETWEEN : 0, memory); // ": " is as wide
    const size_t spare = left - (r.detail.len > 0 ? BETWEEN + r.detail.len : 0);
    line_buf_align_left(l, at, before + spare < TARGET_COLUMNS ? before + spare : TARGET_COLUMNS);
    put_remark(l, format, &r, runs);
}

// The target without the values of credentials, perhaps in `memory`: lines are copied from
// terminals and kept in logs.
static struct slice target_of(const struct exchange *x, char *memory, size_t cap)
{
    const struct slice text = slice_str(x->facts.target);
    struct credential_sink sink = {.at = memory, .left = cap};
    if (!credential_may_be_in(text))
        return text;
    credential_write_url(&sink, text, CREDENTIAL_TARGET, &credential_rules_all);
    return slice_of(memory, cap - sink.left);
}

void exchange_line(struct line_buf *l, const struct line_format *format, const struct exchange *x,
                   const struct exchange_line_state *state)
{
    char memory[EXCHANGE_TARGET_MAX + TARGET_GROWTH];
    struct line_buf traffic;
    const struct remark r = remark_on(x, state, &traffic);
    const struct slice target = target_of(x, memory, sizeof(memory));
    line_buf_clear(l);
    put_columns(l, format, x, state);
    if (format->columns > 0) {
        put_target_and_remark(l, format, target, r, state->runs);
        return;
    }
    const size_t at = l->len;
    line_buf_untrusted(l, target);
    if (r.word.len == 0)
        return;
    line_buf_align_left(l, at, TARGET_COLUMNS);
    put_remark(l, format, &r, state->runs);
}
