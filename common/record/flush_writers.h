// SPDX-License-Identifier: MIT
// The programs that write a record, by the sockets that the kernel lists, and asking them
// (flush.h).
#pragma once
#include "flush.h"

struct flush_writer {
    struct flush_name name;
    uint32_t inode; // of its socket: no other that is open has it
    uid_t owner;    // of the directory
};

// Calls `found` for each program that writes the record in `dir`.
void flush_writers_each(const char *dir, void (*found)(void *ctx, const struct flush_writer *w),
                        void *ctx);
// Asks: returns a non-blocking connection, on which the replies come. If too many readers wait to
// be accepted, tries for `wait_ms`. -1: see errno, which is ECONNREFUSED for a program that has
// ended and for a socket of a user who may not write.
int flush_writer_ask(const struct flush_writer *w, unsigned wait_ms, pid_t *pid);
