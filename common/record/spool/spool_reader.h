// SPDX-License-Identifier: MIT
// Reads the events of a spool, in their order, from a position on. What is damaged or missing is
// left out: a damaged batch to the end of its segment.
#pragma once
#include "event.h"
#include "spool.h"

struct spool_reader {
    struct spool *spool;
    struct spool_position at;  // behind the batch that is being read
    char *batch;               // its entries; NULL: none was read yet
    size_t len, next;          // their bytes, and the place of the next entry among these
    uint64_t shed, shed_bytes; // the counters of the last batch
    uint64_t breaks; // how often events were left out: what follows may be of other exchanges
};

// Begins at a position.
void spool_reader_init(struct spool_reader *r, struct spool *s, struct spool_position at);
void spool_reader_deinit(struct spool_reader *r);
// Frees the memory for a batch, between two batches.
void spool_reader_shrink(struct spool_reader *r);

// Reads the next batch. Returns 1, 0 at the spool's end, or -1 with errno (ENOMEM, EIO): the next
// call tries again.
int spool_reader_batch(struct spool_reader *r);
// The next event of the batch; valid until the next batch is read. NULL: the batch is over.
const struct event *spool_reader_event(struct spool_reader *r);
