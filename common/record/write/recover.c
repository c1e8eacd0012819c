// SPDX-License-Identifier: MIT
#include "recover.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>
#include "common/base/private_file.h"
#include "common/record/spool/event_check.h"
#include "common/record/spool/spool_reader.h"
#include "pending_row.h"

enum {
    BATCH_BYTES_MAX = 4 * RECORDER_BATCH_BYTES // while rows cannot be written yet
};

// A spool that is being indexed.
struct recovered {
    const struct record_recovery *r;
    struct store *store;
    struct spool *spool;
    struct spool_reader reader;
    struct pending_rows pending;
    uint64_t counted; // exchanges that the record counts already
    uint64_t all;     // bytes that are to be indexed
};

static bool stops(const struct record_recovery *r)
{
    return r->stops && r->stops(r->ctx);
}

static int restore(void *ctx, const struct record_exchange *x, uint32_t slot)
{
    struct recovered *d = ctx;
    if (slot >= SPOOL_SLOTS_MAX)
        return SQLITE_OK;
    return pending_rows_restore(&d->pending, x, slot) ? SQLITE_OK : SQLITE_NOMEM;
}

// `*more`: the spool goes on. A row that cannot be written yet is waited for: a recovery that ends
// behind the stored position must not leave it out.
static int take_events(struct recovered *d, bool *more)
{
    const struct event *event = NULL;
    int left = 1;
    for (size_t bytes = 0; left > 0 && (bytes < RECORDER_BATCH_BYTES ||
                                        (d->pending.unrouted > 0 && bytes < BATCH_BYTES_MAX));
         bytes += d->reader.len) {
        left = spool_reader_batch(&d->reader);
        while (left > 0 && (event = spool_reader_event(&d->reader)))
            (void)pending_rows_event(&d->pending, event);
    }
    *more = left > 0;
    return left < 0 ? SQLITE_NOMEM : SQLITE_OK;
}

static int write_in_transaction(struct recovered *d)
{
    int error = pending_rows_write(&d->pending, d->store);
    if (!error)
        error = store_add_counts(d->store, d->pending.begun - d->counted, d->reader.shed,
                                 d->reader.shed_bytes);
    return error ? error : store_indexed(d->store, d->reader.at);
}

static int write_rows(struct recovered *d)
{
    int error = store_begin(d->store);
    if (error)
        return error;
    error = write_in_transaction(d);
    if (!error)
        error = store_commit(d->store);
    if (error) {
        store_rollback(d->store);
        return error;
    }
    d->counted = d->pending.begun;
    pending_rows_committed(&d->pending, 0);
    spool_drop(d->spool, d->reader.at);
    return SQLITE_OK;
}

static void tell_progress(const struct recovered *d)
{
    uint64_t left = spool_left(d->spool, d->reader.at);
    if (d->r->progress && d->all > 0)
        d->r->progress(d->r->ctx,
                       (unsigned)((d->all - (left < d->all ? left : d->all)) * 100 / d->all));
}

static int index_all(struct recovered *d)
{
    bool more = true;
    int error = store_each_running(d->store, restore, d);
    while (!error && more) {
        if (stops(d->r))
            return SQLITE_INTERRUPT;
        error = take_events(d, &more);
        if (!error)
            error = write_rows(d);
        tell_progress(d);
    }
    return error;
}

static int index_spool(const char *dir, struct spool *spool, const struct spool_segment_head *facts,
                       const struct record_recovery *r)
{
    struct spool_position at;
    struct recovered *d = calloc(1, sizeof(*d));
    const struct store_config config = {
        .dir = dir, .program = facts->program, .spool = spool_id(spool)};
    int error = d ? store_open_after(&config, facts, &d->store, &at) : SQLITE_NOMEM;
    if (error) {
        free(d);
        spool_free(spool, NULL);
        return error;
    }
    d->r = r;
    d->spool = spool;
    d->all = spool_left(spool, at);
    spool_reader_init(&d->reader, spool, at);
    pending_rows_init(&d->pending, facts->body_bytes);
    error = index_all(d);
    pending_rows_deinit(&d->pending);
    spool_reader_deinit(&d->reader);
    // The files go first: a row without files is harmless, files without a row would be indexed
    // again.
    if (!spool_free(spool, error ? NULL : &d->reader.at))
        store_keep_spool(d->store);
    store_close(d->store);
    free(d);
    return error;
}

static int recover_one(const char *dir, int parent, const char *id, const struct record_recovery *r)
{
    struct spool *spool = NULL;
    struct spool_segment_head facts;
    const struct spool_position all = {UINT32_MAX, UINT64_MAX};
    int error = spool_adopt(parent, id, &spool);
    if (error == EAGAIN || error == ENOENT) // it lives, or is gone by now
        return SQLITE_OK;
    if (error == ENOTDIR || error == ENAMETOOLONG) // no spool
        return SQLITE_OK;
    if (error)
        return error == ENOMEM ? SQLITE_NOMEM : error == EPERM ? SQLITE_PERM : SQLITE_CANTOPEN;
    if (spool_facts(spool, &facts))
        return index_spool(dir, spool, &facts, r);
    if (spool_is_of_another_form(spool)) {
        (void)spool_free(spool, NULL);
        return SQLITE_MISMATCH;
    }
    (void)spool_free(spool, &all); // nothing was ever written to it
    return SQLITE_OK;
}

static int recover_each(const char *dir, int parent, const struct record_recovery *r)
{
    int copy = dup(parent);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry = NULL;
    int error = SQLITE_OK;
    if (!list) {
        if (copy >= 0)
            (void)close(copy);
        return SQLITE_CANTOPEN;
    }
    while ((entry = readdir(list))) {
        if (entry->d_name[0] == '.')
            continue;
        int failed = recover_one(dir, parent, entry->d_name, r);
        error = failed ? failed : error;
        if (failed == SQLITE_INTERRUPT)
            break;
    }
    (void)closedir(list);
    return error;
}

// One process at a time recovers.
static int lock(int parent, const struct record_recovery *r)
{
    const struct timespec pause = {.tv_nsec = RECOVER_POLL_MS * 1000000L};
    while (flock(parent, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return SQLITE_IOERR;
        if (stops(r))
            return SQLITE_INTERRUPT;
        (void)nanosleep(&pause, NULL);
    }
    return SQLITE_OK;
}

int record_recover(const char *dir, const struct record_recovery *r)
{
    char path[STATE_PATH_MAX + sizeof("/" SPOOL_PARENT)];
    (void)snprintf(path, sizeof(path), "%s/" SPOOL_PARENT, dir);
    int parent = private_open_dir(AT_FDCWD, path, false);
    if (parent < 0)
        return errno == ENOENT || errno == ENOTDIR ? SQLITE_OK
               : errno == EPERM                    ? SQLITE_PERM
                                                   : SQLITE_CANTOPEN;
    int error = lock(parent, r);
    if (!error)
        error = recover_each(dir, parent, r);
    (void)close(parent);
    return error;
}
