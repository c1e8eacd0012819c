// SPDX-License-Identifier: MIT
// Hand-made events in a list, each in the form of a spool's entry, and spools that have them.
#pragma once
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/record/spool/spool_reader.h"
#include "proto/buf.h"
#include "tests/support/check.h"

enum {
    EVENTS_MAX = 512,
    PATH_BYTES = 256
};

// Entries behind each other. An entry ends where the next one begins, the last one at `bytes`' end.
struct events {
    struct buf bytes;
    size_t at[EVENTS_MAX + 1], count;
};

static inline void add_event(struct events *v, const void *fixed, size_t len, struct slice text)
{
    static const char padding[7];
    const struct spool_entry_head head = {.len = len + text.len};
    CHECK(v->count < EVENTS_MAX);
    CHECK(buf_append(&v->bytes, &head, sizeof(head)) && buf_append(&v->bytes, fixed, len) &&
          buf_append(&v->bytes, text.len ? text.p : "", text.len) &&
          buf_append(&v->bytes, padding, -head.len & 7));
    v->at[++v->count] = buf_len(&v->bytes);
}

static inline struct event event_of(enum event_kind kind, uint32_t slot, unsigned flags)
{
    return (struct event){.slot = slot, .kind = (uint8_t)kind, .flags = (uint16_t)flags};
}

static inline void add_begun(struct events *v, uint32_t slot, struct slice lines)
{
    struct event_begun e = {.event = event_of(EVENT_BEGUN, slot, 0),
                            .began_ns = 1 + (int64_t)v->count,
                            .method_len = 3,
                            .host_len = 1,
                            .target_len = 1,
                            .lines_len = (uint32_t)lines.len};
    struct buf text = {0};
    CHECK(buf_append(&text, "GETh/", 5) && buf_append(&text, lines.p, lines.len));
    add_event(v, &e, sizeof(e), slice_of(buf_at(&text), buf_len(&text)));
    buf_free(&text);
}

// `number` tells the exchanges' ids apart.
static inline void add_routed(struct events *v, uint32_t slot, unsigned number, uint64_t tunnel_id)
{
    struct event_routed e = {
        .event = event_of(EVENT_ROUTED, slot, 0), .tunnel_id = tunnel_id, .tunnel_len = 3};
    char id[EXCHANGE_ID_LEN + 1];
    (void)snprintf(id, sizeof(id), "0123456789ab%04u", number);
    memcpy(e.id, id, sizeof(e.id));
    add_event(v, &e, sizeof(e), slice_str(number % 2 ? "web" : "api"));
}

static inline void add_discarded(struct events *v, uint32_t slot)
{
    const struct event e = event_of(EVENT_DISCARDED, slot, 0);
    add_event(v, &e, sizeof(e), (struct slice){0});
}

static inline void add_head(struct events *v, uint32_t slot, uint16_t status, unsigned flags)
{
    struct event_head e = {
        .event = event_of(EVENT_HEAD, slot, flags), .lines_len = 6, .status = status};
    add_event(v, &e, sizeof(e), SLICE("A: 1\r\n"));
}

static inline void add_data(struct events *v, uint32_t slot, unsigned side, struct slice bytes)
{
    struct event_data e = {.event = event_of(EVENT_DATA, slot, 0),
                           .at_ns = 5 + (int64_t)v->count,
                           .len = (uint32_t)bytes.len};
    e.event.side = (uint8_t)side;
    add_event(v, &e, sizeof(e), bytes);
}

static inline void add_trailers(struct events *v, uint32_t slot, unsigned side)
{
    struct event_trailers e = {.event = event_of(EVENT_TRAILERS, slot, 0), .lines_len = 6};
    e.event.side = (uint8_t)side;
    add_event(v, &e, sizeof(e), SLICE("T: 1\r\n"));
}

