// SPDX-License-Identifier: MIT
// sink PORT: an HTTP/1.1 origin on 127.0.0.1 for uploads and for visitors that leave. It reads
// bodies of a stated length and throws them away. Keep-alive, no pipelining, one thread.
//   /never     gets no answer
//   /endless   is a body longer than anyone will read
//   /seen      says how many connections are open now and how many requests there were
//   the rest   is answered with the number of bytes of the request's body
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

#define ENDLESS_BYTES (INT64_C(1) << 40)

enum {
    EVENTS = 64,
    ANSWER_BLOCK = 64 * 1024
};

struct sink {
    int epoll, listener;
    int open;         // connections
    int64_t requests; // complete request heads, whatever followed
};

struct client {
    struct sink *sink;
    int fd;
    struct wire_head head;
    int64_t body; // bytes of the current request's body so far
    int64_t owed; // bytes of an endless body that are still to be sent
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

static void client_new(struct sink *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL)
        wire_die("sink", "calloc");
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    c->sink = s;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        wire_die("sink", "epoll_ctl");
    s->open++;
}

static void client_free(struct client *c)
{
    c->sink->open--;
    close(c->fd);
    free(c);
}

static bool asks_for(const struct client *c, const char *path)
{
    const char *target = memchr(c->head.bytes, ' ', c->head.end);
    size_t len = strlen(path);
    return target != NULL && strncmp(target + 1, path, len) == 0 && target[1 + len] == ' ';
}

static int client_say(struct client *c, const char *body)
{
    char answer[256];
    int len =
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
    c->head.len = c->head.end = 0;
    c->body = 0;
    return wire_send_all(c->fd, answer, (size_t)len);
}

static int client_begin_endless(struct client *c)
{
    char head[128];
    int len = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n",
                       (long long)ENDLESS_BYTES);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    c->owed = ENDLESS_BYTES;
    epoll_ctl(c->sink->epoll, EPOLL_CTL_MOD, c->fd, &ev);
    return wire_send_all(c->fd, head, (size_t)len);
}

// Answers once the body is whole and makes the client ready for its next request.
static int client_answer(struct client *c)
{
    char body[96];
    if (c->owed > 0 || c->body < c->head.content_length || asks_for(c, "/never"))
        return 0;
    if (asks_for(c, "/endless"))
        return client_begin_endless(c);
    if (asks_for(c, "/seen"))
        snprintf(body, sizeof body, "{\"open\": %d, \"requests\": %lld}\n", c->sink->open,
                 (long long)c->sink->requests);
    else
        snprintf(body, sizeof body, "%lld\n", (long long)c->body);
    return client_say(c, body);
}

// Sends the next piece of an endless body. Returns 0, or -1 when the client is to be closed.
static int client_send(struct client *c)
{
    static const char block[ANSWER_BLOCK];
    ssize_t sent = send(c->fd, block, sizeof block, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    c->owed -= sent;
    return 0;
}

// Reads the bytes that have arrived. Returns 0, or -1 when the client is to be closed.
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
    c->sink->requests++;
    c->body = (int64_t)(h->len - h->end);
    return client_answer(c);
}

static void client_event(struct client *c, uint32_t events)
{
    int gone = (events & ~(uint32_t)EPOLLOUT) != 0 ? client_receive(c) : 0;
    if (!gone && (events & EPOLLOUT) != 0)
        gone = client_send(c);
    if (gone)
        client_free(c);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: sink PORT\n");
        return 2;
    }
    struct sink sink = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                        .listener = listen_on(wire_int(argv[1]))};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL}, got[EVENTS];
    if (sink.epoll < 0 || epoll_ctl(sink.epoll, EPOLL_CTL_ADD, sink.listener, &ev) != 0)
        wire_die("sink", "epoll");
    for (;;) {
        int n = epoll_wait(sink.epoll, got, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (got[i].data.ptr == NULL)
                client_new(&sink);
            else
                client_event(got[i].data.ptr, got[i].events);
        }
    }
}
