// SPDX-License-Identifier: MIT
// Each allocation fails in turn: proto reports it or ends a stream, and leaks nothing; and a table
// of shares. The linker redirects the allocations of the code under test, not those of its
// libraries, to this file.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/shares.h"
#include "proto/buf.h"
#include "proto/tunnel/tunnel.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static struct {
    bool armed;
    unsigned count, fail_at;
} memory;

static bool runs_out(void)
{
    return memory.armed && ++memory.count == memory.fail_at;
}

void *__wrap_malloc(size_t size)
{
    return runs_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return runs_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return runs_out() ? NULL : __real_realloc(old, size);
}

enum {
    BODY = 70000
};

// One side of a tunnel with one exchange, which allocates nothing itself.
struct side {
    struct tunnel *tunnel;
    struct mux_stream *stream; // NULL: none, or closed
    size_t received, drained, sent;
    bool ended, closed, reset, told;
};

static struct {
    struct side relay, agent;
    bool failed; // a call reported the failure
} run;

static char body[BODY];

static void expect(bool ok)
{
    run.failed = run.failed || !ok;
}

static void on_head(void *ctx, struct mux_stream *s, struct http_head *head, bool end)
{
    struct side *side = ctx;
    struct http_head response = {.status = 200};
    (void)end;
    if (head->status)
        return;
    side->stream = s;
    assert_true(head_add(&response, SLICE("content-type"), SLICE("text/plain")));
    expect(mux_respond(s, &response, false) == 0);
}

static void on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len)
{
    struct side *side = ctx;
    (void)bytes;
    side->received += len;
    mux_credit(s, len);
}

static void on_end(void *ctx, struct mux_stream *s, struct http_head *trailers)
{
    struct side *side = ctx;
    (void)s;
    side->ended = trailers != NULL;
}

static void on_drained(void *ctx, struct mux_stream *s, size_t len)
{
    struct side *side = ctx;
    (void)s;
    side->drained += len;
}

static void on_closed(void *ctx, struct mux_stream *s, uint32_t reset)
{
    struct side *side = ctx;
    (void)s;
    side->stream = NULL;
    side->closed = true;
    side->reset = reset != 0;
}

static void on_control(void *ctx, const struct control_message *message)
{
    struct side *side = ctx;
    struct control_message welcome = {.type = CONTROL_WELCOME, .version = CONTROL_VERSION};
    if (message->type == CONTROL_HELLO)
        expect(tunnel_queue_control(side->tunnel, &welcome) == 0);
    side->told = side->told || message->type == CONTROL_DRAIN;
}

static const struct tunnel_handler handler = {
    .mux = {on_head, on_data, on_end, on_drained, on_closed, NULL},
    .control = on_control,
};

static bool move(struct side *from, struct side *to)
{
    static uint8_t message[TUNNEL_MESSAGE_MAX];
    int n = tunnel_send(from->tunnel, message, sizeof(message));
    expect(n >= 0);
    // Cut the control records, so that they are gathered.
    for (int at = 0; at < n && !run.failed; at += 100) {
        int len = n - at < 100 ? n - at : 100;
        expect(tunnel_recv(to->tunnel, message + at, (size_t)len, at + len == n) == 0);
    }
    return n > 0 && !run.failed;
}

static void settle(void)
{
    bool moved = true;
    while (moved && !run.failed) {
        moved = move(&run.agent, &run.relay);
        moved = move(&run.relay, &run.agent) || moved;
    }
}

// The first piece is borrowed and not sent before mux_settle_data.
static int send_piece(struct side *side, size_t len)
{
    return len == MUX_SEND_MAX ? mux_data_borrowed(side->stream, body, len)
                               : mux_data(side->stream, body, len);
}

static void send_body(struct side *side)
{
    struct http_head trailers = {0};
    assert_true(head_add(&trailers, SLICE("x"), SLICE("y")));
    while (side->stream && !run.failed && side->sent < BODY) {
        size_t room = MUX_SEND_MAX - (side->sent - side->drained);
        size_t len = BODY - side->sent < room ? BODY - side->sent : room;
        expect(send_piece(side, len) == 0);
        side->sent += len;
        if (len < MUX_SEND_MAX)
            settle();
        mux_settle_data(tunnel_mux(side->tunnel));
        settle();
    }
    if (side->stream && !run.failed)
        expect(mux_finish(side->stream, &trailers) == 0);
}

