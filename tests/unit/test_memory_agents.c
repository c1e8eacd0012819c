// SPDX-License-Identifier: MIT
// Each allocation fails in turn while an agent comes to the relay, binds two names, answers a
// visitor and leaves: the relay's tables agree with each other, and nothing is left behind.
#include "common/base/log.h"
#include "common/tunnel/session.h"
#include "common/tunnel/tunnel_stream.h"
#include "conn_fixture.h"
#include "server/agents.h"
#include "server/public_urls.h"
#include "server/relay_log.h"
#include "server/reserved_names.h"
#include "server/routes.h"
#include "tests/support/failing_memory.h"
#include "tests/support/mux_pair.h"
#include "tests/support/tunnel_pair.h"

static struct {
    struct owner *o;
    int listener;
    struct sockaddr_in at;
    struct routes routes;
    struct relay_log log;
    struct reserved_names reserved;
    struct agents agents;
    struct session *peer; // the agent's end; NULL: none, or over
    int bound, refused;
    struct exchange_endpoint visitor;
    uint16_t status;
    bool answered, over;
} the;

static void wake_peer(void)
{
    if (the.peer)
        session_wake(the.peer);
}

// The agent's end.

static void bind_name(uint64_t id, const char *name)
{
    struct control_message bind = {.type = CONTROL_BIND, .id = id};
    (void)snprintf(bind.name, sizeof(bind.name), "%s", name);
    (void)tunnel_queue_control(session_tunnel(the.peer), &bind);
}

static void on_control(void *ctx, const struct control_message *message)
{
    (void)ctx;
    if (message->type == CONTROL_WELCOME) {
        bind_name(1, "");
        bind_name(2, "chosen");
        wake_peer();
    }
    the.bound += message->type == CONTROL_BOUND;
    the.refused += message->type == CONTROL_REFUSED;
}

static void on_request(void *ctx, struct mux_stream *s, struct http_head *head,
                       const struct body_framing *framing, bool end)
{
    (void)framing;
    const struct http_head ok = head_response(204);
    (void)ctx;
    (void)head;
    (void)end;
    (void)mux_respond(s, &ok, true);
    wake_peer();
}

static void on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len)
{
    (void)ctx;
    (void)bytes;
    mux_credit(s, len);
}

static void on_end(void *ctx, struct mux_stream *s, struct http_head *trailers)
{
    (void)ctx;
    (void)s;
    (void)trailers;
}

static void on_drained(void *ctx, struct mux_stream *s, size_t len)
{
    (void)ctx;
    (void)s;
    (void)len;
}

static void on_stream_closed(void *ctx, struct mux_stream *s, uint32_t reset)
{
    (void)ctx;
    (void)s;
    (void)reset;
}

static void end_peer(void)
{
    struct session *s = the.peer;
    the.peer = NULL;
    session_close(s, &(struct session_close){.code = WS_CLOSE_NORMAL});
}

static void on_ended(void *ctx, const struct session_end *why)
{
    (void)ctx;
    (void)why;
    end_peer();
}

static const struct session_handler peer_handler = {
    .tunnel = {.mux = {on_request, on_data, on_end, on_drained, on_stream_closed, NULL},
               .control = on_control},
    .ended = on_ended,
};

// The visitor, and the lines that know how its exchange meets an agent.

static void visitor_head(struct exchange_endpoint *e, const struct http_head *head,
                         const struct body_framing *framing)
{
    (void)e;
    (void)framing;
    the.status = head->status;
}

static void visitor_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    (void)bytes;
    exchange_credit(e, len);
}

static void visitor_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    (void)e;
    (void)trailers;
    the.answered = true;
}

static void visitor_unwanted(struct exchange_endpoint *e)
{
    exchange_abandon(e);
    the.over = true;
}

static void visitor_credit(struct exchange_endpoint *e, size_t len)
{
    (void)e;
    (void)len;
}

static void visitor_closed(struct exchange_endpoint *e, const struct exchange *x,
                           enum exchange_outcome why)
{
    (void)e;
    (void)x;
    (void)why;
    the.over = true;
}

static const struct exchange_ops visitor_ops = {.head = visitor_head,
                                                .data = visitor_data,
                                                .finish = visitor_finish,
                                                .unwanted = visitor_unwanted,
                                                .credit = visitor_credit,
                                                .closed = visitor_closed};

static void visit(const struct client_address *client)
{
    const struct exchange_observer *observer = agents_observer(&the.agents);
    struct http_head get = head_request("GET", "/");
    const struct route *r = routes_find(&the.routes, "chosen");
    struct exchange *x = r && r->agent ? exchange_new(&the.visitor, &get, observer) : NULL;
    if (!x)
        return;
    memcpy(x->facts.id, "1m8a4jp1njsgb7c5", EXCHANGE_ID_LEN);
    x->facts.client = *client;
    x->facts.bind_id = r->bind_id;
    outbound_forward(agent_outbound(r->agent), NULL, x, &get, &(struct body_framing){BODY_NONE, 0});
    if (the.visitor.x)
        exchange_finish(&the.visitor, NULL);
}

