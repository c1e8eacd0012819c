// SPDX-License-Identifier: MIT
// The origin: verifies requests and answers each as its task says.
#include <stdio.h>
#include "check.h"
#include "exchange_sim_internal.h"

struct service {
    struct fake_socket *s;
    struct sim_task *t; // NULL: between two requests
    struct sim_reader reader;
    struct sim_writer writer;
    size_t scanned;
    bool request_done, told_close;
    unsigned interims_left;
    bool writing, final, responded;
    bool streams, stream_ended;
    bool served, left, slow;
};

static struct service services[FAKE_SOCKETS_MAX];
static size_t service_count;

void sim_origin_begin(void)
{
    service_count = 0;
}

void sim_origin_accept(void)
{
    struct fake_socket *s = fake_accept();
    if (!s)
        return;
    CHECK(service_count < FAKE_SOCKETS_MAX);
    services[service_count++] = (struct service){.s = s, .slow = sim_maybe(8)};
}

static size_t some_bytes(bool all)
{
    static const uint32_t bounds[] = {3, 100, 3000, 70000};
    return all ? SIZE_MAX : 1 + chance_below(sim.chance, bounds[chance_below(sim.chance, 4)]);
}

static void leave(struct service *o)
{
    o->left = true;
    fake_close(o->s);
}

static void verify_request(const struct service *o, const struct http_head *head,
                           const struct body_framing *framing)
{
    const struct sim_task *t = o->t;
    const struct sim_body *body = &t->body[INBOUND];
    CHECK(t->begun && slice_eq(head->method, slice_str(t->method)));
    CHECK(t->seen == 1 || (t->seen == 2 && sim_task_is_repeatable(t)));
    CHECK(t->request_fault != REQUEST_BAD_HEAD && t->request_fault != REQUEST_BAD_CODING);
    CHECK(framing->kind == body->kind);
    CHECK(body->kind != BODY_LENGTH || framing->length == body->total);
    CHECK((head->upgrade.len > 0) == (t->offers && body->kind != BODY_CHUNKED));
    CHECK((head_find(head, SLICE("x-pad")) != NULL) == t->pads);
    CHECK((head_find(head, SLICE("expect")) != NULL) == t->expects);
    CHECK(head_count(head, SLICE("via")) == 1 && head_count(head, SLICE("host")) == 1);
}

static bool take_head(struct service *o)
{
    static struct http_head head;
    const struct http1_limits limits = {32 * 1024, 100};
    struct body_framing framing;
    if (o->s->out.held == 0)
        return false;
    int n = http1_parse_request(o->s->out.bytes, o->s->out.held, &o->scanned, &limits, &head);
    CHECK(n >= 0);
    if (n == 0)
        return false;
    CHECK(http1_request_framing(&head, &framing) == 0);
    o->t = sim_task_of(head.target);
    o->t->seen++;
    sim_tell(o->t, "origin %td: head", o - services);
    verify_request(o, &head, &framing);
    sim_reader_begin(&o->reader, &framing, &o->t->body[INBOUND]);
    o->told_close = !http1_keeps_alive(&head);
    o->interims_left = o->t->interims;
    o->writing = o->final = o->responded = o->request_done = false;
    o->scanned = 0;
    o->t->interims_sent = 0;
    fake_take(o->s, (size_t)n);
    return true;
}

// Takes the rest of the request for another one.
static void answer_stray(struct service *o)
{
    char text[SIM_HEAD_MAX];
    char *out;
    if (o->s->out.held == 0)
        return;
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 400 Stray\r\nX-Stray: %zu\r\nContent-Length: 0\r\n"
                       "Connection: close\r\n\r\n",
                       sim_task_number(o->t));
    if (fake_room(o->s, &out) >= (size_t)len) {
        memcpy(out, text, (size_t)len);
        fake_sent(o->s, (size_t)len);
        sim_tell(o->t, "origin: stray answer");
    }
    fake_take(o->s, o->s->out.held);
    fake_shutdown(o->s);
}

// Behind a request nothing comes before its response is whole, except on an upgraded connection.
static bool take_body(struct service *o)
{
    size_t used = 0;
    uint64_t before = o->reader.got;
    if (o->responded && o->t->ignores && !o->request_done) {
        answer_stray(o);
        return false;
    }
    if (o->request_done && !o->streams) {
        CHECK(o->s->out.held == 0 || o->responded);
        return false;
    }
    enum sim_read read = sim_reader_read(&o->reader, o->s->out.bytes, o->s->out.held, &used);
    CHECK(read != SIM_READ_BAD);
    fake_take(o->s, used);
    o->t->taken[INBOUND] += o->reader.got - before;
    sim.result.bytes += o->reader.got - before;
    if (read != SIM_READ_DONE)
        return used > 0;
    CHECK(o->t->sent);
    o->request_done = o->t->arrived = true;
    sim_tell(o->t, "origin: whole request");
    return true;
}

// The program has closed, or ended its direction of an upgraded connection.
static void on_end(struct service *o, bool reset)
{
    if (o->t)
        sim_tell(o->t, "origin %td: end by %s", o - services, reset ? "RST" : "FIN");
    if (!o->streams || reset) {
        leave(o);
        return;
    }
    o->stream_ended = true;
    o->t->stream_done[INBOUND] = o->reader.got == o->t->stream[INBOUND].total;
    bool unknown = o->reader.got == 0 && (!o->t->got_head || o->t->own); // the 101 was not read
    CHECK(o->t->stream_done[INBOUND] || unknown);
}

