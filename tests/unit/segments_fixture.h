// SPDX-License-Identifier: MIT
// A spool whose batches have one size, in a directory of its own.
#pragma once
#include "spool_fixture.h"

enum {
    ENTRY = 4000, // bytes of a batch's entries
    BATCH = ENTRY + (int)sizeof(struct spool_batch_head),
    FIRST = BATCH + (int)sizeof(struct spool_segment_head), // of a segment
    FILES = 64,
};

struct fixture {
    char dir[64];
    char entries[SPOOL_BATCH_BYTES + 1];
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    CHECK(f);
    make_dir(f->dir);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    remove_all(f->dir);
    free(f);
    return 0;
}

static inline int append(struct fixture *f, struct spool *s)
{
    return append_bytes(s, f->entries, ENTRY);
}

static inline bool has(const struct fixture *f, const struct spool *s, unsigned segment)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "%08u.seg", segment);
    return exists(f->dir, spool_id(s), name);
}

static inline int adopt(const struct fixture *f, const char *id, struct spool **out)
{
    int parent = open_parent(f->dir);
    int error = spool_adopt(parent, id, out);
    (void)close(parent);
    return error;
}

static inline void id_of(const struct spool *s, char id[static SPOOL_ID_MAX])
{
    (void)snprintf(id, SPOOL_ID_MAX, "%s", spool_id(s));
}

static const struct spool_position everything = {UINT32_MAX, UINT64_MAX};
