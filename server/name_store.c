// SPDX-License-Identifier: MIT
#include "name_store.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#include "common/base/log.h"
#include "common/base/private_file.h"
#include "name_lines.h"
#include "name_store_internal.h"

static bool add_line(struct buf *b, const struct route *r)
{
    struct name_line line = {.gone_s = r->gone_s};
    char text[NAME_LINE_MAX];
    line.word = r->agent ? NAME_HERE : r->reserved ? NAME_GONE : NAME_FREE;
    memcpy(line.name, r->name, sizeof(line.name));
    memcpy(line.owner, r->owner, sizeof(line.owner));
    return buf_append(b, text, name_line_write(&line, text));
}

// Appends the whole file. False when out of memory.
static bool add_all(struct name_store *s, struct buf *b)
{
    char first[NAME_LINE_MAX];
    bool ok = buf_append(b, first, name_first_line_write(s->stamp_ns, first));
    s->lines = 0;
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        for (const struct route *r = s->routes->buckets[i]; ok && r; r = r->next)
            if (r->agent || r->reserved) {
                ok = add_line(b, r);
                s->lines++;
            }
    return ok;
}

// Makes sure that we hold the lock of the directory, since two relays there would overwrite each
// other's names. A lock whose file was replaced is taken again: another relay may hold the new one.
// Returns 0 or an errno.
static int ensure_lock(struct name_store *s)
{
    name_store_path_text path;
    struct stat ours;
    struct stat there;
    const char *why = NULL;
    name_store_path(s, ".lock", path);
    if (s->lock >= 0 && !fstat(s->lock, &ours) && !lstat(path, &there) &&
        ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
        return 0;
    int fd = private_open(path, O_RDWR | O_CREAT, &why);
    if (fd < 0)
        return errno;
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        int error = errno;
        (void)close(fd);
        return error;
    }
    if (s->lock >= 0)
        (void)close(s->lock);
    s->lock = fd;
    return 0;
}

// Reads the time of the last write, which the lock has too: reveals an older copy of the file of
// names that was put back.
static void read_stamp(struct name_store *s)
{
    char line[NAME_LINE_MAX];
    ssize_t n = pread(s->lock, line, sizeof(line), 0);
    const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
    if (!end || !name_stamp_parse(slice_of(line, (size_t)(end - line)), &s->stamp_ns))
        s->stamp_ns = 0;
}

// To be called after the write of the file: a file that is newer than its stamp is accepted.
static int write_stamp(const struct name_store *s)
{
    char line[NAME_LINE_MAX];
    return private_write_at(s->lock, line, name_stamp_write(s->stamp_ns, line), 0);
}

// Whether the file is the one that we wrote last. Times cannot tell: a network file system's server
// sets them.
static bool is_unchanged(const struct name_store *s, const struct stat *st)
{
    return st->st_ino == s->last_stat.st_ino && st->st_dev == s->last_stat.st_dev &&
           st->st_size == s->last_stat.st_size;
}

// Appends to the file that we wrote last. Returns 0 or an errno: ESTALE when another file has taken
// its place, perhaps from a backup.
static int append_to_file(struct name_store *s, const char *path)
{
    char first[NAME_LINE_MAX];
    struct stat st;
    const char *why = NULL;
    int fd = private_open(path, O_WRONLY, &why);
    if (fd < 0)
        return errno;
    int error = fstat(fd, &st) ? errno : 0;
    if (!error && !is_unchanged(s, &st))
        error = ESTALE;
    if (!error)
        error = private_write_at(fd, buf_at(&s->writing), buf_len(&s->writing), st.st_size);
    if (!error)
        error = private_write_at(fd, first, name_first_line_write(s->stamp_ns, first), 0);
    if (!error && fstat(fd, &s->last_stat))
        error = errno;
    if (close(fd) && !error)
        error = errno;
    return error;
}

// Runs in a thread of the pool, or on the loop when the relay stops. While `busy`, the loop touches
// none of the members that this uses.
static void write_file(struct name_store *s)
{
    name_store_path_text path;
    name_store_path(s, "", path);
    s->error = ensure_lock(s);
    if (!s->error && s->replacing)
        s->error = private_write(path, buf_at(&s->writing), buf_len(&s->writing), PRIVATE_REPLACE,
                                 &s->last_stat);
    else if (!s->error)
        s->error = append_to_file(s, path);
    if (!s->error)
        s->error = write_stamp(s);
}

static void on_work(uv_work_t *work)
{
    write_file(container_of(work, struct name_store, work));
}

static void clear(struct buf *b)
{
    b->start = b->end = 0;
}

// The file is replaced when it has more lines than this: a new one would have about half as many.
static size_t lines_allowed(const struct name_store *s)
{
    return 2 * s->routes->count + NAME_STORE_SLACK;
}

