// SPDX-License-Identifier: MIT
#include "name_store.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/log.h"

#define FILE_NAME   "names"
#define FIRST_LINE  "adit names 1\n"
#define HASH_DIGITS "0123456789abcdef"

typedef char path_text[STATE_PATH_MAX + 32];

static void path_of(const struct name_store *s, const char *suffix, path_text out)
{
    (void)snprintf(out, sizeof(path_text), "%s/" FILE_NAME "%s", s->dir, suffix);
}

// The file as it is read.
struct reading {
    struct name_store *store;
    const char *why; // it is damaged, or NULL
    bool cut;        // its last line has no end
    size_t left_out; // names for which there is no room
};

// One word of a line, up to a space or the line's end. False: there is none, or it is too long.
static bool take_word(const char **at, char *word, size_t cap)
{
    size_t len = strcspn(*at, " ");
    if (len == 0 || len >= cap)
        return false;
    memcpy(word, *at, len);
    word[len] = 0;
    *at += len + ((*at)[len] == ' ');
    return true;
}

static bool take_name(const char **at, char name[static NAME_MAX_BYTES + 1])
{
    char word[NAME_MAX_BYTES + 1];
    return take_word(at, word, sizeof(word)) && name_normalise(slice_str(word), name) &&
           strcmp(word, name) == 0;
}

// Behind "here" and "gone".
static bool take_owned(struct reading *f, const char *rest, bool is_gone)
{
    struct routes *routes = f->store->routes;
    char name[NAME_MAX_BYTES + 1];
    char owner[ROUTE_OWNER_DIGITS + 1];
    char time[24];
    uint64_t gone = 0;
    if (!take_name(&rest, name) || !take_word(&rest, owner, sizeof(owner)) ||
        strspn(owner, HASH_DIGITS) != ROUTE_OWNER_DIGITS)
        return false;
    if (is_gone && (!take_word(&rest, time, sizeof(time)) ||
                    !slice_to_u64(slice_str(time), &gone) || gone > INT64_MAX))
        return false;
    if (*rest)
        return false;
    const struct route_holder holder = {.owner = owner}; // from where is not in the file
    struct route *r = routes_find(routes, name);
    bool kept = r && routes_give(r, &holder);
    if (!r && routes->count < routes->loop->limits.tunnels)
        kept = (r = routes_add(routes, name, &holder)) != NULL;
    if (!kept) {
        f->left_out++;
        return true;
    }
    r->gone_s = (int64_t)gone;
    return true;
}

static bool take_line(struct reading *f, const char *line)
{
    char name[NAME_MAX_BYTES + 1];
    if (strncmp(line, "here ", 5) == 0 || strncmp(line, "gone ", 5) == 0)
        return take_owned(f, line + 5, line[0] == 'g');
    line += 5;
    if (strncmp(line - 5, "free ", 5) != 0 || !take_name(&line, name) || *line)
        return false;
    struct route *r = routes_find(f->store->routes, name);
    if (r)
        routes_forget(r);
    return true;
}

static void read_lines(struct reading *f, FILE *file)
{
    char line[NAME_STORE_LINE];
    if (!fgets(line, sizeof(line), file) || strcmp(line, FIRST_LINE) != 0) {
        f->why = ferror(file) ? strerror(errno) : "it is damaged, or of another version";
        return;
    }
    while (!f->why && !f->cut && fgets(line, sizeof(line), file)) {
        size_t len = strlen(line);
        bool whole = len > 0 && line[len - 1] == '\n';
        f->cut = len == 0 || (!whole && feof(file)); // zeros are what a power failure leaves
        if (f->cut)
            return;
        f->store->lines++;
        line[len - 1] = 0;
        if (!whole || !take_line(f, line))
            f->why = "it is damaged";
    }
    if (ferror(file))
        f->why = strerror(errno);
}

