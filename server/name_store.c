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

#define FILE_NAME "names"

enum {
    NS_PER_S = 1000000000
};

typedef char path_text[STATE_PATH_MAX + 64];

static void path_of(const struct name_store *s, const char *suffix, path_text out)
{
    (void)snprintf(out, sizeof(path_text), "%s/" FILE_NAME "%s", s->dir, suffix);
}

static int64_t now_s(void)
{
    return wall_clock_ns() / NS_PER_S;
}

// The file as it is read.
struct reading {
    struct name_store *store;
    int fd;             // -1: there is none, or it may not be read
    const char *why;    // it is damaged, or NULL
    bool cut;           // its last line has no end
    bool begun;         // the first line was read
    int64_t written_ns; // when it was written last; -1: it does not say
    size_t lines;
    size_t left_out; // names for which there is no room
    size_t held;     // names that are held for their owners
    size_t old;      // and that are not, since the file is old
    size_t len;      // of what is in `text`
    char text[64 << 10];
};

// More lines than this no relay has written, whatever its limits.
static size_t lines_max(const struct routes *routes)
{
    size_t names = routes->loop->limits.tunnels;
    names = names > NAME_STORE_NAMES ? names : NAME_STORE_NAMES;
    return 2 * (2 * names + NAME_STORE_SLACK);
}

static void take(struct reading *f, const struct name_line *line)
{
    struct routes *routes = f->store->routes;
    struct route *r = routes_find(routes, line->name);
    if (line->word == NAME_FREE) {
        if (r)
            routes_forget(r);
        return;
    }
    const struct route_holder holder = {.owner = line->owner}; // from where is not in the file
    bool kept = r && routes_give(r, &holder);
    if (!r && routes->count < routes->loop->limits.tunnels)
        kept = (r = routes_add(routes, line->name, &holder)) != NULL;
    if (!kept) {
        f->left_out++;
        return;
    }
    r->reserved = line->word == NAME_GONE; // until hold_all
    r->gone_s = line->gone_s;
    r->legacy_owner = f->written_ns < 0; // by a relay of before, which kept no time
}

static void take_line(struct reading *f, struct slice text)
{
    struct name_line line;
    if (!f->begun) {
        f->begun = true;
        if (!name_first_line_parse(text, &f->written_ns))
            f->why = "it is damaged, or of another version";
    } else if (text.len > 0 && text.p[0] == 0) {
        f->cut = true; // zeros are what a power failure leaves
    } else if (f->lines++ >= lines_max(f->store->routes)) {
        f->why = "it is longer than one can be";
    } else if (!name_line_parse(text, &line)) {
        f->why = "it is damaged";
    } else {
        take(f, &line);
    }
}

// The lines that have come whole.
static void take_lines(struct reading *f)
{
    size_t at = 0;
    const char *end = NULL;
    while (!f->why && !f->cut && (end = memchr(f->text + at, '\n', f->len - at))) {
        take_line(f, slice_of(f->text + at, (size_t)(end - f->text) - at));
        at = (size_t)(end - f->text) + 1;
    }
    f->len -= at;
    memmove(f->text, f->text + at, f->len);
    if (!f->why && !f->cut && f->len >= NAME_LINE_MAX) {
        f->cut = f->begun && f->text[0] == 0;
        f->why = f->cut ? NULL : "it is damaged";
    }
}

static void read_lines(struct reading *f)
{
    ssize_t n = 1;
    while (n > 0 && !f->why && !f->cut) {
        n = read(f->fd, f->text + f->len, sizeof(f->text) - f->len);
        f->len += n > 0 ? (size_t)n : 0;
        if (n < 0)
            f->why = strerror(errno);
        take_lines(f);
    }
    if (!f->why && !f->begun)
        f->why = "it is damaged, or of another version";
    if (!f->why && f->store->stamp_ns > 0 && f->written_ns < f->store->stamp_ns)
        f->why = "it is an older copy of what was written there last";
    f->cut = !f->why && (f->cut || f->len > 0);
}

static void put_aside(const struct name_store *s, const char *why)
{
    path_text path;
    path_text aside;
    path_of(s, "", path);
    path_of(s, ".damaged", aside);
    int error = private_move(path, aside);
    if (error == EEXIST) {
        char suffix[48];
        (void)snprintf(suffix, sizeof(suffix), ".damaged-%" PRId64, wall_clock_ns() / 1000000);
        path_of(s, suffix, aside);
        error = private_move(path, aside);
    }
    log_warn(
        "names: those of before the restart cannot be read from %s: %s. Their agents get them back "
        "if nobody is faster; the file %s %s",
        path, why, error ? "could not be renamed:" : "was renamed to",
        error ? strerror(error) : strrchr(aside, '/') + 1);
}

