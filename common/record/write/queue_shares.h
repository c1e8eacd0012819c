// SPDX-License-Identifier: MIT
// Fair shares of the recorder's queue. Beyond three quarters full, a share gets at most 1 in
// RECORDER_SHARE_PART of the queue, so that one flood does not make others' bodies disappear.
#pragma once
#include "queue.h"
#include "recorder.h"

// Bytes queued since `mark`, as long as the queue has not passed it.
struct queue_share {
    size_t mark, bytes;
};

struct queue_shares {
    uint64_t seed;
    struct queue_share list[RECORDER_SHARES];
};

void queue_shares_init(struct queue_shares *s);
// The share of an exchange, by its tunnel's address, or else its owner, with a random seed: nobody
// can choose a victim's share. 0: neither is known; not limited.
uint8_t queue_shares_of(const struct queue_shares *s, const struct exchange *x);
// Takes `len` bytes of the queue for a share. False: it has no room.
bool queue_shares_take(struct queue_shares *s, struct queue *q, uint8_t share, size_t len);
