// SPDX-License-Identifier: MIT
// HTTP over TLS on both sides: a visitor's connection, an edge, an exchange, an upstream and its
// service, all on one loop.
#include "common/inbound/edge_set.h"
#include "common/outbound/upstream.h"
#include "conn_tls_fixture.h"
#include "tests/support/h2_raw.h"

// The service is `ends`' server; its client is the visitor.
struct site {
    struct ends *ends;
    struct edge_set edges;
    struct listener front;
    struct upstream upstream;
};

static void on_request(void *ctx, struct exchange *x, struct http_head *head,
                       const struct body_framing *framing)
{
    outbound_forward(&((struct site *)ctx)->upstream.outbound, NULL, x, head, framing);
}

static void on_visitor(const struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    edge_set_accept(&((struct site *)l->ctx)->edges, l, fd, peer);
}

static struct site *site_with(const char *client_alpn, const char *server_alpn)
{
    struct site *s = calloc(1, sizeof(*s));
    struct sockaddr_storage at = {0};
    struct sockaddr_storage actual;
    assert_non_null(s);
    s->ends = ends_new(client_alpn, server_alpn);
    struct loop *loop = &s->ends->server->loop;
    struct dial_target service = {
        .host = "localhost", .port = s->ends->target.port, .tls = s->ends->contexts.client};
    upstream_init(&s->upstream, loop, &service);
    s->edges = (struct edge_set){
        .loop = loop, .handler = {.request = on_request, .ctx = s}, .scheme = "https"};
    exchange_ids_init(&s->edges.ids, 1);
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&at), 0);
    s->front = (struct listener){.accepted = on_visitor, .ctx = s, .tls = s->ends->contexts.server};
    assert_int_equal(listener_open(&s->front, loop, &at, &actual), 0);
    s->ends->target.port = address_port(&actual);
    return s;
}

static struct site *site_new(void)
{
    return site_with("http/1.1", "http/1.1");
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

static void visit(struct site *s, const char *request)
{
    ends_dial(s->ends, "localhost");
    WAIT(s->ends->server, s->ends->dialled);
    assert_int_equal(s->ends->dial_error, 0);
    assert_true(conn_write(s->ends->client.conn, request, strlen(request)));
}

static void a_request_and_its_response_pass_over_tls(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    struct site *s = site_new();
    (void)state;
    visit(s, "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody");
    WAIT(s->ends->server, has_got(s->ends->server, "body"));
    assert_true(has_got(s->ends->server, "POST /a HTTP/1.1\r\n"));
    assert_true(slice_eq(conn_alpn(s->ends->server->conn), SLICE("http/1.1")));
    assert_true(conn_write(s->ends->server->conn, answer, strlen(answer)));
    WAIT(s->ends->server, has_got(&s->ends->client, "ok"));
    assert_true(has_got(&s->ends->client, "HTTP/1.1 200 OK\r\n"));
    site_free(s);
}

// A response without a length ends with its connection: by close_notify it is whole. By FIN alone
// it may have been cut, and the visitor's connection is cut too.
static void only_a_whole_end_ends_a_response_without_a_length(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\n\r\nsome";
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        struct site *s = site_new();
        visit(s, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
        WAIT(s->ends->server, has_got(s->ends->server, "\r\n\r\n"));
        assert_true(conn_write(s->ends->server->conn, answer, strlen(answer)));
        WAIT(s->ends->server, has_got(&s->ends->client, "some"));
        conn_close(s->ends->server->conn, whole ? CONN_CLOSE_FLUSH : CONN_CLOSE_NOW);
        s->ends->server->conn = NULL;
        WAIT(s->ends->server, s->ends->client.eofs || s->ends->client.failed);
        assert_int_equal(s->ends->client.eofs, whole);
        site_free(s);
    }
}

static void a_service_whose_certificate_is_refused_is_a_502(void **state)
{
    struct site *s = site_new();
    char why[TLS_WHY_MAX];
    const struct tls_client_options other = {.ca_file = s->ends->files.path[TLS_OTHER_CA]};
    struct tls_client *distrustful = tls_client_new(&other, why);
    (void)state;
    assert_non_null(distrustful);
    s->upstream.target.tls = distrustful;
    visit(s, "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n");
    WAIT(s->ends->server, has_got(&s->ends->client, "HTTP/1.1 502 "));
    assert_non_null(strstr(s->upstream.target.tls_failure, "the certificate is not accepted"));
    site_free(s);
    tls_client_free(distrustful);
}

static void refuse(void *ctx, struct exchange *x, struct http_head *head,
                   const struct body_framing *framing)
{
    (void)ctx;
    (void)framing;
    assert_true(head->http2);
    exchange_answer(x, ANSWER_NO_TUNNEL);
}

static void a_visitor_may_agree_on_http_2(void **state)
{
    struct site *s = site_with("h2", "h2,http/1.1");
    struct buf hello = {0};
    (void)state;
    s->edges.handler.request = refuse;
    h2_preface(&hello, true);
    h2_headers(&hello, 1, true, ":method: GET\n:scheme: https\n:authority: a.example\n:path: /");
    ends_dial(s->ends, "localhost");
    WAIT(s->ends->server, s->ends->dialled);
    assert_int_equal(s->ends->dial_error, 0);
    assert_true(conn_write(s->ends->client.conn, buf_at(&hello), buf_len(&hello)));
    WAIT(s->ends->server,
         has_got(&s->ends->client, "ADIT-NO-TUNNEL") || has_got(&s->ends->client, "no tunnel"));
    buf_free(&hello);
    site_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_and_its_response_pass_over_tls),
        cmocka_unit_test(only_a_whole_end_ends_a_response_without_a_length),
        cmocka_unit_test(a_visitor_may_agree_on_http_2),
        cmocka_unit_test(a_service_whose_certificate_is_refused_is_a_502),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
