// SPDX-License-Identifier: MIT
// The visitors: each sends its requests on one connection and verifies the responses.
#include "check.h"
#include "exchange_sim_internal.h"

enum leaving {
    STAYS,
    LEAVES_BY_FIN,
    LEAVES_BY_RST,
    LEAVES_BY_CLOSE
};

struct visitor {
    struct fake_socket *s; // NULL: not connected yet
    struct sim_task *tasks;
    size_t count, sending, reading;
    struct sim_writer writer;
    struct sim_reader reader;
    bool writing, in_body;
    size_t scanned;
    bool pipelines, slow;
    bool waits; // for the program to close
    bool told_close;
    bool streams, stream_ended;
    bool ended, left; // by the program; by the visitor
    enum leaving leaves;
    uint32_t leaves_in; // steps
};

static struct visitor visitors[SIM_VISITORS_MAX];

void sim_visitors_begin(void)
{
    size_t next = 0;
    for (size_t i = 0; i < sim.visitor_count; i++) {
        struct visitor *v = &visitors[i];
        size_t most = SIM_TASKS_MAX / SIM_VISITORS_MAX;
        *v = (struct visitor){.tasks = &sim.tasks[next], .pipelines = sim_maybe(3)};
        v->count = 1 + chance_below(sim.chance, most);
        v->slow = sim_maybe(8);
        v->waits = sim_maybe(4);
        if (sim_maybe(6))
            v->leaves = (enum leaving)(1 + chance_below(sim.chance, 3));
        v->leaves_in = chance_below(sim.chance, sim_maybe(2) ? 20 : 200);
        for (size_t k = 0; k < v->count; k++) {
            sim.task_count = ++next;
            sim_task_plan(&v->tasks[k]);
            if (v->tasks[k].request_fault != REQUEST_SOUND)
                v->count = k + 1; // nothing can follow
        }
    }
}

static size_t some_bytes(bool all)
{
    static const uint32_t bounds[] = {3, 100, 3000, 70000};
    return all ? SIZE_MAX : 1 + chance_below(sim.chance, bounds[chance_below(sim.chance, 4)]);
}

static void excuse_rest(const struct visitor *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (!v->tasks[i].got || (v->tasks[i].accepts && !v->tasks[i].own))
            v->tasks[i].excused = true;
}

static void leave(struct visitor *v)
{
    v->left = true;
    fake_close(v->s);
}

// Leaves before it has got everything. Its FIN may be all of the stream of an upgraded connection.
static void leave_early(struct visitor *v)
{
    enum leaving how = v->streams ? LEAVES_BY_RST : v->leaves;
    sim_tell(v->tasks, "visitor: leaves early, %d", how);
    excuse_rest(v);
    v->leaves = STAYS;
    v->told_close = true; // sends no more
    for (size_t i = v->streams ? v->count : v->reading; i < v->count; i++)
        v->tasks[i].stream[INBOUND].total = 0;
    if (how == LEAVES_BY_FIN) {
        fake_shutdown(v->s);
        return;
    }
    v->left = true;
    if (how == LEAVES_BY_RST)
        fake_reset(v->s);
    else
        fake_close(v->s);
}

// Whether the response to the request before decides about the next.
static bool may_begin(const struct visitor *v)
{
    if (v->sending == v->count || v->told_close)
        return false;
    if (v->sending == v->reading)
        return true;
    return v->pipelines && !v->tasks[v->sending - 1].offers && !v->tasks[v->sending - 1].expects;
}

static void begin_request(struct visitor *v)
{
    struct sim_task *t = &v->tasks[v->sending];
    struct sim_writer *w = &v->writer;
    sim_writer_begin(w, &t->body[INBOUND], sim_task_request(t, w->text));
    w->breaks = t->request_fault == REQUEST_BAD_CHUNK;
    w->chunk_max = 1 + chance_below(sim.chance, sim_maybe(3) ? 30 : 30000);
    if (t->request_fault == REQUEST_BAD_CHUNK || t->request_fault == REQUEST_UNFINISHED)
        w->cut_at = w->body.total ? chance_below(sim.chance, w->body.total) : 0;
    if (t->request_fault == REQUEST_UNFINISHED && w->body.kind == BODY_NONE)
        w->len = 1 + chance_below(sim.chance, w->len - 1);
    t->begun = true;
    v->writing = true;
    sim_tell(t, "visitor: begins");
}

