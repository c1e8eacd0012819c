// SPDX-License-Identifier: MIT
// A connection with an owner that remembers its events, on a loop of its own. The other end is a
// plain socket of the test.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/conn.h"

struct owner {
    struct loop loop;
    struct conn *conn; // NULL: failed or closed by the test
    int peer;          // the other end
    struct buf got;    // what was consumed
    bool keeps;        // does not consume
    bool stops;        // wants no more input behind the first
    int connected, sent, eofs, failed, closed;
    int error;        // of `failed`
    char detail[128]; // likewise, a copy: the transport's goes with it
};

static inline void owner_readable(struct conn *c)
{
    struct owner *o = conn_owner(c);
    struct slice in = conn_in(c);
    if (o->stops)
        conn_want_read(c, false);
    if (o->keeps)
        return;
    assert_true(buf_append(&o->got, in.p, in.len));
    conn_consume(c, in.len);
}

static inline void owner_sent(struct conn *c)
{
    ((struct owner *)conn_owner(c))->sent++;
}

static inline void owner_eof(struct conn *c)
{
    ((struct owner *)conn_owner(c))->eofs++;
}

static inline void owner_failed(struct conn *c, int error)
{
    struct owner *o = conn_owner(c);
    o->failed++;
    o->error = error;
    (void)snprintf(o->detail, sizeof(o->detail), "%s", conn_error_detail(c));
    o->conn = NULL;
}

static inline void owner_connected(struct conn *c)
{
    ((struct owner *)conn_owner(c))->connected++;
}

static inline void owner_closed(void *arg)
{
    ((struct owner *)arg)->closed++;
}

static const struct conn_ops owner_ops = {owner_readable, owner_sent, owner_eof, owner_failed,
                                          owner_connected};

// Waits for the condition: a test that waits in vain ends at ctest's time limit.
#define WAIT(o, condition)                            \
    do {                                              \
        while (!(condition))                          \
            (void)uv_run(&(o)->loop.uv, UV_RUN_ONCE); \
    } while (0)

// Turns of the loop in which all that is ready is served.
static inline void serve(struct owner *o)
{
    for (int i = 0; i < 16; i++)
        loop_run_once(&o->loop);
}

// Ends every timeout that runs now, whatever its duration.
static inline void let_time_pass(struct owner *o)
{
    for (int i = 0; i < LOOP_DURATIONS; i++) {
        struct list *timeouts = &o->loop.queues[i].timeouts;
        for (struct list_link *link = timeouts->first; link; link = link->next)
            LIST_ITEM(link, struct timeout, in_queue)->at_ms = 0;
    }
    uint64_t now = loop_now_ms(&o->loop);
    WAIT(o, loop_now_ms(&o->loop) > now + LOOP_TICK_MS);
}

// Stops every timeout that runs now.
static inline void never_time_out(struct owner *o)
{
    for (int i = 0; i < LOOP_DURATIONS; i++)
        while (o->loop.queues[i].timeouts.first)
            timeout_stop(LIST_ITEM(o->loop.queues[i].timeouts.first, struct timeout, in_queue));
}

// The descriptor that the next socket gets: as long as none is lost, the same whenever all are
// closed.
static inline int next_descriptor(void)
{
    int fd = dup(STDIN_FILENO);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    return fd;
}

static inline int listening_socket(struct sockaddr_in *at)
{
    socklen_t len = sizeof(*at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
    return fd;
}

static inline struct owner *owner_new(void)
{
    struct owner *o = calloc(1, sizeof(*o));
    assert_non_null(o);
    assert_int_equal(loop_init(&o->loop), 0);
    o->peer = -1;
    return o;
}

// With an accepted connection over loopback TCP, which reads.
static inline struct owner *owner_of_tcp(void)
{
    struct owner *o = owner_new();
    struct sockaddr_in at;
    int listener = listening_socket(&at);
    o->peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(o->peer, (struct sockaddr *)&at, sizeof(at)), 0);
    o->conn = conn_accept(&o->loop, accept(listener, NULL, NULL), &owner_ops, o);
    assert_non_null(o->conn);
    (void)close(listener);
    assert_int_equal(fcntl(o->peer, F_SETFL, O_NONBLOCK), 0);
    conn_on_closed(o->conn, owner_closed, o);
    conn_want_read(o->conn, true);
    return o;
}

static inline void peer_send(struct owner *o, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(send(o->peer, text, len, MSG_NOSIGNAL), len);
}

// Reads what is there, at most `cap` bytes.
static inline size_t peer_take(struct owner *o, char *to, size_t cap)
{
    ssize_t n = recv(o->peer, to, cap, 0);
    assert_true(n > 0 || errno == EAGAIN);
    return n > 0 ? (size_t)n : 0;
}

static inline void peer_close(struct owner *o, bool reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        assert_int_equal(setsockopt(o->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    assert_int_equal(close(o->peer), 0);
    o->peer = -1;
}

static inline void assert_got(const struct owner *o, const char *text)
{
    assert_int_equal(buf_len(&o->got), strlen(text));
    assert_memory_equal(buf_slice(&o->got).p, text, strlen(text));
}

static inline void owner_free(struct owner *o)
{
    conn_close_all(&o->loop);
    assert_true(loop_settle(&o->loop));
    loop_deinit(&o->loop);
    if (o->peer >= 0)
        (void)close(o->peer);
    buf_free(&o->got);
    free(o);
}
