// SPDX-License-Identifier: MIT
// Whose the bytes are that wait in the recorder's queue: once three quarters are full one share
// may not have the rest alone, so that who floods it does not make others' bodies vanish.
#pragma once
#include "queue.h"
#include "recorder.h"

// Bytes that were put into the queue since `mark`, while that waits.
struct queue_share {
    size_t mark, bytes;
};

struct queue_shares {
    uint64_t seed;
    struct queue_share list[RECORDER_SHARES];
};

void queue_shares_init(struct queue_shares *s);
// Of the tunnel's address, or else of its owner. 0: there is neither, and so nobody to share with.
// Nobody knows beside whom somebody comes to be.
uint8_t queue_shares_of(const struct queue_shares *s, const struct exchange *x);
// Whether `len` bytes more may be put into the queue for this share, which then has them.
bool queue_shares_take(struct queue_shares *s, struct queue *q, uint8_t share, size_t len);
