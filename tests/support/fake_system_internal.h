// SPDX-License-Identifier: MIT
// Shared by fake_system.c (sockets, time, memory) and fake_uv.c (libuv).
#pragma once
#include "fake_system.h"

struct fake_system {
    struct chance *chance;
    struct fake_faults faults;
    struct fake_socket *sockets;
    int count;
    uint64_t now_ms, reads_of_clock, activity;
    uint64_t allocations;
    int64_t live; // allocations that are not freed
    bool failed;
};

extern struct fake_system fake_system;

// Bytes that the wire takes now.
static inline size_t fake_wire_room(const struct fake_wire *w)
{
    size_t room = w->cap - (w->len - w->held);
    return room < FAKE_WIRE_BYTES - w->len ? room : FAKE_WIRE_BYTES - w->len;
}

bool fake_maybe(uint32_t one_in); // 0: never
// fake_uv.c
void fake_uv_begin(void);
bool fake_uv_is_over(void);
