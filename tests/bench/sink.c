// SPDX-License-Identifier: MIT
// sink PORT: an HTTP/1.1 origin for uploads on 127.0.0.1. It reads bodies of a stated length,
// throws them away and answers with the number of bytes that came. Keep-alive, no pipelining, one
// thread.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "wire.h"

enum {
    EVENTS = 64
};

struct client {
    int fd;
    struct wire_head head;
    int64_t body; // bytes of the current request's body so far
};

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1024) != 0)
        wire_die("sink", "listen");
    return fd;
}

static void client_new(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL)
        wire_die("sink", "calloc");
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        wire_die("sink", "epoll_ctl");
}

static void client_free(struct client *c)
{
    close(c->fd);
    free(c);
}

// Answers once the body is whole and makes the client ready for its next request.
static int client_answer(struct client *c)
{
    if (c->head.end == 0 || c->body < c->head.content_length)
        return 0;
    char body[32], answer[256];
    int body_len = snprintf(body, sizeof body, "%lld\n", (long long)c->body);
    int len =
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
                 body_len, body);
    c->head.len = c->head.end = 0;
    c->body = 0;
    return wire_send_all(c->fd, answer, (size_t)len);
}

// Takes what has come. Returns 0, or -1 when the client is to be closed.
static int client_receive(struct client *c)
{
    static char block[WIRE_BLOCK];
    struct wire_head *h = &c->head;
    bool in_body = h->end != 0;
    ssize_t got = in_body ? recv(c->fd, block, sizeof block, 0)
                          : recv(c->fd, h->bytes + h->len, sizeof h->bytes - h->len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return -1;
    if (in_body) {
        c->body += got;
        return client_answer(c);
    }
    int complete = wire_head_feed(h, (size_t)got);
    if (complete <= 0)
        return complete;
    c->body = (int64_t)(h->len - h->end);
    return client_answer(c);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: sink PORT\n");
        return 2;
    }
    int listener = listen_on(wire_int(argv[1]));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL}, got[EVENTS];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev) != 0)
        wire_die("sink", "epoll");
    for (;;) {
        int n = epoll_wait(epoll, got, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct client *c = got[i].data.ptr;
            if (c == NULL)
                client_new(epoll, listener);
            else if (client_receive(c) != 0)
                client_free(c);
        }
    }
}
