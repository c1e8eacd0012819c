// SPDX-License-Identifier: MIT
// Filters stand in a chain between the inbound and the outbound of an exchange. Each event of
// either direction goes through the chain on its way: a filter passes it on, changed or not,
// answers the request itself, or holds the direction and goes on later. Observers, which change
// nothing, see requests and all bodies before the filters, heads of responses behind them
// (exchange.h). Answers of our own pass no filter.
#pragma once
#include "exchange.h"

struct filter;

// A function may be NULL: the event passes unchanged. It ends in one of three ways: it passes the
// event on by filter_pass_…; ends the exchange by exchange_stop; or holds it by filter_hold. What
// it passes on needs to live until the call returns; each of the three may free the exchange.
// `from` is the side of the sender.
struct filter_ops {
    size_t memory; // bytes that the filter has for each exchange (filter_memory)
    // An interim response has a head alone; more heads follow.
    void (*head)(const struct filter *f, struct exchange *x, enum exchange_side from,
                 struct http_head *head, const struct body_framing *framing);
    // A filter that changes the length of a body grants or withholds the credit for the difference.
    void (*data)(const struct filter *f, struct exchange *x, enum exchange_side from,
                 struct slice bytes);
    void (*finish)(const struct filter *f, struct exchange *x, enum exchange_side from,
                   const struct http_head *trailers);
    // The exchange ends: frees what the filter's memory refers to.
    void (*closed)(const struct filter *f, struct exchange *x);
};

// Embedded in what configures it; outlives the exchanges.
struct filter {
    const struct filter_ops *ops;
    const struct filter *next[2]; // behind this one, by the side of the sender; NULL: none
    size_t memory_at;             // of its memory, within that of the chain
};

// Zero at first. The same for all exchanges; it does not change while there are any.
struct filter_chain {
    const struct filter *first[2]; // by the side of the sender
    struct filter *last;           // the one nearest to the outbound
    size_t memory;                 // of all filters
};

// Appends a filter: the one nearest to the outbound so far.
void filter_chain_add(struct filter_chain *c, struct filter *f);

// The filter's memory for this exchange, zero at first, aligned for any type.
void *filter_memory(const struct filter *f, const struct exchange *x);

// Passes an event on to what follows the filter.
void filter_pass_head(const struct filter *f, struct exchange *x, enum exchange_side from,
                      struct http_head *head, const struct body_framing *framing);
void filter_pass_data(const struct filter *f, struct exchange *x, enum exchange_side from,
                      struct slice bytes);
void filter_pass_finish(const struct filter *f, struct exchange *x, enum exchange_side from,
                        const struct http_head *trailers);

// Holds a direction at its head, of which the exchange keeps a copy: nothing more of the direction
// passes any filter until filter_go_on, which passes the head on from behind this filter, and then
// what has come. The sender's credit bounds what waits. Interim responses cannot be held. Out of
// memory the exchange is stopped.
void filter_hold(const struct filter *f, struct exchange *x, enum exchange_side from,
                 const struct http_head *head, const struct body_framing *framing);
// Does nothing when the direction is not held.
void filter_go_on(struct exchange *x, enum exchange_side from);