static void send_request(struct visitor *v, size_t most)
{
    struct sim_task *t = &v->tasks[v->sending];
    struct sim_writer *w = &v->writer;
    bool head_left = !w->head_sent;
    if (t->expects && head_left && most > w->len - w->at)
        most = w->len - w->at;
    else if (t->expects && !head_left && t->interims_got == 0 && (!t->got_head || v->told_close))
        return;
    (void)sim_writer_send(w, v->s, sim.chance, most);
    if (!w->done)
        return;
    t->sent = w->whole && t->request_fault == REQUEST_SOUND;
    v->writing = false;
    v->sending++;
    sim_tell(t, "visitor: has sent %s", t->sent ? "all" : "a part");
}

static void send_some(struct visitor *v, bool all)
{
    size_t most = some_bytes(all);
    if (v->left || v->ended)
        return;
    if (v->streams) {
        if (v->tasks[v->reading].speaks_last[INBOUND] && !v->stream_ended)
            return;
        (void)sim_writer_send(&v->writer, v->s, sim.chance, most);
        if (v->writer.done && !v->s->in.ended)
            fake_shutdown(v->s);
        return;
    }
    if (!v->writing && may_begin(v))
        begin_request(v);
    if (v->writing && !v->s->in.ended)
        send_request(v, most);
}

static bool may_tell_close(const struct sim_task *t)
{
    bool until_close =
        t->is_10 && sim_task_response_has_body(t) && t->body[OUTBOUND].kind != BODY_LENGTH;
    return t->closes || (t->is_10 && !t->keeps_10) || until_close || t->moment != AT_END ||
           sim_task_is_excused(t);
}

static void begin_stream(struct visitor *v, const struct sim_task *t)
{
    const struct body_framing bare = {BODY_TUNNEL, 0};
    sim_writer_begin(&v->writer, &t->stream[INBOUND], 0);
    sim_reader_begin(&v->reader, &bare, &t->stream[OUTBOUND]);
    v->streams = v->in_body = true;
    sim.result.upgraded++;
}

// The program knows by the head that it will not take the rest of the request.
static bool must_tell_close(const struct visitor *v, const struct sim_task *t)
{
    const struct sim_writer *w = &v->writer;
    bool writes = v->writing && &v->tasks[v->sending] == t;
    bool holds = t->expects && t->interims_got == 0;
    bool much = w->body.kind == BODY_LENGTH && w->body.total - w->sent > LIMIT_DRAIN_BYTES;
    return writes && !v->s->in.ended && (holds || much);
}

// An answer to the rest of a request, which the origin took for another one: a visitor can deceive
// itself by that, where the request had left before the response came.
static void verify_stray(const struct visitor *v, const struct sim_task *t, uint64_t number)
{
    const struct sim_task *cause = &sim.tasks[number];
    CHECK(cause >= v->tasks && cause < t && !cause->early);
}

// Whether such an answer may lie on the connection of this request, which may not be repeated: then
// it gets a 502.
static bool is_deceived(const struct visitor *v, const struct sim_task *t)
{
    for (const struct sim_task *cause = v->tasks; cause < t; cause++)
        if (cause->ignores && !cause->early && !sim_task_is_repeatable(t))
            return true;
    return false;
}

