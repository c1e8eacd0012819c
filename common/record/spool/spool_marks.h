// SPDX-License-Identifier: MIT
// The bytes that all spools of a record have at one moment, and how many of these are still there:
// whether a program has removed what it had then, and whether one that recovers gets on.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool_mark;

// Zero-initialised.
struct spool_marks {
    struct spool_mark *list;
    size_t count, room;
};

// Marks the segments of all spools of the record in `dir`, once. Without such a directory there are
// none. False: out of memory; some are not marked.
bool spool_marks_take(struct spool_marks *m, const char *dir);
// The marked bytes that are still in files. Never grows.
uint64_t spool_marks_left(const struct spool_marks *m, const char *dir);
void spool_marks_deinit(struct spool_marks *m);
