// SPDX-License-Identifier: MIT
// Which writers of a record live: each holds a lock on the byte of its number in record.lock, and
// loses it however it ends (open file description locks, fcntl(2)).
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    RECORD_LOCK_FILES = 0 // a byte that no writer has: held while the record is opened or put aside
};

// Opens the file, making it if it is missing; to be closed by its user. -1: as errno says.
int record_lock_open(const char *dir);
bool record_lock_take(int file, int64_t writer);
// The same, but waits for it, for at most `ms`.
bool record_lock_wait(int file, int64_t writer, unsigned ms);
void record_lock_release(int file, int64_t writer);
bool record_lock_is_held(int file, int64_t writer);
