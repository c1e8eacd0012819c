// SPDX-License-Identifier: MIT
// Readers that ask for a flush (flush.h), on their way from the program's loop to the thread that
// writes rows. It takes a reader when all events that are older than its request have left the
// queue. The mailbox also counts the readers that were taken and wait for FLUSH_WRITTEN, so that
// there are at most FLUSH_WAITERS_MAX of both together.
#pragma once
#include <stdatomic.h>
#include "common/io/loop.h"
#include "common/record/flush.h"
#include "queue.h"

struct flush_mailbox {
    uv_mutex_t lock; // protects the fields up to the next empty line
    struct flush_asked {
        int fd;
        size_t mark; // queue_mark at the time of the request
    } list[FLUSH_WAITERS_MAX];
    size_t count;

    atomic_size_t pending; // readers in the list, and taken ones that wait
};

// False: out of memory. Embedded.
bool flush_mailbox_init(struct flush_mailbox *m);
// Closes the connections that were not taken.
void flush_mailbox_deinit(struct flush_mailbox *m);

// The loop: hands over a reader's connection. False: FLUSH_WAITERS_MAX are pending, and the caller
// still owns `fd`.
bool flush_mailbox_put(struct flush_mailbox *m, int fd, size_t mark);

// The thread that writes: takes the readers whose mark `q` has passed, in the order in which they
// asked. The caller owns them. Returns their number.
size_t flush_mailbox_take(struct flush_mailbox *m, struct queue *q,
                          int fds[static FLUSH_WAITERS_MAX]);
// The thread that writes: `count` of the readers that were taken no longer wait. To be called
// before they are told, so that a reader can ask again at once.
void flush_mailbox_end(struct flush_mailbox *m, size_t count);

// Any thread: the readers that wait.
size_t flush_mailbox_pending(struct flush_mailbox *m);
