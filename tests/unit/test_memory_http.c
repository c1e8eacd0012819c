// SPDX-License-Identifier: MIT
// Each allocation fails in turn while a visitor's requests pass an edge, an exchange and an
// upstream to a service: the visitor gets the whole response, an answer of ours, or a closed
// connection, and nothing is left behind.
#include <netinet/tcp.h>

#include "common/exchange/forward.h"
#include "common/exchange/host_rewrite.h"
#include "common/inbound/edge_set.h"
#include "common/outbound/upstream.h"
#include "conn_fixture.h"
#include "tests/support/failing_memory.h"

enum {
    BULK = 200 * 1000,
    LINES_MAX = 3
};

// More than an emptied queue keeps room for.
#define X100                                             \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONG_VALUE X100 X100 X100 X100 X100 X100

// One end says this once it has got `when`.
struct line {
    const char *when;
    const char *say; // "": it is content
};

struct script {
    struct line visitor[LINES_MAX], service[LINES_MAX];
    bool proxied; // the visitor is a trusted proxy
    size_t body;  // of a response that is whole, and of the request before it
};

// An end of the conversation, which needs no memory.
struct actor {
    int fd; // -1: closed
    const struct line *lines;
    size_t at, said;  // the line, and the bytes of it that were sent
    size_t got, most; // on this connection; on any
    char text[2 * BULK + 1];
};

static struct {
    struct owner *o;
    struct listener front; // which only names the loop
    int visitors, services;
    struct sockaddr_in visitors_at, services_at;
    struct edge_set edges;
    struct upstream upstream;
    struct forward forward;
    struct host_rewrite host_rewrite;
    struct filter_chain filters;
    struct actor visitor, service;
} site;

// The only lines that know how edge, exchange and upstream meet.
static void on_request(void *ctx, struct exchange *x, struct http_head *head,
                       const struct body_framing *framing)
{
    (void)ctx;
    outbound_forward(&site.upstream.outbound, &site.filters, x, head, framing);
}

static void open_site(bool proxied)
{
    static struct trusted_proxies trusted;
    trusted.count = 0;
    assert_null(trusted_proxies_add(&trusted, "0.0.0.0"));
    struct dial_target target = {.host = "127.0.0.1", .port = ntohs(site.services_at.sin_port)};
    upstream_init(&site.upstream, &site.o->loop, &target);
    site.filters = (struct filter_chain){0};
    forward_init(&site.forward, "adit-0123456789abcdef");
    host_rewrite_init(&site.host_rewrite, "service", SLICE("http"));
    filter_chain_add(&site.filters, &site.forward.filter);
    filter_chain_add(&site.filters, &site.host_rewrite.filter);
    site.edges = (struct edge_set){.loop = &site.o->loop,
                                   .handler.request = on_request,
                                   .scheme = "https",
                                   .shared_domain = "example"};
    site.edges.trusted = proxied ? &trusted : NULL;
    exchange_ids_init(&site.edges.ids, 1);
}

static void close_site(void)
{
    edge_set_close(&site.edges);
    upstream_deinit(&site.upstream);
    conn_close_all(&site.o->loop);
    serve(site.o);
}

static void actor_close(struct actor *a)
{
    if (a->fd >= 0)
        assert_int_equal(close(a->fd), 0);
    a->fd = -1;
    a->at = a->said = a->got = 0;
}

static bool actor_hears(const struct actor *a, const char *text)
{
    return memmem(a->text, a->got, text, strlen(text)) != NULL;
}

static bool actor_is_content(const struct actor *a)
{
    return !a->lines[a->at].say[0] && actor_hears(a, a->lines[a->at].when);
}

// Goes on to the next line that answers what was heard: on a new connection not all lines fit.
static void actor_choose(struct actor *a)
{
    for (size_t at = a->at; a->said == 0 && at < LINES_MAX && a->lines[at].say; at++)
        if (actor_hears(a, a->lines[at].when)) {
            a->at = at;
            return;
        }
}

