// SPDX-License-Identifier: MIT
// Shared by the files of the exchange, from the bottom: exchange_count.c (what is counted and
// told), exchange.c (its life), exchange_pass.c (events), filter.c (what stands between),
// outbound.c.
#pragma once
#include "exchange.h"
#include "filter.h"
#include "observers_internal.h"
#include "outbound.h"
#include "proto/buf.h"

// The steps of filter.c, for the files below it.
struct exchange_between {
    // Give an event to the first filter.
    void (*head)(struct exchange *x, enum exchange_side from, struct http_head *head,
                 const struct body_framing *framing);
    void (*data)(struct exchange *x, enum exchange_side from, struct slice bytes);
    void (*finish)(struct exchange *x, enum exchange_side from, const struct http_head *trailers);
    // Keep what follows a head that is held.
    void (*keep_data)(struct exchange *x, enum exchange_side from, struct slice bytes);
    void (*keep_finish)(struct exchange *x, enum exchange_side from,
                        const struct http_head *trailers, const struct http_head *received);
    // Nobody takes what is held any more: a request ends here, as if it had passed, a response is
    // forgotten.
    void (*drop_held)(struct exchange *x);
    // Frees all that filters have of the exchange.
    void (*end)(struct exchange *x);
};

// A head of one direction that a filter holds, and what came behind it.
struct exchange_hold {
    struct exchange *x;
    struct list_link in_outbound; // of a request: among those held for its outbound
    const struct filter *by;
    struct head_copy *head;
    struct body_framing framing;
    struct buf data;
    bool finished;
    struct head_copy *trailers, *received; // NULL: none
    // The texts of the facts, whose owners may go meanwhile.
    char tunnel[64], owner[72], address[64];
};

static inline void exchange_end_stall(struct exchange_direction *d, uint64_t now_ns)
{
    if (d->stalled_since_ns)
        d->stalled_ns += now_ns - d->stalled_since_ns;
    d->stalled_since_ns = 0;
}

// exchange_count.c
// Tells observers, once, that the facts about the exchange's way are final.
void exchange_mark_routed(struct exchange *x);
// Counts body bytes, and tells observers of them.
void exchange_count(struct exchange *x, enum exchange_side from, struct slice bytes);

// exchange.c
// Detaches both endpoints before either gets `closed`; `silent`, which caused this, gets none.
void exchange_close(struct exchange *x, enum exchange_outcome why,
                    const struct exchange_endpoint *silent);
// Tells the inbound that nobody takes the rest of its request. To be called when the response has
// ended and when the outbound has left.
void exchange_notify_unwanted(struct exchange *x);

// exchange_pass.c
// The events of a side whose endpoint may have left, past what is held.
void exchange_send_data(struct exchange *x, enum exchange_side from, struct slice bytes);
void exchange_send_finish(struct exchange *x, enum exchange_side from,
                          const struct http_head *trailers, const struct http_head *received);
// Behind the last filter: gives an event to the other endpoint, if there is one.
void exchange_deliver_head(struct exchange *x, enum exchange_side from, struct http_head *head,
                           const struct body_framing *framing);
void exchange_deliver_data(struct exchange *x, enum exchange_side from, struct slice bytes);
void exchange_deliver_finish(struct exchange *x, enum exchange_side from,
                             const struct http_head *trailers);

// filter.c
// Sets the filters of a new exchange (NULL: none). False: out of memory.
bool filter_begin(struct exchange *x, const struct filter_chain *chain);
