// SPDX-License-Identifier: MIT
// Shared by the files of a spool, from the bottom: spool_files.c (its directory), spool.c.
#pragma once
#include "common/io/loop.h"
#include "spool.h"

struct spool_segment {
    uint32_t number;
    int fd;        // of an adopted spool: -1 unless it is the one located last
    uint64_t size; // bytes that were appended, the head included
};

struct spool {
    struct spool_config config; // of an adopted one: empty
    char id[SPOOL_ID_MAX];
    int64_t began_ns;
    int parent, dir; // DATA/spool and the directory in it; -1: not made yet
    uv_mutex_t lock; // protects the fields below; held while a batch is written
    struct spool_segment segments[SPOOL_SEGMENTS_MAX];
    size_t count;
    uint32_t last;  // the last segment's number
    bool sealed;    // the last segment does not grow any more
    uint64_t bytes; // of all segments
    uint64_t appended;
};

// Makes DATA/spool/ID/ and locks it. Returns 0 or an errno.
int spool_make_dir(struct spool *s);
// Makes the file of a segment. Returns -1, with errno.
int spool_make_segment(const struct spool *s, uint32_t number);
// Opens DATA/spool/ID/ of a program that has ended, and locks it. Returns -1, with errno.
int spool_open_dir(int parent, const char *id);
// Finds the segments of an adopted spool's directory, in their order.
int spool_find_segments(struct spool *s);
// Opens one of them. Returns -1, with errno.
int spool_open_segment(const struct spool *s, uint32_t number);
void spool_remove_segment(const struct spool *s, uint32_t number);
// Removes the directory, if it is empty. Returns whether no segment is left in it.
bool spool_remove_dir(const struct spool *s);
