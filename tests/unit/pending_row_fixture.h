// SPDX-License-Identifier: MIT
// Pending rows that take hand-made events and are written into a real record.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record/write/pending_row.h"
#include "tests/support/check.h"
#include "tests/support/record_rows.h"

enum {
    LARGE = 100 * 1000,
    MANY = 6000,
};

struct fixture {
    struct record_rows rows;
    struct store_config config;
    struct store_file file;
    struct store *store;
    struct pending_rows pending;
    uint64_t event[LARGE / 8 + 64]; // the event being made
    char large[LARGE];
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    record_rows_init(&f->rows);
    f->config = (struct store_config){.dir = f->rows.dir, .program = "test"};
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_OK);
    pending_rows_init(&f->pending, 0);
    memset(f->large, 'x', sizeof(f->large));
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    pending_rows_deinit(&f->pending);
    store_close(f->store);
    record_rows_deinit(&f->rows);
    free(f);
    return 0;
}

// Applies an event: its fixed part and one text behind it.
static inline void tell(struct fixture *f, const void *fixed, size_t len, struct slice text)
{
    char *out = (char *)f->event;
    CHECK(len + text.len <= sizeof(f->event));
    memcpy(out, fixed, len);
    if (text.len > 0)
        memcpy(out + len, text.p, text.len);
    CHECK(pending_rows_event(&f->pending, out));
}

static inline struct event event_of(enum event_kind kind, unsigned flags)
{
    return (struct event){.kind = (uint8_t)kind, .flags = (uint16_t)flags};
}

static inline void begin(struct fixture *f, uint32_t slot, struct slice lines)
{
    struct event_begun e = {.event = event_of(EVENT_BEGUN, 0),
                            .began_ns = 1,
                            .method_len = 3,
                            .host_len = 1,
                            .target_len = 1,
                            .lines_len = (uint32_t)lines.len};
    char text[LARGE + 8] = "GETh/";
    e.event.slot = slot;
    memcpy(text + 5, lines.p, lines.len);
    tell(f, &e, sizeof(e), slice_of(text, lines.len + 5));
}

static inline void route_as(struct fixture *f, uint32_t slot, uint64_t tunnel_id, const char *id,
                            uint8_t share)
{
    struct event_routed e = {.event = event_of(EVENT_ROUTED, 0),
                             .tunnel_id = tunnel_id,
                             .tunnel_len = 3,
                             .share = share};
    e.event.slot = slot;
    memcpy(e.id, id, sizeof(e.id));
    tell(f, &e, sizeof(e), SLICE("web"));
}

static inline void route(struct fixture *f, uint32_t slot, uint64_t tunnel_id, const char *id)
{
    route_as(f, slot, tunnel_id, id, 0);
}

static inline void end(struct fixture *f, uint32_t slot)
{
    struct event_facts e = {.event = event_of(EVENT_CLOSED, EVENT_REQUEST_WHOLE), .status = 204};
    e.event.slot = slot;
    e.sent_on_ns = e.connect_ns = e.heard_ns = e.answered_ns = -1;
    tell(f, &e, sizeof(e), (struct slice){0});
}

static inline void small(struct fixture *f, uint32_t slot)
{
    begin(f, slot, SLICE("A: 1\r\n"));
    route(f, slot, 0, "0123456789abcdef");
    end(f, slot);
}

static inline void add_head(struct fixture *f, uint16_t status, unsigned flags, struct slice lines)
{
    struct event_head e = {
        .event = event_of(EVENT_HEAD, flags), .lines_len = (uint32_t)lines.len, .status = status};
    tell(f, &e, sizeof(e), lines);
}

static inline void add_data(struct fixture *f, unsigned side, struct slice bytes)
{
    struct event_data e = {
        .event = event_of(EVENT_DATA, 0), .at_ns = 5, .len = (uint32_t)bytes.len};
    e.event.side = (uint8_t)side;
    tell(f, &e, sizeof(e), bytes);
}

static inline void add_trailers(struct fixture *f, unsigned side)
{
    struct event_trailers e = {.event = event_of(EVENT_TRAILERS, EVENT_REDACTED), .lines_len = 6};
    e.event.side = (uint8_t)side;
    tell(f, &e, sizeof(e), SLICE("T: 1\r\n"));
}

static inline void report(struct fixture *f, uint64_t tunnel_id, const char *id)
{
    struct event_report e = {.event = event_of(EVENT_REPORTED, 0), .tunnel_id = tunnel_id};
    memcpy(e.id, id, sizeof(e.id));
    tell(f, &e, sizeof(e), (struct slice){0});
}

// An exchange with all kinds of events, in slot 0.
static inline void full(struct fixture *f, struct slice text)
{
    static const char id[] = "fedcba9876543210";
    struct event_routed routed = {.event = event_of(EVENT_ROUTED, EVENT_HEADS_ONLY),
                                  .tunnel_id = 7,
                                  .visitor_len = 7,
                                  .tunnel_len = 5,
                                  .scheme_len = 5,
                                  .upstream_len = 6,
                                  .replay_len = 4};
    struct {
        struct event_facts end;
        struct event_body passed[2];
    } e = {.end = {.event = event_of(EVENT_CLOSED, 0xffff & ~(unsigned)EVENT_NO_DIGEST &
                                                       ~(unsigned)EVENT_NO_RESPONSE_DIGEST),
                   .status = 500,
                   .outcome = EXCHANGE_RESET,
                   .sent_on_ns = 1,
                   .connect_ns = 2,
                   .heard_ns = 3,
                   .answered_ns = 4,
                   .duration_ns = 5},
           .passed = {{.bytes = 9, .first_ns = 6, .last_ns = 7, .stalled_ns = 8, .digest = "q"},
                      {.bytes = 9, .first_ns = 6, .last_ns = 7, .stalled_ns = 8, .digest = "r"}}};
    begin(f, 0, text);
    memcpy(routed.id, id, sizeof(routed.id));
    tell(f, &routed, sizeof(routed), SLICE("visitorotherhttpsup:123back"));
    report(f, 7, id);
    add_head(f, 103, 0, text);
    add_head(f, 200, EVENT_REDACTED, text);
    add_data(f, 0, text);
    add_data(f, 1, text);
    add_trailers(f, 0);
    add_trailers(f, 1);
    tell(f, &e, sizeof(e), (struct slice){0});
}

static inline void write_all(struct fixture *f, uint64_t now_ms)
{
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    assert_int_equal(pending_rows_write(&f->pending, f->store), SQLITE_OK);
    assert_int_equal(store_commit(f->store), SQLITE_OK);
    pending_rows_committed(&f->pending, now_ms);
}

static inline int64_t number(struct fixture *f, const char *sql)
{
    return record_rows_number(&f->rows, sql);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
