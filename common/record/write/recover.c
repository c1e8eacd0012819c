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
#include "common/base/private_owner.h"
#include "common/record/spool/event_check.h"
#include "common/record/spool/spool_marks.h"
#include "indexer.h"

enum {
    LOCK_MS_MAX = 60000 // another process that recovers is waited for no longer
};

// A spool that is being indexed.
struct recovered {
    const struct record_recovery *r;
    struct indexer indexer;
    uint64_t counted; // exchanges that the record counts already
    uint64_t all;     // bytes that are to be indexed
};

static bool stops(const struct record_recovery *r)
{
    return r->stops && r->stops(r->ctx);
}

// A slot beyond the bound is another program's work.
static int restore(void *ctx, const struct record_exchange *x)
{
    struct recovered *d = ctx;
    if (x->outcome.len == 0 && x->slot >= SPOOL_SLOTS_MAX)
        return SQLITE_OK;
    bool done = pending_rows_restore(&d->indexer.pending, x, uv_hrtime() / 1000000);
    return done ? SQLITE_OK : SQLITE_NOMEM;
}

static int count(void *ctx, struct store *store)
{
    const struct recovered *d = ctx;
    const struct indexer *ix = &d->indexer;
    return store_add_counts(store, ix->pending.begun - d->counted,
                            ix->reader.shed + ix->pending.lost, ix->reader.shed_bytes);
}

static void tell_progress(const struct recovered *d)
{
    uint64_t left = spool_left(d->indexer.spool, d->indexer.indexed);
    uint64_t done = left < d->all ? d->all - left : 0;
    if (d->r->progress && d->all > 0)
        d->r->progress(d->r->ctx, (unsigned)(done * 100 / d->all));
}

static int index_all(struct recovered *d)
{
    bool more = true;
    int error = store_each_open(d->indexer.store, restore, d);
    while (!error && more) {
        if (stops(d->r))
            return SQLITE_INTERRUPT;
        error = indexer_take(&d->indexer, uv_hrtime() / 1000000, &more);
        if (!error && (!more || !indexer_must_wait(&d->indexer)))
            error = indexer_write(&d->indexer, count, d);
        d->counted = error ? d->counted : d->indexer.pending.begun;
        tell_progress(d);
    }
    return !error && spool_left(d->indexer.spool, d->indexer.reader.at) > 0 ? SQLITE_CANTOPEN
                                                                            : error;
}

// A spool that the record does not know, and whose segments have no valid head: what they have, if
// anything, is lost.
static void give_up(struct spool *spool, const struct record_recovery *r)
{
    const struct spool_position everything = {UINT32_MAX, UINT64_MAX};
    if (spool_bytes(spool) > 0 && r->broken)
        r->broken(r->ctx);
    (void)spool_free(spool, &everything);
}

// `facts`: NULL: no segment has any.
static int index_spool(const char *dir, struct spool *spool, const struct spool_segment_head *facts,
                       const struct record_recovery *r)
{
    struct spool_position at;
    struct store *store = NULL;
    struct recovered *d = calloc(1, sizeof(*d));
    const struct store_config config = {
        .dir = dir, .program = facts ? facts->program : "", .spool = spool_id(spool)};
    int error = d ? store_open_after(&config, facts, &store, &at) : SQLITE_NOMEM;
    if (error) {
        free(d);
        if (error == SQLITE_NOTFOUND)
            give_up(spool, r);
        else
            (void)spool_free(spool, NULL);
        return error == SQLITE_NOTFOUND ? SQLITE_OK : error;
    }
    d->r = r;
    d->all = spool_left(spool, at);
    indexer_init(&d->indexer, spool, at, facts ? facts->body_bytes : 0);
    d->indexer.store = store;
    error = index_all(d);
    if (d->indexer.breaks > 0 && r->broken)
        r->broken(r->ctx);
    at = d->indexer.indexed;
    indexer_deinit(&d->indexer);
    indexer_close(store, spool, error ? NULL : &at);
    free(d);
    return error;
}

// Files of the record are found by their paths, which the owner of the spool can let lead elsewhere
// at any time.
static int index_as_owner(const char *dir, int parent, struct spool *spool,
                          const struct spool_segment_head *facts, const struct record_recovery *r)
{
    struct private_self self = {0};
    if (r->as_owner && !private_become_owner(parent, &self)) {
        (void)spool_free(spool, NULL);
        return SQLITE_PERM;
    }
    int error = index_spool(dir, spool, facts, r);
    return private_become_self(&self) ? error : SQLITE_PERM;
}

static int recover_one(const char *dir, int parent, const char *id, const struct record_recovery *r)
{
    struct spool *spool = NULL;
    struct spool_segment_head facts;
    int error = spool_adopt(parent, id, &spool);
    if (error == EAGAIN || error == ENOENT) // it lives, or is gone by now
        return SQLITE_OK;
    if (error == ENOTDIR || error == ENAMETOOLONG) // no spool
        return SQLITE_OK;
    if (error)
        return error == ENOMEM ? SQLITE_NOMEM : error == EPERM ? SQLITE_PERM : SQLITE_CANTOPEN;
    int found = spool_facts(spool, &facts);
    if (found < 0)
        error = SQLITE_CANTOPEN;
    else if (found == 0 && spool_is_of_another_form(spool))
        error = SQLITE_MISMATCH;
    if (!error)
        return index_as_owner(dir, parent, spool, found > 0 ? &facts : NULL, r);
    (void)spool_free(spool, NULL);
    return error;
}

static int recover_each(const char *dir, int parent, const struct record_recovery *r)
{
    int copy = fcntl(parent, F_DUPFD_CLOEXEC, 0);
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

// Waits for the process that has the lock, as long as bytes go that were in spools when it began:
// what programs append meanwhile is no sign of it.
static int wait_for_lock(int parent, const char *dir, const struct record_recovery *r,
                         const struct spool_marks *before)
{
    const struct timespec pause = {.tv_nsec = RECOVER_POLL_MS * 1000000L};
    uint64_t left = spool_marks_left(before, dir);
    unsigned still_ms = 0;
    for (unsigned ms = 0; flock(parent, LOCK_EX | LOCK_NB); ms += RECOVER_POLL_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return SQLITE_IOERR;
        if (still_ms >= RECOVER_STANDSTILL_MS || ms >= LOCK_MS_MAX)
            return SQLITE_BUSY;
        if (stops(r))
            return SQLITE_INTERRUPT;
        (void)nanosleep(&pause, NULL);
        uint64_t now = spool_marks_left(before, dir);
        still_ms = now < left ? 0 : still_ms + RECOVER_POLL_MS;
        left = now;
    }
    return SQLITE_OK;
}

// One process at a time recovers.
static int lock(int parent, const char *dir, const struct record_recovery *r)
{
    struct spool_marks before = {0};
    if (!flock(parent, LOCK_EX | LOCK_NB))
        return SQLITE_OK;
    if (errno != EWOULDBLOCK && errno != EINTR)
        return SQLITE_IOERR;
    if (!r->waits)
        return SQLITE_BUSY;
    (void)spool_marks_take(&before, dir); // without memory for all, some tell
    int error = wait_for_lock(parent, dir, r, &before);
    spool_marks_deinit(&before);
    return error;
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
    int error = lock(parent, dir, r);
    if (!error)
        error = recover_each(dir, parent, r);
    (void)close(parent);
    return error;
}