// Whether the time of a name's owner is over. Nobody knows when the agents left that were there
// when the file was written last. They had until the relay was back, but not for ever: then it is
// an old copy, whose names are other people's by now.
static bool is_over(const struct reading *f, const struct route *r, int64_t now)
{
    int64_t lasts = (int64_t)(r->table->loop->limits.gone_ms + 999) / 1000;
    int64_t left = r->reserved ? r->gone_s : f->written_ns / NS_PER_S;
    if (!r->reserved && f->written_ns < 0)
        return false;
    return left < now && now - left >= (r->reserved ? lasts : NAME_STORE_OUTAGE_S);
}

// Holds the name for its owner from now on. A time to come counts as now: a clock that was set back
// keeps no name for longer.
static void hold(struct reading *f, struct route *r, int64_t now)
{
    if (is_over(f, r, now)) {
        f->old += r->reserved ? 0 : 1;
        routes_forget(r);
        return;
    }
    f->held++;
    routes_restore_gone(r, r->reserved && r->gone_s < now ? r->gone_s : now, !r->reserved);
}

static void hold_all(struct reading *f)
{
    int64_t now = now_s();
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        for (struct route *r = f->store->routes->buckets[i], *next = NULL; r; r = next) {
            next = r->next;
            hold(f, r, now);
        }
    if (f->held > 0)
        log_info("names: %zu are held for their agents to come back", f->held);
    if (f->old > 0)
        log_warn(
            "names: %zu are not held for their agents: the file of names was last written more "
            "than %d minutes ago",
            f->old, NAME_STORE_OUTAGE_S / 60);
}

static void restore(struct name_store *s, struct reading *f)
{
    path_text path;
    path_of(s, "", path);
    f->store = s;
    f->written_ns = -1;
    f->fd = private_open(path, O_RDONLY, &f->why);
    if (f->fd >= 0) {
        read_lines(f);
        (void)close(f->fd);
    } else if (errno == ENOENT) {
        f->why = NULL;
    }
    if (f->why) {
        routes_forget_all(s->routes);
        put_aside(s, f->why);
    }
    if (f->cut)
        log_warn("names: the end of their file was cut off; those before it are kept");
    if (f->left_out > 0)
        log_warn("names: %zu of before the restart were left out: --limit tunnels is lower now",
                 f->left_out);
    hold_all(f);
    private_sweep(path);
}

static bool add_line(struct buf *b, const struct route *r)
{
    struct name_line line = {.gone_s = r->gone_s};
    char text[NAME_LINE_MAX];
    line.word = r->agent ? NAME_HERE : r->reserved ? NAME_GONE : NAME_FREE;
    memcpy(line.name, r->name, sizeof(line.name));
    memcpy(line.owner, r->owner, sizeof(line.owner));
    return buf_append(b, text, name_line_write(&line, text));
}

// All that there is to keep. False when out of memory.
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

