// SPDX-License-Identifier: MIT
// Each allocation fails in turn while an exchange passes a tunnel: two sessions on loopback, a
// stream of each end, and an exchange on either side of them. The visitor gets the whole response,
// an answer, or an end that is not complete; or a session ends.
#include "common/base/limits.h"
#include "common/exchange/exchange.h"
#include "common/tunnel/session.h"
#include "common/tunnel/tunnel_stream.h"
#include "conn_fixture.h"
#include "tests/support/chance.h"
#include "tests/support/failing_memory.h"

enum {
    BODY = 60 * 1000 // within the first credit
};

// The endpoint of an exchange that stands for a visitor or a service.
struct endpoint {
    struct exchange_endpoint base;
    uint16_t status;
    size_t got;
    bool finished, trailers, closed;
    enum exchange_outcome why;
};

// One end of the tunnel.
struct side {
    struct session *session; // NULL: none, or over
    bool over;
    struct endpoint endpoint; // relay: the visitor; agent: the service
};

static struct {
    struct owner *o;
    int listener;
    struct sockaddr_in at;
    struct side relay, agent;
    bool upgrades; // the exchange
    bool told;     // a call reported the failure
} the;

static char body[BODY];

static struct endpoint *endpoint_of(struct exchange_endpoint *e)
{
    return (struct endpoint *)(void *)e;
}

static void wake(void *ctx)
{
    struct side *side = ctx;
    if (side->session)
        session_wake(side->session);
}

// A body, and its end with trailers unless the stream is upgraded.
static void send_body(struct exchange_endpoint *e)
{
    struct http_head trailers = {0};
    assert_true(head_add(&trailers, SLICE("x-trailer"), SLICE("1")));
    if (e->x)
        exchange_data(e, body, sizeof(body));
    if (e->x)
        exchange_finish(e, the.upgrades ? NULL : &trailers);
}

static void service_head(struct exchange_endpoint *e, const struct http_head *head,
                         const struct body_framing *framing)
{
    (void)framing;
    endpoint_of(e)->status = 1; // called
    if (head->upgrade.len == 0)
        return;
    struct http_head ok = {
        .status = 101, .reason = SLICE("Switching Protocols"), .upgrade = SLICE("echo")};
    exchange_head(e, &ok, &(struct body_framing){BODY_TUNNEL, 0});
    send_body(e);
}

static void visitor_head(struct exchange_endpoint *e, const struct http_head *head,
                         const struct body_framing *framing)
{
    (void)framing;
    endpoint_of(e)->status = head->status;
    if (head->status == 101)
        send_body(e);
}

static void on_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    (void)bytes;
    endpoint_of(e)->got += len;
    exchange_credit(e, len);
}

static void on_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    endpoint_of(e)->finished = true;
    endpoint_of(e)->trailers = trailers != NULL;
}

static void service_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    struct http_head ok = {.status = 200, .reason = SLICE("OK")};
    on_finish(e, trailers);
    if (the.upgrades)
        return;
    assert_true(head_add(&ok, SLICE("content-type"), SLICE("text/plain")));
    exchange_head(e, &ok, &(struct body_framing){BODY_CHUNKED, 0});
    send_body(e);
}

// The response is ours, and no upgrade follows.
static void visitor_unwanted(struct exchange_endpoint *e)
{
    endpoint_of(e)->closed = true;
    exchange_abandon(e);
}

static void on_credit(struct exchange_endpoint *e, size_t len)
{
    (void)e;
    (void)len;
}

static void on_closed(struct exchange_endpoint *e, const struct exchange *x,
                      enum exchange_outcome why)
{
    (void)x;
    assert_false(endpoint_of(e)->closed);
    endpoint_of(e)->closed = true;
    endpoint_of(e)->why = why;
}

static const struct exchange_ops visitor_ops = {.head = visitor_head,
                                                .data = on_data,
                                                .finish = on_finish,
                                                .unwanted = visitor_unwanted,
                                                .credit = on_credit,
                                                .closed = on_closed};
static const struct exchange_ops service_ops = {.head = service_head,
                                                .data = on_data,
                                                .finish = service_finish,
                                                .credit = on_credit,
                                                .closed = on_closed};

// These two are the only lines that know how exchanges and streams meet: as in server/agents.c and
// client/agent_tunnel.c.
static void begin_exchange(void)
{
    struct exchange_endpoint *visitor = &the.relay.endpoint.base;
    struct http_head post = {.method = SLICE("POST"),
                             .scheme = SLICE("https"),
                             .authority = SLICE("name.example"),
                             .target = SLICE("/")};
    struct body_framing framing = {the.upgrades ? BODY_NONE : BODY_CHUNKED, 0};
    if (the.upgrades)
        post.upgrade = SLICE("echo");
    assert_true(head_add(&post, SLICE("accept"), SLICE("*/*")));
    struct exchange *x = exchange_new(visitor, &post, NULL);
    if (!x) {
        the.told = true;
        return;
    }
    memcpy(x->facts.id, "1m8a4jp1njsgb7c5", EXCHANGE_ID_LEN);
    x->facts.bind_id = 1;
    struct tunnel_stream *e = tunnel_stream_outbound(
        &the.o->loop, tunnel_mux(session_tunnel(the.relay.session)), wake, &the.relay);
    if (!e) {
        the.told = true;
        exchange_discard(x);
        return;
    }
    exchange_attach(x, &e->h.endpoint);
    exchange_head(visitor, &post, &framing);
    if (!the.upgrades)
        send_body(visitor);
}