static void verify_final(struct visitor *v, struct sim_task *t, const struct http_head *head)
{
    const struct field *number = head_find(head, SLICE("x-sim"));
    const struct field *stray = head_find(head, SLICE("x-stray"));
    uint64_t n = 0;
    t->got_head = true;
    t->early = !t->sent;
    t->own = head_find(head, SLICE("adit-error")) != NULL;
    if (stray) {
        CHECK(slice_to_u64(stray->value, &n) && n < sim.task_count);
        verify_stray(v, t, n);
        t->own = t->excused = true;
    }
    if (head->status != 101 && !http1_keeps_alive(head)) {
        CHECK(may_tell_close(t));
        v->told_close = true;
    }
    CHECK(v->told_close || !must_tell_close(v, t));
    if (t->own) {
        t->excused = t->excused || is_deceived(v, t);
        CHECK(sim_task_is_excused(t) && !number);
        return;
    }
    CHECK(t->responded && head->status == t->status);
    CHECK(number && slice_to_u64(number->value, &n) && n == sim_task_number(t));
    CHECK(t->is_10 || t->interims_got == t->interims_sent);
    CHECK(head_count(head, SLICE("date")) == (head->status >= 200));
}

static void on_final(struct visitor *v, struct sim_task *t, const struct http_head *head)
{
    struct body_framing framing;
    verify_final(v, t, head);
    CHECK(http1_response_framing(head, slice_str(t->method), &framing) == 0);
    CHECK(framing.kind != BODY_CHUNKED || !t->is_10);
    if (head->status == 101) {
        begin_stream(v, t);
        return;
    }
    struct sim_body body = t->body[OUTBOUND];
    bool has_body = sim_task_response_has_body(t);
    body.total = has_body ? body.total : 0;
    body.trailers = body.trailers && has_body && framing.kind == BODY_CHUNKED;
    CHECK(t->own || !has_body || framing.kind != BODY_LENGTH || framing.length == body.total);
    // An answer to a part of a head that does not tell HEAD from another method has a body.
    if (t->own && v->told_close && !has_body)
        framing.kind = BODY_UNTIL_CLOSE;
    sim_reader_begin(&v->reader, &framing, t->own ? NULL : &body);
    v->in_body = true;
}

static void finish_response(struct visitor *v)
{
    struct sim_task *t = &v->tasks[v->reading++];
    CHECK(t->own || t->response_sent);
    t->got = true;
    v->in_body = false;
    sim_tell(t, "visitor: got all");
}

// Takes one head or a part of a body. False: more bytes are needed.
static bool take_head(struct visitor *v)
{
    static struct http_head head;
    const struct http1_limits limits = {32 * 1024, 100};
    struct fake_socket *s = v->s;
    if (v->s->out.held == 0)
        return false;
    int n = http1_parse_response(s->out.bytes, v->s->out.held, &v->scanned, &limits, &head);
    CHECK(n >= 0);
    if (n == 0)
        return false;
    CHECK(v->reading < v->count && v->tasks[v->reading].begun);
    struct sim_task *t = &v->tasks[v->reading];
    v->scanned = 0;
    sim_tell(t, "visitor: head %u", head.status);
    if (status_is_interim(head.status)) {
        CHECK(!t->is_10 && ++t->interims_got <= t->interims_sent);
    } else {
        on_final(v, t, &head);
    }
    fake_take(s, (size_t)n);
    return true;
}

static bool take_body(struct visitor *v)
{
    struct sim_task *t = &v->tasks[v->reading];
    size_t used = 0;
    uint64_t before = v->reader.got;
    enum sim_read read = sim_reader_read(&v->reader, v->s->out.bytes, v->s->out.held, &used);
    CHECK(read != SIM_READ_BAD);
    fake_take(v->s, used);
    t->taken[OUTBOUND] += v->reader.got - before;
    sim.result.bytes += v->reader.got - before;
    if (read == SIM_READ_DONE)
        finish_response(v);
    return read == SIM_READ_DONE || used > 0;
}

static void on_stream_end(struct visitor *v, bool reset)
{
    struct sim_task *t = &v->tasks[v->reading];
    v->stream_ended = true;
    t->stream_done[OUTBOUND] = !reset;
    t->got = !reset;
    CHECK(reset || v->reader.got == t->stream[OUTBOUND].total);
    v->ended = reset;
}

// A RST that shows that a response is cut may destroy what came before it: pipelined requests share
// their fate.
static void excuse_before_rst(const struct visitor *v)
{
    bool cut = false;
    for (size_t i = v->count; i-- > v->reading;) {
        cut = cut || (v->tasks[i].begun && sim_task_is_excused(&v->tasks[i]));
        v->tasks[i].excused = v->tasks[i].excused || cut;
    }
}