static void scenario(void)
{
    struct control_message hello = {
        .type = CONTROL_HELLO, .version = CONTROL_VERSION, .owner = "o"};
    struct control_message drain = {.type = CONTROL_DRAIN,
                                    .message = "a message long enough to be cut"};
    struct http_head post = {.method = SLICE("POST"), .target = SLICE("/")};
    static char value[3000];
    memset(value, 'v', sizeof(value));
    assert_true(head_add(&post, SLICE("x"), slice_of(value, sizeof(value))));
    const struct tunnel_config relay = {.role = TUNNEL_RELAY};
    const struct tunnel_config agent = {.role = TUNNEL_AGENT};
    run.relay.tunnel = tunnel_new(&relay, &handler, &run.relay, 0);
    run.agent.tunnel = tunnel_new(&agent, &handler, &run.agent, 0);
    expect(run.relay.tunnel && run.agent.tunnel);
    if (run.failed)
        return;
    expect(tunnel_queue_control(run.agent.tunnel, &hello) == 0);
    settle();
    run.relay.stream = mux_open(tunnel_mux(run.relay.tunnel), &post, false, NULL);
    expect(run.relay.stream != NULL);
    settle();
    send_body(&run.relay);
    settle();
    send_body(&run.agent);
    expect(tunnel_queue_control(run.relay.tunnel, &drain) == 0);
    expect(tunnel_queue_control(run.relay.tunnel, &drain) == 0);
    settle();
}

static void memory_may_run_out_anywhere(void **state)
{
    unsigned failures = 0;
    bool whole = false;
    (void)state;
    while (!whole) {
        memset(&run, 0, sizeof(run));
        memory.count = 0;
        memory.fail_at = failures + 1;
        memory.armed = true;
        scenario();
        memory.armed = false;
        tunnel_free(run.relay.tunnel);
        tunnel_free(run.agent.tunnel);
        bool complete = run.agent.received == BODY && run.relay.received == BODY &&
                        run.agent.ended && run.relay.ended && run.agent.told && run.relay.closed &&
                        run.agent.closed;
        bool reset = run.relay.reset || run.agent.reset;
        if (!complete && !reset && !run.failed)
            fail_msg("allocation %u failed and nobody has heard", memory.fail_at);
        whole = memory.count < memory.fail_at;
        assert_true(!whole || (complete && !reset && !run.failed));
        failures += !whole;
    }
    assert_in_range(failures, 20, 1000);
}

static void a_queue_keeps_what_it_has_when_memory_runs_out(void **state)
{
    struct buf b = {0};
    (void)state;
    assert_true(buf_append(&b, "abc", 3));
    memory.armed = true;
    memory.count = 0;
    memory.fail_at = 1;
    bool appended = buf_append(&b, body, sizeof(body));
    memory.armed = false;
    assert_false(appended);
    assert_int_equal(buf_len(&b), 3);
    assert_memory_equal(buf_at(&b), "abc", 3);
    assert_true(buf_append(&b, body, sizeof(body)));
    buf_free(&b);
}

static void an_empty_table_of_shares_holds_no_memory_when_it_runs_out(void **state)
{
    struct shares table = {0};
    (void)state;
    memory.armed = true;
    for (memory.fail_at = 1; memory.fail_at <= 2; memory.fail_at++) {
        memory.count = 0;
        assert_null(shares_enter(&table, SLICE("key")));
        assert_null(table.buckets);
        assert_int_equal(table.bucket_count, 0);
    }
    memory.armed = false;
    shares_leave(shares_enter(&table, SLICE("key")));
    assert_null(table.buckets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(a_queue_keeps_what_it_has_when_memory_runs_out),
        cmocka_unit_test(an_empty_table_of_shares_holds_no_memory_when_it_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
