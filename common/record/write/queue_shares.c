// SPDX-License-Identifier: MIT
#include "queue_shares.h"
#include <sys/random.h>
#include "common/base/clock.h"
#include "proto/hash.h"

void queue_shares_init(struct queue_shares *s)
{
    *s = (struct queue_shares){0};
    if (getrandom(&s->seed, sizeof(s->seed), 0) != sizeof(s->seed))
        s->seed = clock_ns();
}

uint8_t queue_shares_of(const struct queue_shares *s, const struct exchange *x)
{
    const char *key = x->facts.tunnel_address[0] ? x->facts.tunnel_address : x->facts.owner;
    if (!key[0])
        return 0;
    return (uint8_t)(1 + hash_bytes(slice_str(key), s->seed) % (RECORDER_SHARES - 1));
}

bool queue_shares_take(struct queue_shares *s, struct queue *q, uint8_t share, size_t len)
{
    struct queue_share *own = &s->list[share];
    const size_t all = (size_t)QUEUE_BLOCK_BYTES * QUEUE_BLOCKS;
    const size_t shared = all / 4 * 3;
    if (share == 0)
        return true;
    if (own->bytes > 0 && queue_has_passed(q, own->mark))
        own->bytes = 0;
    if (own->bytes + len > all / RECORDER_SHARE_PART && queue_used(q) > shared)
        return false;
    if (own->bytes == 0)
        own->mark = queue_mark(q) + len;
    own->bytes += len;
    return true;
}
