// SPDX-License-Identifier: MIT
// Streams of a mux as endpoints of exchanges: heads and trailers that the mux cannot carry, Date,
// and the shares of clients.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/tunnel/tunnel_stream.h"
#include "proto/tunnel/tunnel_profile.h"
#include "tests/support/chance.h"
#include "tests/support/check.h"
#include "tests/support/mux_pair.h"

// The other endpoint of an exchange: records its events.
struct listener {
    struct exchange_endpoint end;
    struct buf heads, body;
    size_t credited;
    bool finished, closed;
    enum exchange_outcome why;
};

static struct listener *listener_of(struct exchange_endpoint *e)
{
    return (struct listener *)(void *)e;
}

static void on_head(struct exchange_endpoint *e, const struct http_head *head,
                    const struct body_framing *framing)
{
    (void)framing;
    head_text(head, &listener_of(e)->heads);
}

static void on_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    CHECK(buf_append(&listener_of(e)->body, bytes, len));
}

static void on_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    (void)trailers;
    listener_of(e)->finished = true;
}

static void on_credit(struct exchange_endpoint *e, size_t len)
{
    listener_of(e)->credited += len;
}

static void on_closed(struct exchange_endpoint *e, const struct exchange *x,
                      enum exchange_outcome why)
{
    (void)x;
    listener_of(e)->closed = true;
    listener_of(e)->why = why;
}

static const struct exchange_ops ops = {
    .head = on_head,
    .data = on_data,
    .finish = on_finish,
    .credit = on_credit,
    .closed = on_closed,
};

static void wake(void *ctx)
{
    (void)ctx;
}

// A request that the agent has received and forwarded to a listener.
struct forwarded {
    struct loop loop;
    struct mux_pair pair;
    struct mux_view *visitor; // the relay's side of the stream
    struct listener service;
    struct exchange *x;
};

// The agent's mux passes its events to the tunnel_stream instead of a mux_view.
static const struct mux_handler agent_handler = {http2_stream_on_head,   http2_stream_on_data,
                                                 http2_stream_on_end,    http2_stream_on_drained,
                                                 http2_stream_on_closed, NULL};

static struct forwarded *here;

static void on_request(void *ctx, struct mux_stream *s, struct http_head *head,
                       const struct body_framing *framing, bool end)
{
    (void)ctx;
    struct tunnel_stream *e = tunnel_stream_inbound(&here->loop, s, wake, NULL);
    CHECK(e);
    here->x = exchange_new(&e->h.endpoint, head, NULL);
    CHECK(here->x);
    exchange_attach(here->x, &here->service.end);
    exchange_head(&e->h.endpoint, head, framing);
    if (end)
        exchange_finish(&e->h.endpoint, NULL);
}

static void begin(struct forwarded *f, const char *method, bool end)
{
    struct mux_handler handler = agent_handler;
    struct http_head request = head_request(method, "/");
    static struct mux_handler kept;
    const struct mux_config config = {.role = MUX_SERVER, .profile = &tunnel_profile};
    *f = (struct forwarded){.service.end.ops = &ops};
    here = f;
    handler.head = on_request;
    kept = handler;
    assert_int_equal(loop_init(&f->loop), 0);
    mux_pair_init(&f->pair);
    mux_free(f->pair.agent.mux);
    f->pair.agent.mux = mux_new(&config, &kept, NULL);
    f->visitor = mux_side_open(&f->pair.relay, &request, end);
    mux_settle(&f->pair);
    assert_non_null(f->x);
}

static void finish(struct forwarded *f)
{
    mux_link_lost(f->pair.agent.mux);
    loop_run_once(&f->loop);
    mux_pair_deinit(&f->pair);
    loop_deinit(&f->loop);
    buf_free(&f->service.heads);
    buf_free(&f->service.body);
}

static void respond(struct forwarded *f, size_t size)
{
    static char value[2 * MUX_FIELD_MAX];
    struct http_head head = head_response(200);
    struct body_framing framing = {BODY_LENGTH, 5};
    memset(value, 'v', sizeof(value));
    assert_true(head_add(&head, SLICE("content-length"), SLICE("5")));
    assert_true(head_add(&head, SLICE("x"), slice_of(value, size)));
    exchange_head(&f->service.end, &head, &framing);
}

