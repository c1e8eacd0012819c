// SPDX-License-Identifier: MIT
// A spool: the events of one program, in segments (spool_format.h), between the thread that appends
// them and the one that indexes them. A segment's file stays open until it is indexed: nothing is
// lost when its directory is moved or removed meanwhile. Errors are errno values.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "common/record/record.h"
#include "spool_format.h"

struct spool;

enum {
    SPOOL_ID_MAX = 40,                  // bytes of an id, with its NUL
    SPOOL_SEGMENT_BYTES_MAX = 32 << 20, // a segment that has so many is followed by another
    SPOOL_SEGMENT_PART = 8,             // or this part of what the spool may take
    SPOOL_SEALS_MAX = 16,               // beyond so many segments none is begun before its time
};

// Up to which byte a spool is indexed: of a segment, a batch's beginning. {0}: its beginning.
struct spool_position {
    uint32_t segment;
    uint64_t offset;
};

struct spool_config {
    const char *dir, *program; // must outlive the spool
    uint64_t bytes;            // that the segments may take, about; the caller keeps to it
    uint64_t body_bytes;       // spool_segment_head
};

// A spool to append to. Files are made by the first append. NULL: out of memory.
struct spool *spool_new(const struct spool_config *config);
// A spool that another program left, for reading. `parent` is the directory
// DATA/spool, `id` the name in it. Fails with EAGAIN if the program lives.
int spool_adopt(int parent, const char *id, struct spool **out);
// Closes all files, and removes those that are indexed up to `indexed` (NULL: none). Returns
// whether no segment is left of the spool.
bool spool_free(struct spool *s, const struct spool_position *indexed);
// Names the spool in the record; constant.
const char *spool_id(const struct spool *s);
// The facts in the first segment of an adopted spool that has any. Returns 1; 0: none has; -1: one
// cannot be read.
int spool_facts(const struct spool *s, struct spool_segment_head *facts);
// Whether an adopted spool has segments whose form another version of this program knows.
bool spool_is_of_another_form(const struct spool *s);

// One thread. Appends a batch of entries, whose bytes must not change meanwhile. `counters` has
// `shed` and `shed_bytes`. After an error the batch counts as not appended.
int spool_append(struct spool *s, const struct spool_batch_head *counters, const void *entries,
                 size_t len);

// Any thread. The next append begins a segment, unless the last one is empty or there are
// SPOOL_SEALS_MAX. Returns the bytes that were ever appended.
uint64_t spool_seal(struct spool *s);
// Any thread. If the state directory's path leads to another directory now: the next append begins
// a segment there.
void spool_follow(struct spool *s);
// Any thread. The end of what was appended.
struct spool_position spool_end(struct spool *s);
// Any thread. Bytes of the segments that are left, and bytes that were ever appended.
uint64_t spool_bytes(struct spool *s);
uint64_t spool_appended(struct spool *s);
// Any thread. How many bytes had ever been appended before the oldest segment that is left: none of
// these is in a file any more.
uint64_t spool_oldest(struct spool *s);
// Any thread. Bytes behind a position.
uint64_t spool_left(struct spool *s, struct spool_position from);
// Bytes of all spools of a record, about.
uint64_t spool_bytes_of_all(const char *dir);

// Indexing thread. Removes segments that end at or before a position, unless they may grow.
void spool_drop(struct spool *s, struct spool_position indexed);
// Indexing thread. The segment that a position is in, or the next one after it; `*position` becomes
// the place to read. `size` gets the bytes that count. The file is valid until the next call. -1:
// nothing is there to read, or (spool_left tells) the file of an adopted spool cannot be opened.
int spool_locate(struct spool *s, struct spool_position *position, uint64_t *size);

static inline bool spool_is_before(struct spool_position a, struct spool_position b)
{
    return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}
