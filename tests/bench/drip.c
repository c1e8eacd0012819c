// SPDX-License-Identifier: MIT
// drip PORT HOST COUNT SECONDS: COUNT connections whose request head comes byte by byte, one byte a
// second each, and never ends. A connection that is cut off is opened again. Prints "ready" with
// all open, goes on until its standard input ends or SECONDS are over, and prints the number of
// connections that were cut.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "wire.h"

enum {
    EVENTS = 256,
    TICK_MS = 10,
    TICKS = 100 // a second; in each, one part of the connections sends its byte
};

struct drip {
    int epoll, port, count, cut;
    char head[512];
    size_t head_len;
    int *fds; // -1: cut off, to be opened again
};

static void drip_open(struct drip *d, int number)
{
    int fd = wire_connect(d->port, WIRE_WINDOW_AUTO);
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        wire_die("drip", "connect");
    struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = (uint32_t)number};
    if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        wire_die("drip", "epoll_ctl");
    d->fds[number] = fd;
    (void)wire_send_all(fd, d->head, d->head_len); // a failed connection counts as cut off
}

static void drip_cut(struct drip *d, int number)
{
    close(d->fds[number]);
    d->fds[number] = -1;
    d->cut++;
}

static void drip_tick(struct drip *d, int tick)
{
    for (int i = tick % TICKS; i < d->count; i += TICKS) {
        if (d->fds[i] < 0)
            drip_open(d, i);
        else
            (void)send(d->fds[i], "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void drip_run(struct drip *d)
{
    struct epoll_event got[EVENTS];
    double next = wire_now_s();
    for (int tick = 0;;) {
        int wait_ms = (int)((next - wire_now_s()) * 1e3);
        int n = epoll_wait(d->epoll, got, EVENTS, wait_ms > 0 ? wait_ms : 0);
        for (int i = 0; i < n; i++) {
            if (got[i].data.u32 == (uint32_t)d->count) // standard input
                return;
            drip_cut(d, (int)got[i].data.u32);
        }
        if (wire_now_s() >= next) {
            drip_tick(d, tick++);
            next += TICK_MS / 1e3;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: drip PORT HOST COUNT SECONDS\n");
        return 2;
    }
    alarm((unsigned)wire_int(argv[4]));
    struct drip drip = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                        .port = wire_int(argv[1]),
                        .count = wire_int(argv[3])};
    drip.fds = calloc((size_t)drip.count, sizeof *drip.fds);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)drip.count};
    if (drip.epoll < 0 || drip.fds == NULL ||
        epoll_ctl(drip.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev) != 0)
        wire_die("drip", "start");
    drip.head_len = (size_t)snprintf(drip.head, sizeof drip.head,
                                     "GET /small HTTP/1.1\r\nHost: %s\r\nX-Slow: ", argv[2]);
    for (int i = 0; i < drip.count; i++)
        drip_open(&drip, i);
    printf("ready\n");
    fflush(stdout);
    drip_run(&drip);
    printf("{\"held\": %d, \"cut\": %d}\n", drip.count, drip.cut);
    return 0;
}
