// SPDX-License-Identifier: MIT
// Exchanges between two endpoints that a test plays, through a real recorder into a real record.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/record/read/reader.h"
#include "common/record/write/recorder.h"
#include "proto/http/http1.h"
#include "tests/support/chance.h"
#include "tests/support/check.h"
#include "tests/support/record_rows.h"

enum {
    BODY = 200 * 1000,
    PATIENCE_MS = 120 * 1000
};

struct fixture {
    struct record_rows rows; // its directory, and a connection once there is a record
    struct loop loop;
    struct recorder_config config;
    struct recorder *recorder;
    struct record_reader *reader;
    struct record_exchange x; // the one read last
};

static uint8_t body[BODY];

static inline void on_head(struct exchange_endpoint *e, const struct http_head *head,
                           const struct body_framing *framing)
{
    (void)e;
    (void)head;
    (void)framing;
}

static inline void on_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    (void)bytes;
    exchange_credit(e, len);
}

static inline void on_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    (void)e;
    (void)trailers;
}

static inline void on_unwanted(struct exchange_endpoint *e)
{
    exchange_abandon(e);
}

static inline void on_credit(struct exchange_endpoint *e, size_t len)
{
    (void)e;
    (void)len;
}

static inline void on_closed(struct exchange_endpoint *e, const struct exchange *x,
                             enum exchange_outcome why)
{
    (void)x;
    (void)e;
    (void)why;
}

static const struct exchange_ops ops = {
    .head = on_head,
    .data = on_data,
    .finish = on_finish,
    .unwanted = on_unwanted,
    .credit = on_credit,
    .closed = on_closed,
};

struct ends {
    struct exchange_endpoint visitor, service;
    struct exchange *x;
    uint64_t number;
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->rows.dir, sizeof(f->rows.dir), "/tmp/adit-test-XXXXXX");
    assert_non_null(mkdtemp(f->rows.dir));
    assert_int_equal(loop_init(&f->loop), 0);
    f->loop.limits = limits_default;
    f->config = (struct recorder_config){.dir = f->rows.dir, .program = "test"};
    pattern_write(body, sizeof(body), 1, 0);
    *state = f;
    return 0;
}

static inline void record(struct fixture *f)
{
    f->recorder = recorder_new(&f->loop, &f->config);
    assert_non_null(f->recorder);
}

static inline void open_rows(struct fixture *f)
{
    char path[STATE_PATH_MAX + 16];
    record_path(f->rows.dir, path);
    if (!f->rows.db)
        CHECK(sqlite3_open(path, &f->rows.db) == SQLITE_OK);
}

// Stops the recorder and opens its record.
static inline void stop(struct fixture *f)
{
    char why[RECORD_WHY_MAX] = "";
    recorder_free(f->recorder);
    f->recorder = NULL;
    loop_run_once(&f->loop);
    open_rows(f);
    f->reader = record_reader_open(f->rows.dir, why);
    check_context("%s", why);
    CHECK(f->reader);
    check_context("%s", "");
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    record_reader_close(f->reader);
    recorder_free(f->recorder);
    loop_run_once(&f->loop);
    loop_deinit(&f->loop);
    record_rows_deinit(&f->rows);
    free(f);
    return 0;
}

static inline const struct record_exchange *row(struct fixture *f, int64_t seq)
{
    assert_int_equal(record_reader_get(f->reader, seq, &f->x), 1);
    return &f->x;
}

static inline int64_t number(struct fixture *f, const char *sql)
{
    return record_rows_number(&f->rows, sql);
}

static inline bool is(struct slice got, const char *expected)
{
    return slice_eq(got, slice_str(expected));
}

static inline struct http_head request_head(void)
{
    struct http_head head;
    head_init(&head);
    head.method = SLICE("POST");
    head.scheme = SLICE("http");
    head.authority = SLICE("web.example");
    head.target = SLICE("/path?query");
    return head;
}

static inline struct http_head response_head(uint16_t status)
{
    struct http_head head;
    head_init(&head);
    head.status = status;
    head.reason = http1_reason(status);
    return head;
}

// Begins an exchange without attaching an origin.
static inline void begin(struct fixture *f, struct ends *e, const struct http_head *head)
{
    static struct exchange_ids ids;
    *e = (struct ends){.visitor.ops = &ops, .service.ops = &ops};
    e->x = exchange_new(&e->visitor, head, recorder_observer(f->recorder));
    CHECK(e->x);
    exchange_id_next(&ids, 1700000000000, e->x->facts.id);
    e->x->facts.tunnel = "web";
}

static inline void send_on(struct ends *e, struct http_head *head, struct body_framing framing)
{
    exchange_attach(e->x, &e->service);
    exchange_head(&e->visitor, head, &framing);
}

static inline void ask(struct fixture *f, struct ends *e)
{
    struct http_head head = request_head();
    begin(f, e, &head);
    send_on(e, &head, (struct body_framing){BODY_CHUNKED, 0});
}

static inline void send_body(struct exchange_endpoint *from, size_t len)
{
    for (size_t at = 0; at < len; at += 50000)
        exchange_data(from, (const char *)body + at, len - at < 50000 ? len - at : 50000);
}

static inline void answer(struct ends *e, uint16_t status)
{
    struct http_head head = response_head(status);
    const struct body_framing framing = {status == 101 ? BODY_TUNNEL : BODY_CHUNKED, 0};
    exchange_head(&e->service, &head, &framing);
}

static inline void small_exchange(struct fixture *f)
{
    struct ends e;
    ask(f, &e);
    exchange_finish(&e.visitor, NULL);
    answer(&e, 200);
    exchange_finish(&e.service, NULL);
    CHECK(!e.visitor.x && !e.service.x);
}

static inline void wait_until(struct fixture *f, const char *sql)
{
    char path[STATE_PATH_MAX + 16];
    record_path(f->rows.dir, path);
    for (int ms = 0; access(path, F_OK); ms += 5, uv_sleep(5))
        CHECK(ms < PATIENCE_MS);
    open_rows(f);
    for (int ms = 0;; ms += 5, uv_sleep(5)) {
        sqlite3_stmt *s = NULL;
        check_context("%s", sql);
        bool holds = sqlite3_prepare_v2(f->rows.db, sql, -1, &s, NULL) == SQLITE_OK &&
                     sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0);
        (void)sqlite3_finalize(s);
        if (holds)
            break;
        CHECK(ms < PATIENCE_MS);
        loop_run_once(&f->loop);
    }
    check_context("%s", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
