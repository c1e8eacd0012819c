// SPDX-License-Identifier: MIT
// Tells which writers of a record live: each locks the byte of its number in record.lock with an
// open file description lock (fcntl(2)), which the kernel releases when the process ends.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    RECORD_LOCK_FILES = 0 // a byte of no writer: held while the record is opened or moved aside
};

// Opens the lock file, creating it if needed. The caller closes it. -1: see errno.
int record_lock_open(const char *dir);
// Takes a writer's lock. False: another process holds it.
bool record_lock_take(int file, int64_t writer);
// The same, but retries for `ms` at most.
bool record_lock_wait(int file, int64_t writer, unsigned ms);
void record_lock_release(int file, int64_t writer);
// Whether another process holds a writer's lock.
bool record_lock_is_held(int file, int64_t writer);
