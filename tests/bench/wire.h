// SPDX-License-Identifier: MIT
// Loopback sockets and just enough HTTP/1.1 to count a body, for the benchmark's small clients and
// its sink. They trust their peers: real parsing is done by the programs that are measured.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_HEAD_CAP = 4096,
    WIRE_BLOCK = 256 * 1024
};

// A message head as it comes in, with the first bytes of the body behind it.
struct wire_head {
    char bytes[WIRE_HEAD_CAP];
    size_t len;             // bytes received so far
    size_t end;             // length of the head with its empty line, 0 while that has not come
    int status;             // of a response; 0 for a request
    int64_t content_length; // -1 when the head names none
};

// Adds what has been received behind `h->len` and parses it.
// Returns 1 when the head is complete, 0 when it needs more, -1 when it is malformed or too large.
int wire_head_feed(struct wire_head *h, size_t received);

enum wire_window {
    WIRE_WINDOW_AUTO,  // the kernel's choice
    WIRE_WINDOW_FIXED, // 256 KiB: bounds the bytes that a visitor takes without reading
    WIRE_WINDOW_SMALL, // a few KiB and small segments: kernel buffers hold next to nothing
};

// Connects to 127.0.0.1:port. Returns the socket or -1 with errno set.
int wire_connect(int port, enum wire_window window);

// Returns 0, or -1 with errno set.
int wire_send_all(int fd, const void *data, size_t len);

// Reads until the head is complete. Returns 0, or -1 when the peer closed or sent no head.
int wire_read_head(int fd, struct wire_head *h);

// The decimal number that `text` starts with; its writer is trusted.
int wire_int(const char *text);

double wire_now_s(void);

// Prints "who: what: errno's text" and ends the process with status 1.
_Noreturn void wire_die(const char *who, const char *what);