// The program has closed. A body that ends by that must be whole, unless a RST came.
static void on_end(struct visitor *v, bool reset)
{
    sim_tell(v->tasks, "visitor: end by %s", reset ? "RST" : "FIN");
    if (v->streams) {
        on_stream_end(v, reset);
        return;
    }
    v->ended = true;
    if (reset)
        excuse_before_rst(v);
    if (!v->in_body || v->reader.decoder.kind != BODY_UNTIL_CLOSE || reset)
        return;
    CHECK(!v->reader.verifies || v->reader.got == v->reader.body.total);
    finish_response(v);
}

static void read_some(struct visitor *v, bool all)
{
    struct fake_wire *w = &v->s->out;
    if (v->left)
        return;
    size_t n = some_bytes(all);
    size_t unread = w->len - w->held;
    w->held += n < unread ? n : unread;
    while (v->in_body ? take_body(v) : take_head(v))
        ;
    if (w->held == w->len && (w->ended || w->reset) && !v->ended && !v->stream_ended)
        on_end(v, w->reset);
    v->ended = v->ended || (v->stream_ended && w->reset); // the other direction broke
}

// Leaves when everything is said.
static void maybe_leave(struct visitor *v, bool all)
{
    bool answered = v->reading == v->count || (v->told_close && !v->in_body);
    bool stream_over = v->stream_ended && v->writer.done;
    bool over = v->ended || stream_over || (answered && !v->waits && !v->streams);
    if (!v->left && over && (all || sim_maybe(4)))
        leave(v);
}

void sim_visitor_step(size_t i, bool all)
{
    struct visitor *v = &visitors[i];
    if (!v->s) {
        v->s = fake_connect();
        sim_program_accept(v->s->fd);
    }
    if (v->leaves != STAYS && !v->left && !v->ended && v->leaves_in-- == 0)
        leave_early(v);
    // Some bytes of a pipe at most: the program's end may be gone meanwhile.
    if (v->slow && !all && !sim_maybe(16))
        return;
    if (all || sim_maybe(2))
        send_some(v, all);
    if (all || sim_maybe(2))
        read_some(v, all);
    maybe_leave(v, all);
}

bool sim_visitors_are_over(void)
{
    for (size_t i = 0; i < sim.visitor_count; i++)
        if (!visitors[i].left)
            return false;
    return true;
}

// Requests behind one that closed the connection, or that was excused, were not to be answered.
static void verify_answers(const struct visitor *v)
{
    for (size_t i = 0; i < v->count; i++) {
        const struct sim_task *t = &v->tasks[i];
        if (sim_task_is_excused(t))
            return;
        CHECK(t->begun && t->got && !t->own);
        CHECK(t->interims_got == (t->is_10 ? 0 : t->interims));
        CHECK(!t->accepts || (t->stream_done[INBOUND] && t->stream_done[OUTBOUND]));
        bool last = i + 1 == v->reading;
        if (t->accepts || (last && v->told_close) || (last && v->ended && t->moment != AT_END))
            return;
    }
}

static void count_outcomes(const struct visitor *v)
{
    for (size_t i = 0; i < v->count; i++) {
        const struct sim_task *t = &v->tasks[i];
        sim.result.requests += t->sent;
        sim.result.answered += t->got && !t->own;
        sim.result.refused += t->own;
        sim.result.cut += t->got_head && !t->got && !t->own;
        sim.result.unanswered += t->sent && !t->got_head;
        sim.result.retried += t->seen > 1;
    }
}

void sim_visitors_verify(void)
{
    for (size_t i = 0; i < sim.visitor_count; i++)
        verify_answers(&visitors[i]);
}

void sim_visitors_end(void)
{
    for (size_t i = 0; i < sim.visitor_count; i++) {
        struct visitor *v = &visitors[i];
        if (!v->s)
            continue;
        fake_close(v->s);
        count_outcomes(v);
    }
}