static bool starts_with(const struct buf *b, const char *text)
{
    return buf_len(b) >= strlen(text) && memcmp(buf_at(b), text, strlen(text)) == 0;
}

static void a_head_that_just_fits_is_passed_on(void **state)
{
    struct forwarded f;
    (void)state;
    begin(&f, "GET", true);
    respond(&f, MUX_FIELD_MAX);
    exchange_data(&f.service.end, "hello", 5);
    exchange_finish(&f.service.end, NULL);
    mux_settle(&f.pair);
    assert_true(starts_with(&f.visitor->heads, "200\n"));
    assert_true(buf_is(&f.visitor->body, "hello"));
    assert_true(f.visitor->closed && f.visitor->reset == 0);
    assert_true(f.service.closed && f.service.why == EXCHANGE_COMPLETE);
    finish(&f);
}

// Other bytes may change as soon as the call returns.
static void only_long_pieces_of_the_input_that_is_read_are_lent(void **state)
{
    enum {
        LENT = 16 * 1024
    };
    static char input[LENT + 1], other[LENT];
    struct forwarded f;
    struct http_head head = head_response(200);
    struct body_framing framing = {BODY_UNTIL_CLOSE, 0};
    (void)state;
    begin(&f, "GET", true);
    const struct mux *m = f.pair.agent.mux;
    exchange_head(&f.service.end, &head, &framing);
    exchange_data(&f.service.end, input, LENT);
    assert_false(mux_has_borrowed(m));
    loop_begin_read(&f.loop, slice_of(input, LENT));
    exchange_data(&f.service.end, other, LENT);
    exchange_data(&f.service.end, input, LENT - 1);
    assert_false(mux_has_borrowed(m));
    exchange_data(&f.service.end, input, LENT);
    assert_true(mux_has_borrowed(m));
    loop_end_read(&f.loop);
    mux_settle_data(f.pair.agent.mux);
    assert_false(mux_has_borrowed(m));
    exchange_finish(&f.service.end, NULL);
    mux_settle(&f.pair);
    assert_int_equal(buf_len(&f.visitor->body), 4 * LENT - 1);
    finish(&f);
}

// The service has ended its side of a stream, and then breaks the other.
static void a_stream_that_breaks_is_not_one_whose_rest_is_unwanted(void **state)
{
    (void)state;
    for (int breaks = 0; breaks < 2; breaks++) {
        struct forwarded f;
        struct http_head head = head_response(200);
        struct body_framing framing = {breaks ? BODY_TUNNEL : BODY_UNTIL_CLOSE, 0};
        begin(&f, "POST", false);
        exchange_head(&f.service.end, &head, &framing);
        exchange_finish(&f.service.end, NULL);
        mux_settle(&f.pair);
        if (breaks)
            exchange_abort(&f.service.end, EXCHANGE_UPSTREAM_GONE);
        else
            exchange_detach(&f.service.end);
        mux_settle(&f.pair);
        assert_true(f.visitor->closed);
        assert_int_equal(f.visitor->reset, breaks ? MUX_RESET_CANCEL : MUX_RESET_UNWANTED);
        finish(&f);
    }
}

// Begins a response that lasts.
static void begin_body(struct forwarded *f)
{
    struct http_head head = head_response(200);
    struct body_framing framing = {BODY_UNTIL_CLOSE, 0};
    begin(f, "GET", true);
    exchange_head(&f->service.end, &head, &framing);
    mux_settle(&f->pair);
}

// Sends as much as there is credit for, and returns how much that was in all.
static size_t send_all_credit(struct forwarded *f, size_t sent)
{
    static char bytes[64 * 1024];
    for (size_t n = 1; n > 0; sent += n) {
        n = LIMIT_CREDIT_BYTES + f->service.credited - sent;
        n = n < sizeof(bytes) ? n : sizeof(bytes);
        pattern_write((uint8_t *)bytes, n, 1, sent);
        exchange_data(&f->service.end, bytes, n);
        mux_settle(&f->pair);
    }
    return sent;
}