static inline void add_facts(struct events *v, enum event_kind kind, uint32_t slot, uint64_t bytes)
{
    struct {
        struct event_facts facts;
        struct event_body body;
    } e = {.facts = {.event = event_of(kind, slot, EVENT_RESPONSE_BODY | EVENT_REQUEST_WHOLE),
                     .status = 200,
                     .sent_on_ns = 1,
                     .connect_ns = 2,
                     .heard_ns = 3,
                     .answered_ns = 4,
                     .duration_ns = 5 + (int64_t)v->count},
           .body = {.bytes = bytes, .first_ns = 6, .last_ns = 7, .digest = "q"}};
    add_event(v, &e, sizeof(e), (struct slice){0});
}

// The peer's report on the exchange with this number.
static inline void add_report(struct events *v, unsigned number, uint64_t tunnel_id)
{
    struct {
        struct event_report report;
        struct event_peer_body body;
    } e = {.report = {.event = event_of(EVENT_REPORTED, 0, EVENT_RESPONSE_BODY),
                      .tunnel_id = tunnel_id,
                      .sent_on_ns = 1,
                      .connect_ns = 2,
                      .answered_ns = 3,
                      .duration_ns = 4 + v->count},
           .body = {.bytes = number, .digest = "p"}};
    char id[EXCHANGE_ID_LEN + 1];
    (void)snprintf(id, sizeof(id), "0123456789ab%04u", number);
    memcpy(e.report.id, id, sizeof(e.report.id));
    add_event(v, &e, sizeof(e), (struct slice){0});
}

static inline void add_small(struct events *v, uint32_t slot, unsigned number)
{
    add_begun(v, slot, SLICE("A: 1\r\n"));
    add_routed(v, slot, number, 0);
    add_head(v, slot, 200, 0);
    add_data(v, slot, 1, SLICE("small"));
    add_facts(v, EVENT_CLOSED, slot, 5);
}

static inline void free_events(struct events *v)
{
    buf_free(&v->bytes);
}

static inline struct events *new_events(void)
{
    struct events *v = calloc(1, sizeof(*v));
    CHECK(v);
    return v;
}

static inline int append_bytes(struct spool *s, const void *entries, size_t len)
{
    const struct spool_batch_head counters = {.shed = 3, .shed_bytes = 50};
    return spool_append(s, &counters, entries, len);
}

// Appends the events [from, to) as one batch.
static inline int append_events(struct spool *s, const struct events *v, size_t from, size_t to)
{
    return append_bytes(s, buf_at(&v->bytes) + v->at[from], v->at[to] - v->at[from]);
}

static inline struct spool *begin_spool(const char *dir, uint64_t bytes)
{
    const struct spool_config config = {.dir = dir, .program = "test", .bytes = bytes};
    struct spool *s = spool_new(&config);
    CHECK(s);
    return s;
}

static inline void make_dir(char dir[static 64])
{
    (void)snprintf(dir, 64, "/tmp/adit-test-XXXXXX");
    CHECK(mkdtemp(dir));
}

static inline int open_parent(const char *dir)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/" SPOOL_PARENT, dir);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline void path_of(char path[static PATH_BYTES], const char *dir, const char *id,
                           const char *name)
{
    (void)snprintf(path, PATH_BYTES, "%s/" SPOOL_PARENT "%s%s%s%s", dir, id[0] ? "/" : "", id,
                   name[0] ? "/" : "", name);
}

static inline bool exists(const char *dir, const char *id, const char *name)
{
    char path[PATH_BYTES];
    path_of(path, dir, id, name);
    return access(path, F_OK) == 0;
}

static inline void write_file(const char *dir, const char *id, const char *name, struct slice bytes)
{
    char path[PATH_BYTES];
    path_of(path, dir, id, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, bytes.p, bytes.len) == (ssize_t)bytes.len && close(fd) == 0);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

// Removes a directory and all that is in it.
static inline void remove_all(const char *dir)
{
    CHECK(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}