// Reads and says what is possible now. False: the other end has closed.
static bool actor_acts(struct actor *a)
{
    ssize_t n = recv(a->fd, a->text + a->got, sizeof(a->text) - a->got, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return false;
    a->got += n > 0 ? (size_t)n : 0;
    a->most = a->got > a->most ? a->got : a->most;
    actor_choose(a);
    const struct line *line = &a->lines[a->at];
    if (!line->say[0] || !actor_hears(a, line->when))
        return true;
    n = send(a->fd, line->say + a->said, strlen(line->say + a->said), MSG_DONTWAIT | MSG_NOSIGNAL);
    a->said += n > 0 ? (size_t)n : 0;
    if (!line->say[a->said]) {
        a->at++;
        a->said = 0;
    }
    return true;
}

static void service_acts(void)
{
    struct actor *s = &site.service;
    if (s->fd < 0)
        s->fd = accept4(site.services, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (s->fd >= 0 && !actor_acts(s))
        actor_close(s);
}

static void visit(void)
{
    const struct sockaddr_storage peer = {.ss_family = AF_INET}; // 0.0.0.0 has a share
    const int little = 4096;
    struct actor *v = &site.visitor;
    v->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(v->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    assert_int_equal(connect(v->fd, (struct sockaddr *)&site.visitors_at, sizeof(site.visitors_at)),
                     0);
    int fd = accept4(site.visitors, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
    edge_set_accept(&site.edges, &site.front, fd, &peer);
}

static bool visitor_is_answered_by_us(void)
{
    return actor_hears(&site.visitor, "ADIT-");
}

static void trial(void *ctx)
{
    const struct script *script = ctx;
    int descriptor = next_descriptor();
    site.visitor.most = site.service.most = 0;
    site.visitor.lines = script->visitor;
    site.service.lines = script->service;
    open_site(script->proxied);
    visit();
    bool open = true;
    while (open && !actor_is_content(&site.visitor) && !visitor_is_answered_by_us()) {
        open = actor_acts(&site.visitor);
        service_acts();
        loop_run_once(&site.o->loop);
    }
    bool whole = actor_is_content(&site.visitor);
    assert_true(!whole || site.visitor.most >= script->body);
    assert_true(!whole || site.service.most >= script->body);
    close_site();
    (void)failing_memory_end();
    actor_close(&site.visitor);
    actor_close(&site.service);
    for (int fd = 0; fd >= 0; (void)close(fd)) // that nobody has accepted
        fd = accept4(site.services, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(whole || failing_memory_has_failed());
    assert_null(site.o->loop.conns.first);
    assert_int_equal(next_descriptor(), descriptor);
    assert_int_equal(site.edges.count, 0);
    assert_int_equal(site.edges.admission.shares.count, 0);
    assert_null(site.edges.proxied.buckets);
}

static void run(const struct script *script)
{
    site.visitor.fd = site.service.fd = -1;
    assert_in_range(failing_memory_each(trial, (void *)(uintptr_t)script), 10, 1000);
}

static void a_get_and_another_on_the_same_connections(void **state)
{
    static const struct script script = {
        .visitor = {{"", "GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n"},
                    {"\r\n\r\nfirst", "GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n"},
                    {"\r\n\r\nsecond", ""}},
        .service = {{"GET /1", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"},
                    {"GET /2", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"},
                    {"never", ""}}};
    (void)state;
    run(&script);
}

static void a_chunked_post_with_trailers_whose_host_is_replaced(void **state)
{
    static const struct script script = {
        .visitor = {{"", "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n"
                         "Origin: https://a.example\r\nConnection: x-hop, te\r\nTE: trailers\r\n"
                         "\r\n5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n"},
                    {"X-Trailer: 2\r\n\r\n", ""}},
        // The end of the body comes by itself.
        .service = {{"X-Trailer: 1\r\n\r\n",
                     "HTTP/1.1 100 Continue\r\n\r\n"
                     "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n"
                     "Set-Cookie: a=b; Domain=example\r\nLocation: http://service/new\r\n"
                     "\r\n4\r\nbody\r\n"},
                    {"X-Trailer: 1\r\n\r\n", "0\r\nX-Long: " LONG_VALUE "\r\nX-Trailer: 2\r\n\r\n"},
                    {"never", ""}}};
    (void)state;
    run(&script);
}

static void a_get_through_a_trusted_proxy(void **state)
{
    static const struct script script = {
        .visitor = {{"", "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.9\r\n"
                         "X-Forwarded-Proto: https\r\n\r\n"},
                    {"\r\n\r\nhello", ""}},
        .service = {{"for=192.0.2.9", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
                    {"never", ""}},
        .proxied = true};
    (void)state;
    run(&script);
}

static void an_upgrade(void **state)
{
    static const struct script script = {
        .visitor = {{"", "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\n"
                         "Upgrade: echo\r\n\r\n"},
                    {"\r\n\r\nhello", "ping"},
                    {"pong", ""}},
        .service = {{"\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                                 "Upgrade: echo\r\n\r\nhello"},
                    {"ping", "pong"},
                    {"never", ""}}};
    (void)state;
    run(&script);
}

// Bodies that no socket takes at once: bytes are borrowed, copied and queued.
static void long_bodies_both_ways(void **state)
{
    static char request[BULK + 200];
    static char response[BULK + 200];
    const struct script script = {.visitor = {{"", request}, {"response ends", ""}},
                                  .service = {{"request ends", response}, {"never", ""}},
                                  .body = BULK};
    (void)state;
    int at = snprintf(request, sizeof(request),
                      "PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n", BULK);
    memset(request + at, 'q', BULK);
    memcpy(request + at + BULK - 12, "request ends", 12);
    at =
        snprintf(response, sizeof(response), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BULK);
    memset(response + at, 'p', BULK);
    memcpy(response + at + BULK - 13, "response ends", 13);
    run(&script);
}

static int begin(void **state)
{
    const int little = 4096;
    (void)state;
    site.o = owner_new();
    site.front.loop = &site.o->loop;
    site.visitors = listening_socket(&site.visitors_at);
    site.services = listening_socket(&site.services_at);
    (void)setsockopt(site.services, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    return listen(site.services, 64) || fcntl(site.services, F_SETFL, O_NONBLOCK);
}

static int end(void **state)
{
    (void)state;
    owner_free(site.o);
    return close(site.visitors) || close(site.services);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_and_another_on_the_same_connections),
        cmocka_unit_test(a_chunked_post_with_trailers_whose_host_is_replaced),
        cmocka_unit_test(a_get_through_a_trusted_proxy),
        cmocka_unit_test(an_upgrade),
        cmocka_unit_test(long_bodies_both_ways),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