static void open_link(const struct client_address *client)
{
    const struct tunnel_config config = {.role = TUNNEL_AGENT};
    const struct control_message hello = tunnel_hello();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&the.at, sizeof(the.at)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    const struct list_link *before = the.o->loop.conns.last;
    struct conn *of_relay =
        conn_accept(&the.o->loop, accept4(the.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK),
                    &owner_ops, the.o);
    if (of_relay)
        agents_accept(&the.agents, of_relay, client);
    assert_true(the.agents.count == 1 || the.o->loop.conns.last == before); // closed
    struct conn *of_peer = conn_accept(&the.o->loop, fd, &owner_ops, the.o);
    if (of_peer)
        the.peer = session_new(&the.o->loop, of_peer, &config, &peer_handler, NULL);
    if (the.peer)
        (void)tunnel_queue_control(session_tunnel(the.peer), &hello);
    wake_peer();
}

static void open_relay(void)
{
    static const struct public_urls urls = {"https", "example", 443};
    struct loop *l = &the.o->loop;
    routes_init(&the.routes, l, 1);
    the.log = (struct relay_log){.loop = l};
    the.agents = (struct agents){.loop = l,
                                 .routes = &the.routes,
                                 .log = &the.log,
                                 .reserved = &the.reserved,
                                 .urls = &urls,
                                 .seed = 1};
    the.visitor = (struct exchange_endpoint){.ops = &visitor_ops};
    the.bound = the.refused = the.status = 0;
    the.answered = the.over = false;
}

// Agents, the names that have one, and the shares of those that wait for one.
static void assert_agreement(void)
{
    size_t with_agents = 0;
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        for (const struct route *r = the.routes.buckets[i]; r; r = r->next)
            with_agents += r->agent != NULL;
    size_t listed = (the.agents.named.first != NULL) + (size_t)(the.agents.waiting.first != NULL);
    assert_int_equal(the.agents.count, listed); // one agent at most
    assert_int_equal(the.agents.named.first != NULL, with_agents > 0);
    assert_int_equal(the.agents.waiting_count, the.agents.waiting.first != NULL);
    assert_int_equal(the.routes.owners.count, the.routes.count);
}

// Waits for what is awaited, or for all that happens after a failure.
#define AWAIT(condition)                                         \
    do {                                                         \
        WAIT(the.o, (condition) || failing_memory_has_failed()); \
        serve(the.o);                                            \
    } while (0)

static void trial(void *ctx)
{
    const struct sockaddr_storage peer = {.ss_family = AF_INET};
    struct client_address client;
    int descriptor = next_descriptor();
    (void)ctx;
    client_address_of(&peer, &client);
    open_relay();
    open_link(&client);
    AWAIT(the.bound == 2);
    assert_agreement();
    visit(&client);
    AWAIT(the.over);
    assert_agreement();
    bool whole = the.bound == 2 && the.answered && the.status == 204;
    end_peer();
    serve(the.o);
    agents_close(&the.agents);
    agents_free(&the.agents);
    serve(the.o);
    (void)failing_memory_end();
    assert_true(whole || failing_memory_has_failed());
    assert_agreement();
    assert_int_equal(the.agents.count, 0);
    assert_null(the.agents.waiting_of.buckets);
    assert_null(the.visitor.x);
    routes_forget_all(&the.routes);
    assert_null(the.routes.owners.buckets);
    conn_close_all(&the.o->loop);
    serve(the.o);
    assert_int_equal(next_descriptor(), descriptor);
}

static void an_agent_comes_and_goes(void **state)
{
    (void)state;
    assert_in_range(failing_memory_each(trial, NULL), 20, 1000);
}

// No name is left that chance could find.
static void an_agent_hears_that_no_random_name_was_found(void **state)
{
    static char every[] = "*";
    const struct sockaddr_storage peer = {.ss_family = AF_INET};
    struct client_address client;
    (void)state;
    client_address_of(&peer, &client);
    open_relay();
    the.reserved.words = every;
    open_link(&client);
    WAIT(the.o, the.refused == 2);
    assert_int_equal(the.bound, 0);
    assert_int_equal(the.routes.count, 0);
    the.reserved.words = NULL;
    end_peer();
    agents_close(&the.agents);
    agents_free(&the.agents);
    conn_close_all(&the.o->loop);
    serve(the.o);
}

static int begin(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR);
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
        cmocka_unit_test(an_agent_comes_and_goes),
        cmocka_unit_test(an_agent_hears_that_no_random_name_was_found),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
