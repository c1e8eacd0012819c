// SPDX-License-Identifier: MIT
// Which writers of a record live: each holds a lock on the byte of its number in record.lock, and
// loses it however it ends (open file description locks, fcntl(2)).
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Opens the file, making it if it is missing; to be closed by its user. -1: as errno says.
int record_lock_open(const char *dir);
bool record_lock_take(int file, int64_t writer);
bool record_lock_is_held(int file, int64_t writer);
