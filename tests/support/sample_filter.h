// SPDX-License-Identifier: MIT
// A whole kind of filter in one file: lets requests pass one at a time, and holds the others;
// numbers them for the service, says that number in the response, and writes bodies in capitals.
#pragma once
#include <stdio.h>
#include "common/exchange/filter.h"

struct sample_filter {
    struct filter filter;
    unsigned count; // requests so far
    struct exchange *running;
    struct exchange *next; // is held; NULL: none
};

// Kept for each exchange.
struct sample_note {
    char number[12];
};

static inline struct sample_filter *sample_filter_of(const struct filter *f)
{
    return (struct sample_filter *)(uintptr_t)f;
}

static inline void sample_filter_head(const struct filter *f, struct exchange *x,
                                      enum exchange_side from, struct http_head *head,
                                      const struct body_framing *framing)
{
    struct sample_filter *s = sample_filter_of(f);
    struct sample_note *note = filter_memory(f, x);
    if (from == INBOUND) {
        (void)snprintf(note->number, sizeof(note->number), "%u", ++s->count);
        if (s->running && s->next) {
            exchange_stop(x, ANSWER_TOO_MANY, EXCHANGE_REFUSED);
            return;
        }
    }
    if (!head_add(head, SLICE("X-Number"), slice_str(note->number))) {
        exchange_stop(x, ANSWER_HEAD_TOO_LARGE, EXCHANGE_REFUSED);
    } else if (from == INBOUND && s->running) {
        s->next = x;
        filter_hold(f, x, from, head, framing);
    } else {
        s->running = x;
        filter_pass_head(f, x, from, head, framing);
    }
}

static inline void sample_filter_data(const struct filter *f, struct exchange *x,
                                      enum exchange_side from, struct slice bytes)
{
    char capitals[256];
    if (from == INBOUND) {
        filter_pass_data(f, x, from, bytes);
        return;
    }
    while (bytes.len > 0 && f->ops && sample_filter_of(f)->running == x) {
        size_t len = bytes.len < sizeof(capitals) ? bytes.len : sizeof(capitals);
        for (size_t i = 0; i < len; i++) {
            char c = bytes.p[i];
            capitals[i] = c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
        }
        filter_pass_data(f, x, from, slice_of(capitals, len));
        bytes = slice_of(bytes.p + len, bytes.len - len);
    }
}

static inline void sample_filter_closed(const struct filter *f, struct exchange *x)
{
    struct sample_filter *s = sample_filter_of(f);
    struct exchange *next = s->next;
    if (next == x)
        s->next = NULL;
    if (s->running != x)
        return;
    s->running = s->next = NULL;
    if (!next || next == x)
        return;
    s->running = next;
    filter_go_on(next, INBOUND);
}

static inline void sample_filter_init(struct sample_filter *s)
{
    static const struct filter_ops ops = {.memory = sizeof(struct sample_note),
                                          .head = sample_filter_head,
                                          .data = sample_filter_data,
                                          .closed = sample_filter_closed};
    *s = (struct sample_filter){.filter.ops = &ops};
}
