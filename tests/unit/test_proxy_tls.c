// SPDX-License-Identifier: MIT
// Headers of the PROXY protocol stand before TLS, of visitors' connections and of those to a
// service: here each goes to a listener that wants both.
#include "common/base/proxy_protocol.h"
#include "common/inbound/edge_set.h"
#include "common/outbound/upstream.h"
#include "conn_tls_fixture.h"

#define ALICE "192.0.2.1"

// The service is the front itself.
struct site {
    struct ends *ends; // its client is the visitor
    struct trusted_proxies trusted;
    struct edge_set edges;
    struct listener front;
    struct upstream upstream;
    unsigned requests;
};

// Sends a request for /there on to the service, and answers the others.
static void on_request(void *ctx, struct exchange *x, struct http_head *head,
                       const struct body_framing *framing)
{
    struct site *s = ctx;
    s->requests++;
    assert_string_equal(x->facts.visitor, ALICE);
    if (!slice_eq(head->target, SLICE("/there"))) {
        exchange_answer(x, ANSWER_NO_TUNNEL);
        return;
    }
    head->target = SLICE("/here");
    assert_true(head_add(head, SLICE("X-Forwarded-For"), slice_str(x->facts.visitor)));
    outbound_forward(&s->upstream.outbound, NULL, x, head, framing);
}

static void on_visitor(const struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    edge_set_accept(&((struct site *)l->ctx)->edges, l, fd, peer);
}

static struct site *site_new(unsigned version)
{
    struct site *s = calloc(1, sizeof(*s));
    struct sockaddr_storage at = {0};
    struct sockaddr_storage actual;
    assert_non_null(s);
    s->ends = ends_new("http/1.1", "http/1.1");
    struct loop *loop = &s->ends->server->loop;
    assert_null(trusted_proxies_add(&s->trusted, "loopback"));
    s->edges = (struct edge_set){.loop = loop,
                                 .handler = {.request = on_request, .ctx = s},
                                 .scheme = "https",
                                 .trusted = &s->trusted,
                                 .proxy_protocol = true};
    exchange_ids_init(&s->edges.ids, 1);
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&at), 0);
    s->front = (struct listener){.accepted = on_visitor, .ctx = s, .tls = s->ends->contexts.server};
    assert_int_equal(listener_open(&s->front, loop, &at, &actual), 0);
    s->ends->target.port = address_port(&actual);
    struct dial_target service = {
        .host = "localhost", .port = s->ends->target.port, .tls = s->ends->contexts.client};
    upstream_init(&s->upstream, loop, &service);
    s->upstream.proxy_version = version;
    return s;
}

static void site_free(struct site *s)
{
    listener_close(&s->front);
    edge_set_close(&s->edges);
    upstream_deinit(&s->upstream);
    ends_free(s->ends);
    free(s);
}

static bool has_got(const struct owner *o, const char *text)
{
    struct slice got = buf_slice(&o->got);
    return memmem(got.p, got.len, text, strlen(text)) != NULL;
}

// Connects as a proxy that names a client.
static void connect_for(struct site *s, unsigned version)
{
    char header[PROXY_V1_MAX];
    struct client_address alice;
    assert_true(client_address_parse(SLICE(ALICE), &alice));
    size_t len = proxy_header_write(version, &alice, 443, header);
    ends_dial(s->ends, "localhost");
    dial_send_first(s->ends->dial, header, len);
    WAIT(s->ends->server, s->ends->dialled);
    assert_int_equal(s->ends->dial_error, 0);
}

static void a_header_stands_before_tls(void **state)
{
    static const char request[] = "GET /there HTTP/1.1\r\nHost: localhost\r\n\r\n";
    (void)state;
    for (unsigned version = 1; version <= PROXY_VERSION_MAX; version++) {
        struct site *s = site_new(version);
        connect_for(s, version);
        assert_true(conn_write(s->ends->client.conn, request, strlen(request)));
        WAIT(s->ends->server, has_got(&s->ends->client, "ADIT-NO-TUNNEL"));
        assert_int_equal(s->requests, 2);
        site_free(s);
    }
}

// Without a header TLS is not begun: the server sends no byte.
static void tls_without_a_header_is_refused(void **state)
{
    struct site *s = site_new(1);
    (void)state;
    ends_dial(s->ends, "localhost");
    WAIT(s->ends->server, s->ends->dialled);
    assert_int_not_equal(s->ends->dial_error, 0);
    assert_int_equal(s->edges.count + s->edges.headers.count, 0);
    site_free(s);
}

// The visitors' limit counts sockets that wait for their header: the longest-waiting makes room.
static void a_socket_that_waits_for_its_header_makes_room(void **state)
{
    struct site *s = site_new(1);
    int fds[3];
    struct sockaddr_in at;
    char byte;
    (void)state;
    s->ends->server->loop.limits.visitors = 2;
    assert_int_equal(uv_ip4_addr("127.0.0.1", s->ends->target.port, &at), 0);
    for (int i = 0; i < 3; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&at, sizeof(at)), 0);
        WAIT(s->ends->server, s->edges.headers.count == (size_t)(i < 2 ? i + 1 : 2));
    }
    WAIT(s->ends->server, recv(fds[0], &byte, 1, MSG_DONTWAIT) == 0);
    assert_int_equal(s->edges.admission.shares.count, 2);
    assert_int_equal(recv(fds[1], &byte, 1, MSG_DONTWAIT), -1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(close(fds[i]), 0);
    WAIT(s->ends->server, s->edges.headers.count == 0);
    WAIT(s->ends->server, s->edges.admission.shares.count == 0);
    site_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_stands_before_tls),
        cmocka_unit_test(tls_without_a_header_is_refused),
        cmocka_unit_test(a_socket_that_waits_for_its_header_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