// Of two relays with one directory each would forget the other's names. The lock counts as long as
// its file is in its place: another one there may be locked by somebody else. Returns 0 or an
// errno.
static int hold_lock(struct name_store *s)
{
    path_text path;
    struct stat ours;
    struct stat there;
    const char *why = NULL;
    path_of(s, ".lock", path);
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

// The lock has the time of the last write, too: an older copy that is put into the place of the
// file of names alone is known by that.
static void read_stamp(struct name_store *s)
{
    char line[NAME_LINE_MAX];
    ssize_t n = pread(s->lock, line, sizeof(line), 0);
    const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
    if (!end || !name_stamp_parse(slice_of(line, (size_t)(end - line)), &s->stamp_ns))
        s->stamp_ns = 0;
}

// Behind what it is of: a file that is newer than it says is none the worse.
static int write_stamp(const struct name_store *s)
{
    char line[NAME_LINE_MAX];
    return private_write_at(s->lock, line, name_stamp_write(s->stamp_ns, line), 0);
}

// Whether nothing has come into the place of what we have written. (Times do not tell: those of a
// network's file system are set by its server.)
static bool is_as_we_left_it(const struct name_store *s, const struct stat *st)
{
    return st->st_ino == s->left.st_ino && st->st_dev == s->left.st_dev &&
           st->st_size == s->left.st_size;
}

// Adds to the file that we have written, and to no other, perhaps from a backup: ESTALE.
static int add_to_file(struct name_store *s, const char *path)
{
    char first[NAME_LINE_MAX];
    struct stat st;
    const char *why = NULL;
    int fd = private_open(path, O_WRONLY, &why);
    if (fd < 0)
        return errno;
    int error = fstat(fd, &st) ? errno : 0;
    if (!error && !is_as_we_left_it(s, &st))
        error = ESTALE;
    if (!error)
        error = private_write_at(fd, buf_at(&s->writing), buf_len(&s->writing), st.st_size);
    if (!error)
        error = private_write_at(fd, first, name_first_line_write(s->stamp_ns, first), 0);
    if (!error && fstat(fd, &s->left))
        error = errno;
    if (close(fd) && !error)
        error = errno;
    return error;
}

// In the thread: `writing` and what describes it are not touched by the loop meanwhile.
static void write_file(struct name_store *s)
{
    path_text path;
    path_of(s, "", path);
    s->error = hold_lock(s);
    if (!s->error && s->writes_whole)
        s->error = private_write(path, buf_at(&s->writing), buf_len(&s->writing), PRIVATE_REPLACE,
                                 &s->left);
    else if (!s->error)
        s->error = add_to_file(s, path);
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

// More lines than this are not worth it: all names are fewer.
static size_t most_lines(const struct name_store *s)
{
    return 2 * s->routes->count + NAME_STORE_SLACK;
}

// Before a write: what is to be written, in `writing`. False: out of memory.
static bool take_changes(struct name_store *s)
{
    s->writes_whole = s->whole || s->lines > most_lines(s);
    s->changed = false;
    int64_t now = wall_clock_ns();
    bool later =
        now > s->stamp_ns || s->stamp_ns == INT64_MAX; // which nobody has written in earnest
    s->stamp_ns = later ? now : s->stamp_ns + 1;       // the clock was set back
    if (!s->writes_whole) {
        struct buf empty = s->writing;
        s->writing = s->changes;
        s->changes = empty;
        return true;
    }
    s->whole = false;
    clear(&s->changes);
    return add_all(s, &s->writing);
}

// Behind it. What a failed write has left of the file nobody knows.
static void written(struct name_store *s)
{
    bool failing = s->error != 0 && s->error != ESTALE;
    clear(&s->writing);
    s->whole = s->whole || s->error != 0;
    s->changed = s->changed || s->error != 0;
    if (s->error == ESTALE)
        log_warn("names: something else has changed their file in %s: it is written anew", s->dir);
    else if (failing && !s->failing)
        log_warn("names: those in %s cannot be kept over a restart: %s", s->dir,
                 s->error == EWOULDBLOCK ? "another relay keeps its names there"
                                         : strerror(s->error));
    s->failing = failing;
}

static void on_delay(uv_timer_t *timer);

// Writes after this time; sooner when it was to be later.
static void write_in(struct name_store *s, uint64_t ms)
{
    s->soon = ms < NAME_STORE_ALIVE_MS;
    (void)uv_timer_start(&s->delay, on_delay, ms, 0);
}

static void on_written(uv_work_t *work, int status)
{
    struct name_store *s = container_of(work, struct name_store, work);
    (void)status;
    s->busy = false;
    written(s);
    if (s->changed)
        write_in(s, s->failing ? NAME_STORE_RETRY_MS : NAME_STORE_DELAY_MS);
    else if (s->routes->count > 0)
        write_in(s, NAME_STORE_ALIVE_MS); // the time alone
}

static void on_delay(uv_timer_t *timer)
{
    struct name_store *s = timer->data;
    s->soon = false;
    s->busy = take_changes(s) && uv_queue_work(timer->loop, &s->work, on_work, on_written) == 0;
    if (s->busy)
        return;
    s->error = ENOMEM;
    written(s);
    write_in(s, NAME_STORE_RETRY_MS);
}

static void on_changed(void *ctx, const struct route *r)
{
    struct name_store *s = ctx;
    s->changed = true;
    s->lines++;
    // While the disk is stuck they would become more and more.
    if (!s->whole)
        s->whole =
            buf_len(&s->changes) / NAME_LINE_MAX > most_lines(s) || !add_line(&s->changes, r);
    if (!s->busy && !s->soon)
        write_in(s, NAME_STORE_DELAY_MS);
}

static bool take_lock(struct name_store *s)
{
    int error = hold_lock(s);
    if (error == EWOULDBLOCK)
        log_info("names: another relay keeps its own in %s: those of this one are not kept over a "
                 "restart, unless it has a --data of its own",
                 s->dir);
    else if (error)
        log_warn("names: they are not kept over a restart: %s/" FILE_NAME ".lock: %s", s->dir,
                 strerror(error));
    return !error;
}

void name_store_open(struct name_store *s, struct routes *routes, const char *dir)
{
    *s = (struct name_store){.lock = -1};
    (void)snprintf(s->dir, sizeof(s->dir), "%s", dir);
    struct reading *f = take_lock(s) ? calloc(1, sizeof(*f)) : NULL;
    if (!f)
        return;
    s->routes = routes;
    read_stamp(s);
    (void)uv_timer_init(&routes->loop->uv, &s->delay);
    s->delay.data = s;
    restore(s, f);
    free(f);
    // What was there is held from this start on, also when the next one comes soon. A start that
    // fails has changed nothing, and the next one holds the names for as long.
    s->whole = true;
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
        (void)uv_run(s->delay.loop, UV_RUN_ONCE);
    s->routes->changed = NULL;
    if (s->changed && take_changes(s)) {
        write_file(s);
        written(s);
    }
    uv_close((uv_handle_t *)&s->delay, NULL);
    buf_free(&s->changes);
    buf_free(&s->writing);
    (void)close(s->lock);
    s->routes = NULL;
}
