// SPDX-License-Identifier: MIT
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int wire_int(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

static int64_t content_length(const struct wire_head *h)
{
    static const char name[] = "content-length:";
    const char *line = memchr(h->bytes, '\n', h->end);
    while (line != NULL) {
        line++;
        size_t left = h->end - (size_t)(line - h->bytes);
        if (left > sizeof name && strncasecmp(line, name, sizeof name - 1) == 0)
            return strtoll(line + sizeof name - 1, NULL, 10);
        line = memchr(line, '\n', left);
    }
    return -1;
}

int wire_head_feed(struct wire_head *h, size_t received)
{
    h->len += received;
    const char *empty = memmem(h->bytes, h->len, "\r\n\r\n", 4);
    if (empty == NULL)
        return h->len < sizeof h->bytes ? 0 : -1;
    h->end = (size_t)(empty - h->bytes) + 4;
    h->content_length = content_length(h);
    h->status = strncmp(h->bytes, "HTTP/1.", 7) == 0 ? wire_int(h->bytes + 9) : 0;
    return 1;
}

static void set_window(int fd, enum wire_window window)
{
    // The kernel doubles what it is given.
    int fixed_window = 128 * 1024, small_window = 4096, small_segment = 1400;
    switch (window) {
    case WIRE_WINDOW_AUTO: break;
    case WIRE_WINDOW_FIXED:
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &fixed_window, sizeof fixed_window);
        break;
    case WIRE_WINDOW_SMALL:
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small_window, sizeof small_window);
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &small_segment, sizeof small_segment);
        break;
    }
}

int wire_connect(int port, enum wire_window window)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    set_window(fd, window);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

int wire_send_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        at += sent;
        len -= (size_t)sent;
    }
    return 0;
}

int wire_read_head(int fd, struct wire_head *h)
{
    int complete = 0;
    while (complete == 0) {
        ssize_t got = recv(fd, h->bytes + h->len, sizeof h->bytes - h->len, 0);
        if (got <= 0)
            return -1;
        complete = wire_head_feed(h, (size_t)got);
    }
    return complete > 0 ? 0 : -1;
}

double wire_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

_Noreturn void wire_die(const char *who, const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", who, what, strerror(errno));
    exit(1);
}