// The file, or NULL. Neither a pipe nor a link is one, whoever put it there.
static FILE *open_file(struct reading *f)
{
    path_text path;
    struct stat st;
    path_of(f->store, "", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        f->why = errno == ENOENT ? NULL : strerror(errno);
        return NULL;
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        f->why = "it is no regular file";
    else if (st.st_uid != geteuid())
        f->why = "it belongs to another user";
    FILE *file = f->why ? NULL : fdopen(fd, "r");
    if (!file)
        (void)close(fd);
    return file;
}

static void put_aside(const struct name_store *s, const char *why)
{
    path_text path;
    path_text aside;
    path_of(s, "", path);
    path_of(s, ".damaged", aside);
    bool moved = rename(path, aside) == 0;
    log_warn(
        "the names of before the restart cannot be read from %s: %s. Their agents get them back "
        "if nobody is faster; the file %s",
        path, why, moved ? "was renamed to names.damaged" : "could not be renamed");
}

static bool is_over(const struct route *r, int64_t now)
{
    int64_t lasts = (int64_t)(r->table->loop->limits.gone_ms + 999) / 1000;
    return r->gone_s != 0 && r->gone_s <= now && now - r->gone_s >= lasts;
}

// Those whose agents were there when the relay ended have been without one from now on.
static size_t hold_all(struct name_store *s)
{
    int64_t now = wall_clock_ns() / 1000000000;
    size_t held = 0;
    for (size_t i = 0; i < ROUTE_BUCKETS; i++) {
        for (struct route *r = s->routes->buckets[i], *next = NULL; r; r = next) {
            next = r->next;
            bool over = is_over(r, now);
            held += over ? 0 : 1;
            s->whole = s->whole || over; // it is still in the file
            if (over)
                routes_forget(r);
            else
                routes_hold(r, r->gone_s ? r->gone_s : now, r->gone_s == 0);
        }
    }
    return held;
}

static void restore(struct name_store *s)
{
    struct reading f = {.store = s};
    FILE *file = open_file(&f);
    if (file) {
        read_lines(&f, file);
        (void)fclose(file);
    }
    s->whole = !file || f.why || f.cut;
    if (f.why) {
        routes_forget_all(s->routes);
        put_aside(s, f.why);
    }
    if (f.cut)
        log_warn("the end of the file of names was cut off; the names before it are kept");
    if (f.left_out > 0)
        log_warn("%zu names of before the restart were left out: --limit tunnels is lower now",
                 f.left_out);
    size_t held = hold_all(s);
    if (held > 0)
        log_info("%zu names are held for their agents to come back", held);
}

static bool add_line(struct buf *b, const struct route *r)
{
    char line[NAME_STORE_LINE];
    int n = 0;
    if (r->agent)
        n = snprintf(line, sizeof(line), "here %s %s\n", r->name, r->owner);
    else if (r->reserved)
        n = snprintf(line, sizeof(line), "gone %s %s %" PRId64 "\n", r->name, r->owner, r->gone_s);
    else
        n = snprintf(line, sizeof(line), "free %s\n", r->name);
    return buf_append(b, line, (size_t)n);
}

// All that there is to keep. False when out of memory.
static bool add_all(struct name_store *s, struct buf *b)
{
    bool ok = buf_append(b, FIRST_LINE, sizeof(FIRST_LINE) - 1);
    s->lines = 0;
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        for (const struct route *r = s->routes->buckets[i]; ok && r; r = r->next)
            if (r->agent || r->reserved) {
                ok = add_line(b, r);
                s->lines++;
            }
    return ok;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return errno;
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

// In the thread: `writing` and what describes it are not touched by the loop meanwhile.
static void write_file(struct name_store *s)
{
    path_text path;
    path_text temp;
    path_of(s, "", path);
    path_of(s, ".new", temp);
    int flags = s->writes_whole ? O_CREAT | O_TRUNC : O_APPEND;
    int fd = open(s->writes_whole ? temp : path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    s->error = fd < 0 ? errno : write_all(fd, buf_at(&s->writing), buf_len(&s->writing));
    if (fd >= 0 && close(fd) && !s->error)
        s->error = errno;
    if (s->writes_whole && !s->error && rename(temp, path))
        s->error = errno;
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
    clear(&s->writing);
    s->whole = s->whole || s->error != 0;
    s->changed = s->changed || s->error != 0;
    if (s->error && !s->failing)
        log_warn("the names in %s cannot be kept over a restart: %s", s->dir, strerror(s->error));
    s->failing = s->error != 0;
}

static void on_delay(uv_timer_t *timer);

static void on_written(uv_work_t *work, int status)
{
    struct name_store *s = container_of(work, struct name_store, work);
    (void)status;
    s->busy = false;
    written(s);
    if (s->changed)
        (void)uv_timer_start(&s->delay, on_delay,
                             s->failing ? NAME_STORE_RETRY_MS : NAME_STORE_DELAY_MS, 0);
}

static void on_delay(uv_timer_t *timer)
{
    struct name_store *s = timer->data;
    s->busy = take_changes(s) && uv_queue_work(timer->loop, &s->work, on_work, on_written) == 0;
    if (s->busy)
        return;
    s->error = ENOMEM;
    written(s);
    (void)uv_timer_start(&s->delay, on_delay, NAME_STORE_RETRY_MS, 0);
}

static void on_changed(void *ctx, const struct route *r)
{
    struct name_store *s = ctx;
    s->changed = true;
    s->lines++;
    // While the disk is stuck they would become more and more.
    if (!s->whole)
        s->whole =
            buf_len(&s->changes) / NAME_STORE_LINE > most_lines(s) || !add_line(&s->changes, r);
    if (!s->busy && !uv_is_active((uv_handle_t *)&s->delay))
        (void)uv_timer_start(&s->delay, on_delay, NAME_STORE_DELAY_MS, 0);
}

// Two relays with one directory would each forget the other's names.
static bool take_lock(struct name_store *s)
{
    path_text path;
    path_of(s, ".lock", path);
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (s->lock >= 0 && errno == EWOULDBLOCK)
        log_info("another relay keeps its names in %s: those of this one are not kept over a "
                 "restart, unless it has a --data of its own",
                 s->dir);
    else
        log_warn("names are not kept over a restart: %s: %s", path, strerror(errno));
    if (s->lock >= 0)
        (void)close(s->lock);
    return false;
}

void name_store_open(struct name_store *s, struct routes *routes, const char *dir)
{
    *s = (struct name_store){0};
    (void)snprintf(s->dir, sizeof(s->dir), "%s", dir);
    if (!take_lock(s))
        return;
    s->routes = routes;
    (void)uv_timer_init(&routes->loop->uv, &s->delay);
    s->delay.data = s;
    restore(s);
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
    // A start that failed has changed nothing, and the next one holds the names for as long.
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