static void on_request(void *ctx, struct mux_stream *s, struct http_head *request,
                       const struct body_framing *framing, bool end)
{
    struct side *side = ctx;
    struct tunnel_stream *e = tunnel_stream_inbound(&the.o->loop, s, wake, side);
    struct exchange *x = e ? exchange_new(&e->h.endpoint, request, NULL) : NULL;
    if (!x) {
        mux_set_user(s, NULL);
        mux_reset(s, MUX_RESET_REFUSED);
        if (e)
            tunnel_stream_discard(e);
        wake(side);
        return;
    }
    exchange_attach(x, &side->endpoint.base);
    exchange_head(&e->h.endpoint, request, framing);
    if (end && e->h.endpoint.x)
        exchange_finish(&e->h.endpoint, NULL);
}

static void on_control(void *ctx, const struct control_message *message)
{
    struct side *side = ctx;
    const struct control_message welcome = {.type = CONTROL_WELCOME, .version = CONTROL_VERSION};
    if (message->type == CONTROL_HELLO &&
        tunnel_queue_control(session_tunnel(side->session), &welcome))
        the.told = true;
}

static void end_session(struct side *side)
{
    struct session *s = side->session;
    side->session = NULL;
    session_close(s, &(struct session_close){.code = WS_CLOSE_NORMAL});
}

static void on_ended(void *ctx, const struct session_end *why)
{
    struct side *side = ctx;
    (void)why;
    side->over = true;
    end_session(side);
}

static const struct session_handler relay_handler = {
    .tunnel = {.mux = {http2_stream_on_head, http2_stream_on_data, http2_stream_on_end,
                       http2_stream_on_drained, http2_stream_on_closed, NULL},
               .control = on_control},
    .ended = on_ended,
};
static const struct session_handler agent_handler = {
    .tunnel = {.mux = {on_request, http2_stream_on_data, http2_stream_on_end,
                       http2_stream_on_drained, http2_stream_on_closed, NULL},
               .control = on_control},
    .ended = on_ended,
};

static void open_side(struct side *side, int fd, enum tunnel_role role)
{
    const struct tunnel_config config = {.role = role};
    const struct list_link *before = the.o->loop.conns.last;
    struct conn *c = conn_accept(&the.o->loop, fd, &owner_ops, the.o);
    *side = (struct side){.endpoint.base.ops = role == TUNNEL_RELAY ? &visitor_ops : &service_ops};
    if (c)
        side->session = session_new(&the.o->loop, c, &config,
                                    role == TUNNEL_RELAY ? &relay_handler : &agent_handler, side);
    side->over = !side->session;
    assert_true(side->session || the.o->loop.conns.last == before); // closed
}

static void open_sides(void)
{
    const struct control_message hello = {
        .type = CONTROL_HELLO, .version = CONTROL_VERSION, .owner = "o"};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&the.at, sizeof(the.at)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    the.told = false;
    open_side(&the.relay, accept4(the.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK),
              TUNNEL_RELAY);
    open_side(&the.agent, fd, TUNNEL_AGENT);
    if (the.agent.session && tunnel_queue_control(session_tunnel(the.agent.session), &hello))
        the.told = true;
    wake(&the.agent);
}

static bool is_over(void)
{
    return the.told || the.relay.over || the.agent.over || the.relay.endpoint.closed;
}

// A response that the visitor believes to be whole is whole, and the service has got the whole
// request before it. What an upgraded stream still carries to the service may be lost.
static bool is_complete(void)
{
    const struct endpoint *v = &the.relay.endpoint;
    const struct endpoint *s = &the.agent.endpoint;
    if (!v->closed || v->why != EXCHANGE_COMPLETE || v->status >= 500)
        return false;
    assert_int_equal(v->status, the.upgrades ? 101 : 200);
    assert_true(v->finished);
    assert_int_equal(v->trailers, !the.upgrades);
    assert_int_equal(v->got, BODY);
    bool arrived = s->finished && s->got == BODY;
    assert_true(arrived || (the.upgrades && failing_memory_has_failed()));
    return true;
}

static void trial(void *ctx)
{
    int descriptor = next_descriptor();
    the.upgrades = *(const bool *)ctx;
    open_sides();
    WAIT(the.o, is_over() || tunnel_state(session_tunnel(the.relay.session)) == TUNNEL_OPEN);
    if (!is_over())
        begin_exchange();
    WAIT(the.o, is_over());
    WAIT(the.o, the.agent.endpoint.closed || failing_memory_has_failed());
    bool complete = is_complete();
    end_session(&the.relay);
    end_session(&the.agent);
    conn_close_all(&the.o->loop);
    serve(the.o);
    (void)failing_memory_end();
    assert_true(complete || failing_memory_has_failed());
    assert_null(the.o->loop.conns.first);
    assert_int_equal(next_descriptor(), descriptor);
    assert_null(the.relay.endpoint.base.x);
    assert_null(the.agent.endpoint.base.x);
}

static void a_request_and_its_response_with_trailers(void **state)
{
    bool upgrades = false;
    (void)state;
    assert_in_range(failing_memory_each(trial, &upgrades), 20, 1000);
}

static void an_upgraded_stream(void **state)
{
    bool upgrades = true;
    (void)state;
    assert_in_range(failing_memory_each(trial, &upgrades), 20, 1000);
}

static int begin(void **state)
{
    (void)state;
    the.o = owner_new();
    the.listener = listening_socket(&the.at);
    return 0;
}

static int end(void **state)
{
    (void)state;
    owner_free(the.o);
    return close(the.listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_and_its_response_with_trailers),
        cmocka_unit_test(an_upgraded_stream),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
