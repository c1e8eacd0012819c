// SPDX-License-Identifier: MIT
// A dial whose resolver and network are the test's: all addresses are reached over IPv4's loopback,
// at a listener, at one whose queue is full, or at a port without one.
#pragma once
#include <sys/syscall.h>

#include "common/base/address.h"
#include "common/io/dial.h"
#include "conn_fixture.h"

enum {
    ATTEMPTS_MAX = 8, // of one dial
    STAGGER_MS = 250,
    LIMIT_MS = 7777
};

// The fate of an attempt: a positive one is the errno with which it fails at once.
enum fate {
    ANSWERS = 0,
    HANGS = -1,
    REFUSES = -2
};

struct host {
    const char *at;
    int fate; // enum fate, or an errno
};

static struct {
    const struct host *hosts; // a to z
    size_t count;
    char attempts[32]; // in their order, as letters
    bool no_sockets;
    struct sockaddr_in ends[3]; // by fate, negated
    int fds[4];
} net;

static struct {
    uv_getaddrinfo_t *request;
    uv_getaddrinfo_cb answer;
    int asked, freed;
    int error; // when asked
} resolver;

static inline const struct host *host_at(const struct sockaddr *addr, socklen_t len)
{
    struct sockaddr_storage copy = {0};
    char text[ADDRESS_TEXT_MAX];
    memcpy(&copy, addr, len);
    address_text(&copy, text);
    for (size_t i = 0; i < net.count; i++)
        if (strcmp(net.hosts[i].at, text) == 0)
            return &net.hosts[i];
    return NULL;
}

// These four stand before those of the libraries. A socket for IPv6 is one for IPv4.
int socket(int domain, int type, int protocol)
{
    (void)domain;
    if (!net.no_sockets)
        return (int)syscall(SYS_socket, AF_INET, type, protocol);
    errno = EMFILE;
    return -1;
}

int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t len)
{
    const struct sockaddr *addr = to.__sockaddr__;
    const struct host *h = host_at(addr, len);
    if (!h)
        return (int)syscall(SYS_connect, fd, addr, len);
    size_t count = strlen(net.attempts);
    assert_true(count + 1 < sizeof(net.attempts));
    net.attempts[count] = (char)('a' + (h - net.hosts));
    if (h->fate <= 0)
        return (int)syscall(SYS_connect, fd, &net.ends[-h->fate], sizeof(net.ends[0]));
    errno = h->fate;
    return -1;
}

// NOLINTNEXTLINE(readability-function-size): its parameters are libuv's
int uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *req, uv_getaddrinfo_cb answer,
                   const char *node, const char *service, const struct addrinfo *hints)
{
    (void)loop;
    (void)node;
    (void)hints;
    assert_string_equal(service, "80");
    resolver.asked++;
    resolver.request = req;
    resolver.answer = answer;
    return resolver.error;
}

void uv_freeaddrinfo(struct addrinfo *list)
{
    resolver.freed += list != NULL;
}

// A socket that keeps a port on which nothing listens.
static inline int closed_port(struct sockaddr_in *at)
{
    socklen_t len = sizeof(*at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
    return fd;
}

// A dial, and its result.
struct call {
    struct owner *o;
    struct dial_target target;
    struct dial *dial;
    int done, error;
    struct conn *conn;
};

static inline int begin(void **state)
{
    static struct call call;
    memset(&net, 0, sizeof(net));
    memset(&resolver, 0, sizeof(resolver));
    call = (struct call){.o = owner_new(), .target = {.port = 80, .limit_ms = LIMIT_MS}};
    net.fds[0] = listening_socket(&net.ends[0]);
    net.fds[1] = listening_socket(&net.ends[1]);
    net.fds[2] = closed_port(&net.ends[2]);
    net.fds[3] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(listen(net.fds[0], 64), 0);
    assert_int_equal(listen(net.fds[1], 0), 0); // one connection fills its queue
    assert_int_equal(connect(net.fds[3], (struct sockaddr *)&net.ends[1], sizeof(net.ends[1])), 0);
    *state = &call;
    return 0;
}

static inline int end(void **state)
{
    struct call *c = *state;
    owner_free(c->o);
    for (int i = 0; i < 4; i++)
        assert_int_equal(close(net.fds[i]), 0);
    return 0;
}

static inline void on_done(void *ctx, struct conn *conn, int error)
{
    struct call *c = ctx;
    c->done++;
    c->error = error;
    c->conn = conn;
    if (conn)
        conn_set_owner(conn, &owner_ops, c->o);
}

static inline void start(struct call *c, const char *host)
{
    (void)snprintf(c->target.host, sizeof(c->target.host), "%s", host);
    (void)snprintf(c->target.failed_at, sizeof(c->target.failed_at), "not set");
    net.attempts[0] = 0;
    memset(net.attempts, 0, sizeof(net.attempts));
    c->done = 0;
    c->dial = dial_start(&c->o->loop, &c->target, on_done, c);
    assert_non_null(c->dial);
    assert_int_equal(c->done, 0);
    assert_string_equal(net.attempts, "");
    serve(c->o);
}

// The resolver answers with these hosts.
static inline void resolve(struct call *c, const struct host *hosts, size_t count)
{
    static struct addrinfo list[16];
    static struct sockaddr_storage at[16];
    for (size_t i = 0; i < count; i++) {
        assert_true(address_parse(hosts[i].at, &at[i]));
        list[i] = (struct addrinfo){.ai_family = at[i].ss_family,
                                    .ai_addr = (struct sockaddr *)&at[i],
                                    .ai_addrlen = at[i].ss_family == AF_INET
                                                      ? sizeof(struct sockaddr_in)
                                                      : sizeof(struct sockaddr_in6),
                                    .ai_next = i + 1 < count ? &list[i + 1] : NULL};
    }
    net.hosts = hosts;
    net.count = count;
    resolver.answer(resolver.request, 0, list);
    serve(c->o);
}

// Ends the first timeout of this duration. False: none runs.
static inline bool end_timeout(struct call *c, uint32_t ms)
{
    for (int i = 0; i < LOOP_DURATIONS; i++) {
        struct timeout_queue *q = &c->o->loop.queues[i];
        if (q->duration_ms != ms || !q->timeouts.first)
            continue;
        struct timeout *t = LIST_ITEM(q->timeouts.first, struct timeout, in_queue);
        timeout_stop(t);
        t->fire(t);
        serve(c->o);
        return true;
    }
    return false;
}

static inline size_t open_conns(const struct call *c)
{
    size_t count = 0;
    for (const struct list_link *l = c->o->loop.conns.first; l; l = l->next)
        count++;
    return count;
}

// Nothing is left of a dial but what it handed over.
static inline void assert_over(struct call *c, int error, const char *failed_at)
{
    WAIT(c->o, c->done);
    serve(c->o);
    assert_int_equal(c->done, 1);
    assert_int_equal(c->error, error);
    assert_string_equal(c->target.failed_at, failed_at);
    assert_int_equal(c->conn == NULL, error != 0);
    assert_int_equal(open_conns(c), c->conn ? 1 : 0);
    assert_false(end_timeout(c, STAGGER_MS));
    assert_false(end_timeout(c, LIMIT_MS));
    conn_close(c->conn, CONN_CLOSE_NOW);
    c->conn = NULL;
}
