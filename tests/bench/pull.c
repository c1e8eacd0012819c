// SPDX-License-Identifier: MIT
// pull PORT HOST PATH SECONDS: one GET, its body read and thrown away. Prints the bytes and times
// as JSON; anything but a whole 200 is a failure. Ends by itself after SECONDS.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "wire.h"

// Returns the bytes of the body that came, the ones behind the head included.
static int64_t drain(int fd, const struct wire_head *h)
{
    static char block[WIRE_BLOCK];
    int64_t body = (int64_t)(h->len - h->end);
    while (body < h->content_length) {
        ssize_t got = recv(fd, block, sizeof block, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        body += got;
    }
    return body;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: pull PORT HOST PATH SECONDS\n");
        return 2;
    }
    alarm((unsigned)wire_int(argv[4]));
    int fd = wire_connect(wire_int(argv[1]), WIRE_WINDOW_AUTO);
    if (fd < 0)
        wire_die("pull", "connect");
    char request[512];
    int len =
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", argv[3], argv[2]);
    double start = wire_now_s();
    struct wire_head head = {.len = 0};
    if (wire_send_all(fd, request, (size_t)len) != 0 || wire_read_head(fd, &head) != 0)
        wire_die("pull", "no response head");
    double first = wire_now_s();
    if (head.status != 200 || head.content_length < 0) {
        fprintf(stderr, "pull: wanted 200 with a Content-Length, got:\n%.*s", (int)head.end,
                head.bytes);
        return 1;
    }
    int64_t body = drain(fd, &head);
    double end = wire_now_s();
    close(fd);
    if (body != head.content_length) {
        fprintf(stderr, "pull: %lld of %lld bytes came\n", (long long)body,
                (long long)head.content_length);
        return 1;
    }
    printf("{\"bytes\": %lld, \"seconds\": %.6f, \"first_byte_ms\": %.3f}\n", (long long)body,
           end - start, (first - start) * 1e3);
    return 0;
}