// Moves the lines to be written to `writing` and sets their stamp. False when out of memory.
static bool prepare_write(struct name_store *s)
{
    s->replacing = s->replace || s->lines > lines_allowed(s);
    s->changed = false;
    int64_t now = wall_clock_ns();
    // Stamps only grow, also when the clock was set back; INT64_MAX can be no stamp of ours.
    bool later = now > s->stamp_ns || s->stamp_ns == INT64_MAX;
    s->stamp_ns = later ? now : s->stamp_ns + 1;
    if (!s->replacing) {
        struct buf empty = s->writing;
        s->writing = s->changes;
        s->changes = empty;
        return true;
    }
    s->replace = false;
    clear(&s->changes);
    return add_all(s, &s->writing);
}

// Takes in a write's result. After a failed write the file is in an unknown state and must be
// replaced.
static void finish_write(struct name_store *s)
{
    bool failing = s->error != 0 && s->error != ESTALE;
    clear(&s->writing);
    s->replace = s->replace || s->error != 0;
    s->changed = s->changed || s->error != 0;
    if (s->error == ESTALE)
        log_warn("names: another program has changed their file in %s: it is written anew", s->dir);
    else if (failing && !s->failing)
        log_warn("names: the names in %s cannot be kept over a restart: %s", s->dir,
                 s->error == EWOULDBLOCK ? "another relay keeps its names there"
                                         : strerror(s->error));
    s->failing = failing;
}

static void on_timer(uv_timer_t *timer);

static void write_in(struct name_store *s, uint64_t ms)
{
    s->soon = ms < NAME_STORE_ALIVE_MS;
    (void)uv_timer_start(&s->timer, on_timer, ms, 0);
}

static void on_written(uv_work_t *work, int status)
{
    struct name_store *s = container_of(work, struct name_store, work);
    (void)status;
    s->busy = false;
    finish_write(s);
    if (s->changed)
        write_in(s, s->failing ? NAME_STORE_RETRY_MS : NAME_STORE_DELAY_MS);
    else if (s->routes->count > 0)
        write_in(s, NAME_STORE_ALIVE_MS); // the stamp alone
}

static void on_timer(uv_timer_t *timer)
{
    struct name_store *s = timer->data;
    s->soon = false;
    s->busy = prepare_write(s) && uv_queue_work(timer->loop, &s->work, on_work, on_written) == 0;
    if (s->busy)
        return;
    s->error = ENOMEM;
    finish_write(s);
    write_in(s, NAME_STORE_RETRY_MS);
}

static void on_changed(void *ctx, const struct route *r)
{
    struct name_store *s = ctx;
    s->changed = true;
    s->lines++;
    // While the disk is stuck, changes must not pile up: then the next write replaces the file.
    if (!s->replace)
        s->replace =
            buf_len(&s->changes) / NAME_LINE_MAX > lines_allowed(s) || !add_line(&s->changes, r);
    if (!s->busy && !s->soon)
        write_in(s, NAME_STORE_DELAY_MS);
}

static bool take_lock(struct name_store *s)
{
    int error = ensure_lock(s);
    if (error == EWOULDBLOCK)
        log_info("names: another relay keeps its own in %s: this relay's names are not kept over a "
                 "restart, unless it has a --data of its own",
                 s->dir);
    else if (error)
        log_warn("names: they are not kept over a restart: %s/" NAME_STORE_FILE ".lock: %s", s->dir,
                 strerror(error));
    return !error;
}

void name_store_open(struct name_store *s, struct routes *routes, const char *dir)
{
    *s = (struct name_store){.lock = -1};
    (void)snprintf(s->dir, sizeof(s->dir), "%s", dir);
    if (!take_lock(s))
        return;
    s->routes = routes;
    read_stamp(s);
    if (!name_store_restore(s)) {
        log_warn("names: they are not kept over a restart: %s", strerror(ENOMEM));
        (void)close(s->lock);
        s->routes = NULL;
        return;
    }
    (void)uv_timer_init(&routes->loop->uv, &s->timer);
    s->timer.data = s;
    // Written soon, so that the next start does not hold the names for a whole gone-time again. A
    // start that fails before the first write has changed nothing.
    s->replace = true;
    if (routes->count > 0)
        write_in(s, NAME_STORE_DELAY_MS);
    routes->changed = on_changed;
    routes->ctx = s;
}

void name_store_close(struct name_store *s)
{
    if (!s->routes)
        return;
    while (s->busy)
        (void)uv_run(s->timer.loop, UV_RUN_ONCE);
    s->routes->changed = NULL;
    if (s->changed) {
        s->error = ENOMEM;
        if (prepare_write(s))
            write_file(s);
        finish_write(s);
    }
    uv_close((uv_handle_t *)&s->timer, NULL);
    buf_free(&s->changes);
    buf_free(&s->writing);
    (void)close(s->lock);
    s->routes = NULL;
}
