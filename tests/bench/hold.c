// SPDX-License-Identifier: MIT
// hold PORT HOST PATH COUNT READ SECONDS: COUNT visitors that send one GET each and then do
// nothing.
//   READ = all   they take the whole response and keep their connection open, idle
//   READ = N     they read N bytes of the response and stop reading
//   READ = 0     they never read, behind a window of a few KiB
// Prints "ready" when all are held, then waits until its standard input ends or SECONDS are over,
// and prints the number of connections that were lost meanwhile.
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "wire.h"

enum {
    EVENTS = 256,
    IN_FLIGHT = 64
};

enum visitor_state {
    VISITOR_ASKED, // waits for the response, or for the part of it that it reads
    VISITOR_HELD,  // waits for the end of the benchmark
    VISITOR_LOST,  // the peer closed
};

struct visitor {
    int fd;
    enum visitor_state state;
    int64_t got; // bytes of the response read so far, the head included
    int64_t want;
};

struct crowd {
    int epoll, port, count, opened, held, lost;
    int64_t read; // -1 for all
    enum wire_window window;
    char request[512];
    size_t request_len;
    struct visitor *visitors;
};

static void visitor_open(struct crowd *c)
{
    struct visitor *v = &c->visitors[c->opened++];
    v->fd = wire_connect(c->port, c->window);
    if (v->fd < 0)
        wire_die("hold", "connect");
    if (wire_send_all(v->fd, c->request, c->request_len) != 0)
        wire_die("hold", "send");
    if (fcntl(v->fd, F_SETFL, O_NONBLOCK) != 0)
        wire_die("hold", "fcntl");
    v->state = VISITOR_ASKED;
    v->want = c->read;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = v};
    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, v->fd, &ev) != 0)
        wire_die("hold", "epoll_ctl");
}

// Peeks at the head: it must be a 200, and tells the length of the response.
// Returns 1 when known, 0 when more must come.
static int visitor_peek(struct crowd *c, struct visitor *v)
{
    struct wire_head head = {.len = 0};
    ssize_t got = recv(v->fd, head.bytes, sizeof head.bytes, MSG_PEEK);
    if (got < 0 && errno == EAGAIN)
        return 0;
    int complete = got > 0 ? wire_head_feed(&head, (size_t)got) : -1;
    if (complete == 0)
        return 0;
    if (complete < 0 || head.status != 200 || head.content_length < 0) {
        fprintf(stderr, "hold: wanted 200 with a Content-Length, got:\n%.*s\n", (int)head.len,
                head.bytes);
        exit(1);
    }
    if (c->read < 0)
        v->want = (int64_t)head.end + head.content_length;
    return 1;
}

static void visitor_hold(struct crowd *c, struct visitor *v)
{
    struct epoll_event ev = {.events = EPOLLRDHUP, .data.ptr = v};
    epoll_ctl(c->epoll, EPOLL_CTL_MOD, v->fd, &ev);
    v->state = VISITOR_HELD;
    c->held++;
}

static void visitor_read(struct crowd *c, struct visitor *v)
{
    static char block[WIRE_BLOCK];
    if (v->got == 0 && visitor_peek(c, v) == 0)
        return;
    while (v->got < v->want) {
        int64_t left = v->want - v->got;
        ssize_t got = recv(v->fd, block, left < WIRE_BLOCK ? (size_t)left : sizeof block, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            wire_die("hold", "the response ended early");
        v->got += got;
    }
    visitor_hold(c, v);
}

static void visitor_event(struct crowd *c, struct visitor *v, uint32_t events)
{
    if (v->state == VISITOR_ASKED) {
        visitor_read(c, v);
    } else if (v->state == VISITOR_HELD && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        v->state = VISITOR_LOST;
        c->lost++;
        close(v->fd);
    }
}

// Runs until all are held, or with `until_stdin` until standard input ends.
static void crowd_run(struct crowd *c, bool until_stdin)
{
    struct epoll_event got[EVENTS];
    while (until_stdin || c->held < c->count) {
        while (c->opened < c->count && c->opened - c->held < IN_FLIGHT)
            visitor_open(c);
        int n = epoll_wait(c->epoll, got, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct visitor *v = got[i].data.ptr;
            if (v == NULL)
                return;
            visitor_event(c, v, got[i].events);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: hold PORT HOST PATH COUNT READ SECONDS\n");
        return 2;
    }
    alarm((unsigned)wire_int(argv[6]));
    struct crowd crowd = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                          .port = wire_int(argv[1]),
                          .count = wire_int(argv[4]),
                          .read = strcmp(argv[5], "all") == 0 ? -1 : strtoll(argv[5], NULL, 10)};
    if (crowd.read >= 0)
        crowd.window = crowd.read == 0 ? WIRE_WINDOW_SMALL : WIRE_WINDOW_FIXED;
    crowd.visitors = calloc((size_t)crowd.count, sizeof *crowd.visitors);
    if (crowd.epoll < 0 || crowd.visitors == NULL)
        wire_die("hold", "start");
    crowd.request_len = (size_t)snprintf(crowd.request, sizeof crowd.request,
                                         "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", argv[3], argv[2]);
    crowd_run(&crowd, false);
    printf("ready\n");
    fflush(stdout);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(crowd.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev) != 0)
        wire_die("hold", "standard input");
    crowd_run(&crowd, true);
    printf("{\"held\": %d, \"lost\": %d}\n", crowd.held - crowd.lost, crowd.lost);
    return 0;
}
