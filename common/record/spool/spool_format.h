// SPDX-License-Identifier: MIT
// The files of a spool (docs/record.md, "The spool"). A program that records appends the events of
// its exchanges to segments, in the directory DATA/spool/ID/, whose files are numbered from 1 on
// (00000001.seg). A segment is a struct spool_segment_head and batches; a batch is a struct
// spool_batch_head and entries; an entry is a struct spool_entry_head and an event (event.h),
// padded with up to 7 bytes to a multiple of 8. All numbers are in the byte order of the machine.
#pragma once
#include <stdint.h>

enum {
    SPOOL_BATCH_MAGIC = 0x68637462, // "btch", little-endian
    SPOOL_BATCH_BYTES = 256 << 10,  // of a batch's entries, at most
    SPOOL_EVENT_BYTES = 128 << 10,  // of an event, at most
    SPOOL_PROGRAM_BYTES = 32,
    SPOOL_SEGMENTS_MAX = 1024, // segments of one spool
};

#define SPOOL_SEGMENT_MAGIC "aditspl1"
#define SPOOL_PARENT        "spool" // in the state directory

struct spool_segment_head {
    char magic[8]; // SPOOL_SEGMENT_MAGIC, without the NUL
    uint32_t number, pid;
    uint64_t before;     // bytes of the segment with the number before, when this one was begun
    int64_t began_ns;    // when the program began, wall clock
    uint64_t body_bytes; // of an exchange's WebSocket messages that are recorded; 0: no limit
    char program[SPOOL_PROGRAM_BYTES], version[SPOOL_PROGRAM_BYTES]; // with their NULs
};

struct spool_batch_head {
    uint32_t magic;
    uint32_t len;              // of the entries behind the head
    uint64_t shed, shed_bytes; // the program's counters (table writer) when the batch was written
    uint64_t hash;             // spool_batch_hash
};

struct spool_entry_head {
    uint64_t len; // of the event, without its padding
};

// XXH3-64 of the entries; its seed is the XXH3-64 (seed 0) of the head's fields before `hash`. The
// death of a program can cut a batch, that of a machine leave zeros or old bytes: a batch counts
// only if its hash is right.
uint64_t spool_batch_hash(const struct spool_batch_head *head, const void *entries);