// So a stream whose reader stops queues no more, however large its window was.
static void credit_is_what_the_peers_window_takes_and_64_kib(void **state)
{
    struct forwarded f;
    size_t sent = 0;
    (void)state;
    begin_body(&f);
    f.pair.relay.holds_credit = true;
    for (int i = 0; i < 20; i++) {
        sent = send_all_credit(&f, sent);
        assert_int_equal(sent, f.visitor->received + LIMIT_CREDIT_BYTES);
        mux_view_credit(f.visitor, f.visitor->uncredited);
        mux_settle(&f.pair);
    }
    assert_true(f.visitor->received > 5 * MUX_WINDOW_MAX); // the window grew
    f.pair.relay.holds_credit = false;
    mux_view_credit(f.visitor, f.visitor->uncredited);
    mux_settle(&f.pair);
    exchange_finish(&f.service.end, NULL);
    mux_settle(&f.pair);
    assert_int_equal(buf_len(&f.visitor->body), sent);
    assert_true(pattern_is((uint8_t *)buf_at(&f.visitor->body), sent, 1, 0));
    finish(&f);
}

// A read may bring more than there is credit for: the bytes behind the head, or the request before.
static void a_sender_that_overran_its_credit_goes_on(void **state)
{
    static char bytes[400 * 1024];
    struct forwarded f;
    (void)state;
    begin_body(&f);
    exchange_data(&f.service.end, bytes, sizeof(bytes));
    mux_settle(&f.pair);
    assert_int_equal(f.visitor->received, sizeof(bytes));
    assert_true(LIMIT_CREDIT_BYTES + f.service.credited >= sizeof(bytes) + LIMIT_CREDIT_MIN);
    finish(&f);
}

static void feed_update(struct mux *m, uint32_t more)
{
    uint8_t update[13] = {0, 0, 4, 8, [8] = 1}; // WINDOW_UPDATE (RFC 9113 §6.9) of stream 1
    write_be(update + 9, 4, more);
    assert_int_equal(mux_recv(m, (const char *)update, sizeof(update)), 0);
}

// The link takes nothing while the peer's window grows without end.
static void a_stream_queues_little_whatever_window_its_peer_gives(void **state)
{
    static char bytes[64 * 1024];
    struct forwarded f;
    (void)state;
    begin_body(&f);
    feed_update(f.pair.agent.mux, 1U << 30);
    for (size_t i = 0, sent = 0; i < 200; i++) {
        while (sent < LIMIT_CREDIT_BYTES + f.service.credited) {
            size_t n = LIMIT_CREDIT_BYTES + f.service.credited - sent;
            n = n < sizeof(bytes) ? n : sizeof(bytes);
            exchange_data(&f.service.end, bytes, n);
            sent += n;
        }
        assert_true(sent <= LIMIT_CREDIT_MAX);
        assert_true(i == 0 || sent == LIMIT_CREDIT_MAX);
        feed_update(f.pair.agent.mux, 1);
    }
    finish(&f);
}

static void a_head_too_large_for_the_tunnel_is_answered_with_502(void **state)
{
    static const char *const methods[] = {"GET", "HEAD", "POST"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct forwarded f;
        bool open = i == 2; // the request's body has not ended
        begin(&f, methods[i], !open);
        respond(&f, MUX_FIELD_MAX + 1);
        assert_null(f.service.end.x);
        assert_true(f.service.closed && f.service.why == EXCHANGE_PROTOCOL);
        mux_settle(&f.pair);
        assert_true(starts_with(&f.visitor->heads, "502\n"));
        assert_non_null(memmem(buf_at(&f.visitor->heads), buf_len(&f.visitor->heads),
                               "ADIT-UPSTREAM-INVALID", 21));
        assert_int_equal(buf_len(&f.visitor->body) > 0, i != 1);
        assert_true(f.visitor->ended && f.visitor->closed);
        assert_int_equal(f.visitor->reset, open ? MUX_RESET_UNWANTED : 0);
        finish(&f);
    }
}

// The Date in the text of a head, or -1.
static time_t date_in(const struct buf *heads)
{
    char text[512] = "";
    struct tm t = {0};
    memcpy(text, buf_at(heads), buf_len(heads) < sizeof(text) ? buf_len(heads) : sizeof(text) - 1);
    const char *date = strstr(text, "date: ");
    return date && strptime(date + 6, "%a, %d %b %Y %H:%M:%S GMT", &t) ? timegm(&t) : -1;
}

