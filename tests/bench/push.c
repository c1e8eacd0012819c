// SPDX-License-Identifier: MIT
// push PORT HOST PATH BYTES SECONDS: one PUT with a body of BYTES zeros to the sink, which answers
// with the number that reached it. Prints the bytes and the time up to that answer as JSON. Ends by
// itself after SECONDS.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "wire.h"

static int send_body(int fd, int64_t bytes)
{
    static const char block[WIRE_BLOCK];
    while (bytes > 0) {
        size_t len = bytes < WIRE_BLOCK ? (size_t)bytes : sizeof block;
        if (wire_send_all(fd, block, len) != 0)
            return -1;
        bytes -= (int64_t)len;
    }
    return 0;
}

// The sink's answer is a decimal number; returns it, or -1.
static int64_t read_answer(int fd, struct wire_head *h)
{
    if (wire_read_head(fd, h) != 0 || h->status != 200 || h->content_length < 0 ||
        h->end + (size_t)h->content_length >= sizeof h->bytes)
        return -1;
    size_t whole = h->end + (size_t)h->content_length;
    while (h->len < whole) {
        ssize_t got = recv(fd, h->bytes + h->len, whole - h->len, 0);
        if (got <= 0)
            return -1;
        h->len += (size_t)got;
    }
    h->bytes[whole] = '\0';
    return strtoll(h->bytes + h->end, NULL, 10);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: push PORT HOST PATH BYTES SECONDS\n");
        return 2;
    }
    alarm((unsigned)wire_int(argv[5]));
    int64_t bytes = strtoll(argv[4], NULL, 10);
    int fd = wire_connect(wire_int(argv[1]), WIRE_WINDOW_AUTO);
    if (fd < 0)
        wire_die("push", "connect");
    char request[512];
    int len = snprintf(request, sizeof request,
                       "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %lld\r\n\r\n", argv[3],
                       argv[2], (long long)bytes);
    double start = wire_now_s();
    struct wire_head head = {.len = 0};
    if (wire_send_all(fd, request, (size_t)len) != 0 || send_body(fd, bytes) != 0)
        wire_die("push", "send");
    int64_t arrived = read_answer(fd, &head);
    double end = wire_now_s();
    close(fd);
    if (arrived != bytes) {
        fprintf(stderr, "push: %lld of %lld bytes arrived; the answer:\n%.*s\n", (long long)arrived,
                (long long)bytes, (int)head.len, head.bytes);
        return 1;
    }
    printf("{\"bytes\": %lld, \"seconds\": %.6f}\n", (long long)bytes, end - start);
    return 0;
}
