// SPDX-License-Identifier: MIT
// A system for programs that run on a loop (common/io/loop.h), in one process and on one thread:
// sockets whose far ends the test holds, libuv's events, time, and memory that can run out. All
// choices come from `chance`: nothing depends on the kernel or on the machine's speed. The linker
// redirects the calls of the code under test to here (fake_system in tests/CMakeLists.txt).
#pragma once
#include <uv.h>
#include "chance.h"

enum {
    FAKE_SOCKETS_MAX = 96,
    FAKE_WIRE_BYTES = 64 * 1024
};

// One direction of a connection: bytes that were sent and not read yet.
struct fake_wire {
    size_t len;
    size_t held; // the first of them, which the test has read and keeps: they take no room
    size_t cap;  // the most of the others; FAKE_WIRE_BYTES at most
    bool ended;  // FIN follows the bytes
    bool reset;  // RST follows them
    char bytes[FAKE_WIRE_BYTES];
};

struct fake_socket {
    struct fake_wire in, out; // as the program sees it
    int fd;
    bool dialed, accepted; // by the program; by the test (fake_accept)
    bool connecting, open; // the program holds the descriptor
    bool dead;             // the program's end got a RST
    bool left;             // the test's end is closed
    bool closes_by_reset, write_shut;
    int error; // that the next call of the program gets
    uv_poll_t *poll;
    uv_poll_cb on_event;
    int events;
};

struct fake_faults {
    uint32_t again_one_in;                          // reads and writes that give EAGAIN; 0: none
    uint32_t refuse_one_in;                         // connections of the program that fail
    uint64_t memory_fails_from, memory_fails_until; // by number of the allocation; 0: none
};

// Begins a new system. `chance` must outlive it.
void fake_system_begin(struct chance *chance);
void fake_system_set_faults(const struct fake_faults *faults);
// Ends it: all of the program's sockets and handles must be closed and its memory freed.
void fake_system_end(void);

void fake_system_pass(uint64_t ms);
// Whether an allocation, a socket or a connection has failed.
bool fake_system_has_failed(void);
// A number that grows with each byte and event that has moved.
uint64_t fake_system_activity(void);

// A connection to the program, which gets the descriptor `fd`.
struct fake_socket *fake_connect(void);
// The next connection that the program has made; NULL: none.
struct fake_socket *fake_accept(void);
// Room in the wire to the program: the test fills it and calls fake_sent. 0 behind the end.
size_t fake_room(const struct fake_socket *s, char **at);
void fake_sent(struct fake_socket *s, size_t len);
// Removes bytes of the wire from the program.
void fake_take(struct fake_socket *s, size_t len);
void fake_shutdown(struct fake_socket *s);
void fake_reset(struct fake_socket *s);
// Closes the test's end: by RST if bytes are left unread.
void fake_close(struct fake_socket *s);