static void a_date_is_that_of_the_clock_also_when_it_was_set_meanwhile(void **state)
{
    (void)state;
    for (int hours = -1; hours <= 1; hours++) {
        struct forwarded f;
        begin(&f, "GET", true);
        f.x->facts.begun_wall_ns +=
            hours * INT64_C(3600000000000); // as if the clock was set meanwhile
        time_t before = wall_clock_ns() / 1000000000;
        respond(&f, 1);
        time_t after = wall_clock_ns() / 1000000000;
        mux_settle(&f.pair);
        time_t date = date_in(&f.visitor->heads);
        assert_true(date >= before && date <= after);
        finish(&f);
    }
}

static void an_interim_head_that_the_tunnel_cannot_carry_is_left_out(void **state)
{
    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        struct forwarded f;
        struct http_head head = head_response(103);
        const struct body_framing none = {BODY_NONE, 0};
        while (head.field_count < MESSAGE_FIELDS_DEFAULT + over)
            assert_true(head_add(&head, SLICE("link"), SLICE("<x>")));
        begin(&f, "GET", true);
        exchange_head(&f.service.end, &head, &none);
        respond(&f, 1);
        mux_settle(&f.pair);
        assert_true(starts_with(&f.visitor->heads, over ? "200\n" : "103\n"));
        assert_int_equal(f.visitor->head_count, 2 - over);
        finish(&f);
    }
}

static void trailers_that_the_tunnel_cannot_carry_are_left_out(void **state)
{
    static const struct {
        size_t count, value;
        bool passed_on;
    } cases[] = {
        {MESSAGE_FIELDS_DEFAULT, 1, true}, // the peer has not announced more
        {MESSAGE_FIELDS_DEFAULT + 1, 1, false},
        {1, MUX_FIELD_MAX, true},
        {1, MUX_FIELD_MAX + 1, false},
    };
    static char value[MUX_FIELD_MAX + 1];
    (void)state;
    memset(value, 'v', sizeof(value));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct forwarded f;
        struct http_head head = head_response(200);
        struct http_head trailers;
        const struct body_framing framing = {BODY_CHUNKED, 0};
        head_init(&trailers);
        while (trailers.field_count < cases[i].count)
            assert_true(head_add(&trailers, SLICE("x"), slice_of(value, cases[i].value)));
        begin(&f, "GET", true);
        exchange_head(&f.service.end, &head, &framing);
        exchange_data(&f.service.end, "hello", 5);
        exchange_finish(&f.service.end, &trailers);
        mux_settle(&f.pair);
        assert_true(buf_is(&f.visitor->body, "hello"));
        assert_true(f.visitor->ended && f.visitor->closed && f.visitor->reset == 0);
        assert_int_equal(buf_len(&f.visitor->trailers) > 0, cases[i].passed_on);
        finish(&f);
    }
}

static void a_client_has_a_share_of_streams_and_no_more(void **state)
{
    struct tunnel_stream ends[3] = {0};
    struct shares clients = {0};
    struct client_address a = {.bytes.s6_addr[0] = 1};
    (void)state;
    assert_true(tunnel_stream_count(&ends[0], &clients, &a, 2));
    assert_true(tunnel_stream_count(&ends[1], &clients, &a, 2));
    assert_false(tunnel_stream_count(&ends[2], &clients, &a, 2));
    assert_null(ends[2].share);
    a.exempt = true;
    assert_true(tunnel_stream_count(&ends[2], &clients, &a, 2));
    assert_null(ends[2].share);
    assert_int_equal(clients.count, 2);
    shares_leave(ends[0].share);
    shares_leave(ends[1].share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_has_a_share_of_streams_and_no_more),
        cmocka_unit_test(a_stream_that_breaks_is_not_one_whose_rest_is_unwanted),
        cmocka_unit_test(a_head_that_just_fits_is_passed_on),
        cmocka_unit_test(only_long_pieces_of_the_input_that_is_read_are_lent),
        cmocka_unit_test(credit_is_what_the_peers_window_takes_and_64_kib),
        cmocka_unit_test(a_sender_that_overran_its_credit_goes_on),
        cmocka_unit_test(a_stream_queues_little_whatever_window_its_peer_gives),
        cmocka_unit_test(a_head_too_large_for_the_tunnel_is_answered_with_502),
        cmocka_unit_test(an_interim_head_that_the_tunnel_cannot_carry_is_left_out),
        cmocka_unit_test(trailers_that_the_tunnel_cannot_carry_are_left_out),
        cmocka_unit_test(a_date_is_that_of_the_clock_also_when_it_was_set_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
