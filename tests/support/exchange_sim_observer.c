// SPDX-License-Identifier: MIT
// Verifies that an observer is told of each exchange in order, each event once, and each byte.
#include "check.h"
#include "exchange_sim_internal.h"

struct note {
    struct sim_task *task;
    bool routed, head, finished[2];
};

enum {
    NOTES_MAX = 4 * SIM_TASKS_MAX
};

static struct note notes[NOTES_MAX];
static size_t note_count, running;

static struct note *note_of(const struct exchange *x)
{
    CHECK(x->note[EXCHANGE_NOTE_RECORDER]);
    return x->note[EXCHANGE_NOTE_RECORDER];
}

static void on_begun(void *ctx, struct exchange *x, const struct http_head *request)
{
    (void)ctx;
    CHECK(note_count < NOTES_MAX && !x->note[EXCHANGE_NOTE_RECORDER]);
    struct note *n = &notes[note_count++];
    *n = (struct note){.task = sim_task_of(request->target)};
    CHECK(n->task->begun && n->task->request_fault != REQUEST_BAD_HEAD);
    CHECK(slice_eq(request->method, slice_str(n->task->method)));
    for (size_t i = 0; i + 1 < note_count; i++)
        CHECK(notes[i].task != n->task);
    x->note[EXCHANGE_NOTE_RECORDER] = n;
    running++;
    sim_tell(n->task, "observed: begun");
}

static void on_routed(void *ctx, struct exchange *x)
{
    struct note *n = note_of(x);
    (void)ctx;
    CHECK(!n->routed);
    n->routed = true;
}

static void on_head(void *ctx, struct exchange *x, const struct http_head *response)
{
    struct note *n = note_of(x);
    (void)ctx;
    CHECK(n->routed && !n->head && !n->finished[OUTBOUND]);
    n->head = !status_is_interim(response->status);
    sim_tell(n->task, "observed: head %u", response->status);
}

static void on_bad_head(void *ctx, struct exchange *x, struct slice bytes)
{
    const struct note *n = note_of(x);
    (void)ctx;
    CHECK(n->routed && !n->head && bytes.len > 0);
    CHECK(n->task->response_fault == RESPONSE_BAD_HEAD);
}

// The bytes behind the body are those of the upgraded connection.
static void verify_bytes(struct sim_task *t, enum exchange_side from, struct slice bytes)
{
    const struct sim_body *body = &t->body[from];
    uint64_t body_total = from == OUTBOUND && t->accepts ? 0 : body->total;
    uint64_t at = t->passed[from];
    if (at < body_total) {
        size_t n = bytes.len < body_total - at ? bytes.len : (size_t)(body_total - at);
        CHECK(pattern_is(bytes.p, n, body->key, at));
        bytes = slice_of(bytes.p + n, bytes.len - n);
        at += n;
    }
    if (bytes.len == 0)
        return;
    CHECK(t->accepts);
    const struct sim_body *stream = &t->stream[from];
    CHECK(at - body_total + bytes.len <= stream->total);
    CHECK(pattern_is(bytes.p, bytes.len, stream->key, at - body_total));
}

// Credit bounds what waits between the ends, beside the wire of the far end and what was read in
// one go with the head (exchange.h).
static void verify_credit(const struct sim_task *t, const struct exchange *x,
                          enum exchange_side from)
{
    bool forwarded = t->moment == AT_END && !sim_task_is_excused(t) && !sim.over;
    CHECK(!forwarded || t->passed[from] - t->taken[from] <=
                            LIMIT_CREDIT_BYTES + LIMIT_READ_BYTES + FAKE_WIRE_BYTES);
    int64_t left = sim_program_credit_left(x, from);
    CHECK(left >= -(int64_t)LIMIT_READ_BYTES && left <= LIMIT_CREDIT_BYTES);
}

static void on_data(void *ctx, struct exchange *x, enum exchange_side from, struct slice bytes)
{
    struct note *n = note_of(x);
    struct sim_task *t = n->task;
    (void)ctx;
    CHECK(n->routed && !n->finished[from] && bytes.len > 0);
    CHECK(from == INBOUND || n->head);
    if (from == OUTBOUND && sim_program_answered(x))
        return;
    verify_bytes(t, from, bytes);
    t->passed[from] += bytes.len;
    verify_credit(t, x, from);
}

static void on_finished(void *ctx, struct exchange *x, enum exchange_side from,
                        const struct http_head *trailers)
{
    struct note *n = note_of(x);
    (void)ctx;
    CHECK(n->routed && !n->finished[from]);
    CHECK(from == INBOUND || n->head);
    CHECK(!trailers || (trailers->field_count > 0 && n->task->body[from].trailers));
    n->finished[from] = true;
    sim_tell(n->task, "observed: %s finished", from == INBOUND ? "request" : "response");
}

static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    const struct note *n = note_of(x);
    (void)ctx;
    sim_tell(n->task, "observed: closed, %s", exchange_outcome_text(why));
    CHECK(n->routed && running > 0);
    CHECK(why != EXCHANGE_COMPLETE || n->finished[OUTBOUND]);
    CHECK(why == EXCHANGE_COMPLETE || !n->finished[OUTBOUND] || n->task->accepts);
    CHECK(why == EXCHANGE_COMPLETE || sim_task_is_excused(n->task) || sim.over);
    x->note[EXCHANGE_NOTE_RECORDER] = NULL;
    running--;
}

static void on_discarded(void *ctx, struct exchange *x)
{
    (void)ctx;
    CHECK(note_of(x) && fake_system_has_failed() && running > 0);
    x->note[EXCHANGE_NOTE_RECORDER] = NULL;
    running--;
}

static bool wants_digests(void *ctx, const struct exchange *x)
{
    (void)ctx;
    return note_of(x)->task->pads;
}

const struct exchange_observer sim_observer = {
    .begun = on_begun,
    .routed = on_routed,
    .head = on_head,
    .bad_head = on_bad_head,
    .data = on_data,
    .finished = on_finished,
    .closed = on_closed,
    .discarded = on_discarded,
    .wants_digests = wants_digests,
};

void sim_observer_begin(void)
{
    note_count = running = 0;
}

void sim_observer_end(void)
{
    CHECK(running == 0);
}
