// SPDX-License-Identifier: MIT
// leave PORT HOST COUNT SECONDS: COUNT visitors that begin an exchange and leave in the middle.
// A third of them leaves before the response head, a third in its body, a third in the middle of an
// upload; of each, half by RST and half by FIN; some at once, some after a few milliseconds. Then
// one more visitor makes a whole exchange, which queues behind all the others. Prints as JSON the
// time until its answer, and the duration of its exchange. Ends by itself after SECONDS.
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
    IN_FLIGHT = 200, // far below the number of exchanges that a tunnel takes
    PATIENCE_STEPS = 8,
    PATIENCE_STEP_MS = 4,
    BODY_STEP = 16 * 1024,
    BODY_STEPS = 5,
    UPLOAD_SENT = 32 * 1024,
    UPLOAD_PROMISED = 64 << 20
};

enum place {
    BEFORE_HEAD,
    IN_BODY,
    IN_UPLOAD,
    PLACES
};

struct visitor {
    int fd;
    enum place place;
    bool resets;    // leaves by RST
    bool there;     // has reached the point where it leaves; waits for `leave_at`
    double patient; // seconds that it waits there
    double leave_at;
    int64_t wants, got; // bytes of the response
};

struct crowd {
    int epoll, port, count, opened, left;
    const char *host;
    struct visitor visitors[IN_FLIGHT]; // fd -1: a free place
};

// The visitors differ by their number, so that every combination takes its turn.
static struct visitor visitor_of(int number)
{
    return (struct visitor){.place = (enum place)(number % PLACES),
                            .resets = number / PLACES % 2 == 0,
                            .patient =
                                number / (2 * PLACES) % PATIENCE_STEPS * PATIENCE_STEP_MS / 1e3,
                            .wants = 1 + (int64_t)BODY_STEP * (number % BODY_STEPS)};
}

static void visitor_stay(struct visitor *v)
{
    v->there = true;
    v->leave_at = wire_now_s() + v->patient;
}

static void visitor_ask(struct crowd *c, struct visitor *v)
{
    static const char zeros[UPLOAD_SENT];
    static const char *const lines[PLACES] = {
        [BEFORE_HEAD] = "GET /never", [IN_BODY] = "GET /endless", [IN_UPLOAD] = "PUT /upload"};
    char request[512];
    int len =
        snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n",
                 lines[v->place], c->host, v->place == IN_UPLOAD ? UPLOAD_PROMISED : 0);
    if (wire_send_all(v->fd, request, (size_t)len) != 0)
        wire_die("leave", "send");
    // Bytes that the socket does not take at once are not sent: this visitor leaves anyway.
    if (v->place == IN_UPLOAD && send(v->fd, zeros, sizeof zeros, MSG_NOSIGNAL) < 0 &&
        errno != EAGAIN)
        wire_die("leave", "send a body");
    if (v->place != IN_BODY)
        visitor_stay(v);
}

static void visitor_open(struct crowd *c, struct visitor *v)
{
    *v = visitor_of(c->opened++);
    v->fd = wire_connect(c->port, WIRE_WINDOW_FIXED);
    if (v->fd < 0 || fcntl(v->fd, F_SETFL, O_NONBLOCK) != 0)
        wire_die("leave", "connect");
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = v};
    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, v->fd, &ev) != 0)
        wire_die("leave", "epoll_ctl");
    visitor_ask(c, v);
}

// Closing a socket with unread bytes sends RST, so a visitor that leaves by FIN reads them first.
static void visitor_leave(struct crowd *c, struct visitor *v)
{
    static char block[WIRE_BLOCK];
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (v->resets)
        setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    else if (v->place == IN_BODY)
        while (recv(v->fd, block, sizeof block, 0) == (ssize_t)sizeof block)
            continue;
    close(v->fd);
    v->fd = -1;
    c->left++;
}

// Only a visitor that wants a body may be answered before it leaves, and only with 200.
static void visitor_read(struct crowd *c, struct visitor *v)
{
    static char block[WIRE_BLOCK];
    struct wire_head head = {.len = 0};
    ssize_t got = recv(v->fd, v->got == 0 ? head.bytes : block, WIRE_HEAD_CAP, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    bool sound = got > 0 && v->place == IN_BODY;
    if (v->got == 0 && sound)
        sound = wire_head_feed(&head, (size_t)got) > 0 && head.status == 200;
    if (!sound) {
        fprintf(stderr, "leave: a visitor at place %d met %s:\n%.*s\n", (int)v->place,
                got > 0 ? "an answer" : "an end", (int)head.len, head.bytes);
        exit(1);
    }
    v->got += got;
    if (v->got < v->wants)
        return;
    epoll_ctl(c->epoll, EPOLL_CTL_DEL, v->fd, NULL);
    visitor_stay(v);
}

static void crowd_run(struct crowd *c)
{
    struct epoll_event got[EVENTS];
    while (c->left < c->count) {
        double now = wire_now_s();
        for (struct visitor *v = c->visitors; v < c->visitors + IN_FLIGHT; v++) {
            if (v->fd >= 0 && v->there && now >= v->leave_at)
                visitor_leave(c, v);
            if (v->fd < 0 && c->opened < c->count)
                visitor_open(c, v);
        }
        int n = epoll_wait(c->epoll, got, EVENTS, 1);
        for (int i = 0; i < n; i++)
            visitor_read(c, got[i].data.ptr);
    }
}

// Returns the duration of the exchange in seconds.
static double one_whole_exchange(const struct crowd *c)
{
    char request[512];
    int len = snprintf(request, sizeof request,
                       "GET /small HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", c->host);
    struct wire_head head = {.len = 0};
    double start = wire_now_s();
    int fd = wire_connect(c->port, WIRE_WINDOW_AUTO);
    if (fd < 0 || wire_send_all(fd, request, (size_t)len) != 0 || wire_read_head(fd, &head) != 0)
        wire_die("leave", "the exchange afterwards");
    if (head.status != 200) {
        fprintf(stderr, "leave: afterwards came\n%.*s\n", (int)head.len, head.bytes);
        exit(1);
    }
    close(fd);
    return wire_now_s() - start;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: leave PORT HOST COUNT SECONDS\n");
        return 2;
    }
    alarm((unsigned)wire_int(argv[4]));
    static struct crowd crowd;
    crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd.port = wire_int(argv[1]);
    crowd.host = argv[2];
    crowd.count = wire_int(argv[3]);
    for (int i = 0; i < IN_FLIGHT; i++)
        crowd.visitors[i].fd = -1;
    double start = wire_now_s();
    crowd_run(&crowd);
    double after = one_whole_exchange(&crowd);
    printf("{\"visitors\": %d, \"seconds\": %.6f, \"after_ms\": %.3f}\n", crowd.left,
           wire_now_s() - start, after * 1e3);
    return 0;
}