static void read_some(struct service *o, bool all)
{
    struct fake_wire *w = &o->s->out;
    size_t n = some_bytes(all);
    size_t unread = w->len - w->held;
    w->held += n < unread ? n : unread;
    while (o->t ? take_body(o) : take_head(o))
        ;
    if (w->held == w->len && (w->ended || w->reset) && !o->stream_ended)
        on_end(o, w->reset);
}

static bool is_time(const struct service *o)
{
    const struct sim_task *t = o->t;
    switch (t->moment) {
    case AT_HEAD: return true;
    case AT_HALF: return o->request_done || o->reader.got * 2 > t->body[INBOUND].total;
    case AT_END: return o->request_done;
    }
    return true;
}

static void begin_interim(struct service *o)
{
    const struct sim_body none = {.kind = BODY_NONE};
    struct sim_writer *w = &o->writer;
    bool first = o->interims_left == o->t->interims;
    int len = snprintf(w->text, sizeof(w->text), "HTTP/1.1 %d Told\r\n%s\r\n",
                       first && o->t->expects ? 100 : 103,
                       first && o->t->expects ? "" : "X-Early: yes\r\n");
    sim_writer_begin(w, &none, (size_t)len);
    o->interims_left--;
    o->t->interims_sent++;
    o->writing = true;
}

static void begin_final(struct service *o)
{
    struct sim_task *t = o->t;
    struct sim_writer *w = &o->writer;
    struct sim_body body = t->body[OUTBOUND];
    if (!sim_task_response_has_body(t))
        body.kind = BODY_NONE;
    sim_writer_begin(w, &body, sim_task_response(t, w->text));
    w->chunk_max = 1 + chance_below(sim.chance, sim_maybe(3) ? 30 : 30000);
    bool cut = t->response_fault == RESPONSE_BAD_CHUNK ||
               t->response_fault == RESPONSE_CUT_BY_FIN || t->response_fault == RESPONSE_CUT_BY_RST;
    w->breaks = t->response_fault == RESPONSE_BAD_CHUNK;
    if (cut)
        w->cut_at = t->cut_at;
    o->writing = o->final = t->responded = true;
}

static void begin_stream(struct service *o)
{
    const struct body_framing bare = {BODY_TUNNEL, 0};
    sim_writer_begin(&o->writer, &o->t->stream[OUTBOUND], 0);
    sim_reader_begin(&o->reader, &bare, &o->t->stream[INBOUND]);
    o->streams = o->writing = true;
}

static void end_cut_response(struct service *o)
{
    o->left = true;
    if (o->t->response_fault == RESPONSE_CUT_BY_RST)
        fake_reset(o->s);
    else
        fake_close(o->s);
}

// The message that was written is out.
static void on_written(struct service *o)
{
    o->writing = false;
    sim_tell(o->t, "origin: has sent %s",
             o->streams        ? "the stream"
             : !o->final       ? "an interim head"
             : o->writer.whole ? "the response"
                               : "a part");
    if (o->streams) {
        fake_shutdown(o->s);
    } else if (o->final && !o->writer.whole) {
        end_cut_response(o);
    } else if (o->final) {
        o->responded = true;
        o->t->response_sent = o->t->response_fault != RESPONSE_BAD_HEAD;
        if (o->t->accepts)
            begin_stream(o);
        else if (o->t->origin_closes || o->told_close)
            fake_shutdown(o->s);
    }
}

static void begin_message(struct service *o)
{
    enum sim_response_fault fault = o->t->response_fault;
    if (o->interims_left > 0)
        begin_interim(o);
    else if (!is_time(o))
        return;
    else if (fault == RESPONSE_NONE || (fault == RESPONSE_SILENT && sim.releases))
        leave(o);
    else if (fault != RESPONSE_SILENT)
        begin_final(o);
}

static void respond(struct service *o, bool all)
{
    if (!o->writing && !o->responded)
        begin_message(o);
    if (!o->writing || (o->streams && o->t->speaks_last[OUTBOUND] && !o->stream_ended))
        return;
    (void)sim_writer_send(&o->writer, o->s, sim.chance, some_bytes(all));
    if (o->writer.done)
        on_written(o);
}

// Goes on to the next request, or leaves.
static void go_on(struct service *o)
{
    if (o->t && o->responded && !o->streams && o->request_done) {
        o->served = true;
        o->t = NULL;
    } else if (o->streams && o->stream_ended && !o->writing) {
        leave(o);
    } else if (!o->t && o->served && o->s->out.held == 0 && !o->s->in.ended && sim_maybe(400)) {
        sim.origin_closes_idle = true;
        leave(o);
    }
}

static void serve(struct service *o, bool all)
{
    if (o->left || (o->slow && !all && !sim_maybe(16)))
        return;
    if (all || sim_maybe(2))
        read_some(o, all);
    if (!o->left && o->t && (all || sim_maybe(2)))
        respond(o, all);
    if (!o->left)
        go_on(o);
}

void sim_origin_step(bool all)
{
    for (size_t i = 0; i < service_count; i++)
        serve(&services[i], all);
}

void sim_origin_end(void)
{
    for (size_t i = 0; i < service_count; i++)
        fake_close(services[i].s);
}
