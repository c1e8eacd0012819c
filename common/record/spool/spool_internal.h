// SPDX-License-Identifier: MIT
// Shared by the files of a spool, from the bottom: spool_files.c (its directory), spool.c,
// spool_marks.c.
#pragma once
#include "common/io/loop.h"
#include "spool.h"

enum {
    SPOOL_SEGMENT_NAME_MAX = 16 // bytes of "00000001.seg" and its NUL, with room for ten digits
};

// DATA/spool and a directory in it. A spool has several if its directory was moved or removed
// meanwhile: segments stay in the one in which they were made.
struct spool_dir {
    int parent, dir;
    size_t uses; // segments in it, and the spool
};

struct spool_segment {
    uint32_t number;
    int fd;         // -1: an adopted spool's, which has one of its segments open at a time
    uint64_t size;  // bytes that were appended, the head included
    uint64_t begin; // bytes that were ever appended before
    struct spool_dir *dir;
};

struct spool {
    struct spool_config config; // of an adopted one: empty
    char id[SPOOL_ID_MAX];
    int64_t began_ns;
    uv_mutex_t lock;       // protects the fields below; held while a batch is written
    struct spool_dir *dir; // for the next segment; NULL: not made yet
    struct spool_segment segments[SPOOL_SEGMENTS_MAX];
    size_t count;
    uint32_t last;      // the last segment's number,
    uint64_t last_size; // and its size when it was taken out of the list
    bool sealed;        // the last segment does not grow any more
    bool ends;          // spool_free was called
    uint64_t bytes;     // of all segments
    uint64_t appended;
};

// Makes DATA/spool/ID/ and locks it. Returns 0 or an errno.
int spool_make_dir(struct spool *s);
// Whether DATA/spool/ID is still the spool's directory.
bool spool_is_in_place(const struct spool *s);
// Opens DATA/spool/ID/ of a program that has ended, and locks it. Returns 0 or an errno.
int spool_open_dir(struct spool *s, int parent);
// Finds the segments in an adopted spool's directory, in their order. Returns 0 or an errno.
int spool_find_segments(struct spool *s);
// Closes a directory that is used no more. With `remove` it is removed, if it is empty. Returns
// whether no segment is left in it.
bool spool_release_dir(struct spool *s, struct spool_dir *d, bool remove);

// Opens a segment's file for reading. Returns its descriptor, or -1, with errno.
int spool_open_segment(const struct spool_dir *d, uint32_t number);
// Makes the file of a segment. Returns its descriptor, or -1, with errno.
int spool_make_segment(const struct spool_dir *d, uint32_t number);
void spool_remove_segment(const struct spool_dir *d, uint32_t number);
// Empties a segment and gives it another number. Returns 0 or an errno.
int spool_reuse_segment(const struct spool_segment *segment, uint32_t number);

// Calls `found` for every segment of all spools of a record, until it returns false. `id` and
// `name` are valid until then. Returns whether it was called for all.
typedef bool spool_found(void *ctx, const char *id, const char *name, uint64_t size);
bool spool_each_segment(const char *dir, spool_found *found, void *ctx);
