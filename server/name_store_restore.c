// SPDX-License-Identifier: MIT
// Reads the file of names when the relay starts. The file may have been cut by a power failure,
// come from a backup or from elsewhere: no name is held for an owner that no line names, and none
// for longer than its line allows.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/base/log.h"
#include "common/base/private_file.h"
#include "name_lines.h"
#include "name_store_internal.h"

enum {
    NS_PER_S = 1000000000
};

struct reader {
    struct name_store *store;
    int fd;
    const char *why;    // the file is damaged, or NULL
    bool cut;           // its last line is incomplete
    bool begun;         // the first line was read
    int64_t written_ns; // when the file was written last; -1: the file has no time
    size_t lines;
    size_t left_out; // names beyond limits.tunnels
    size_t lost;     // names for which there was no memory
    size_t held;     // names that are held for their owners
    size_t expired;  // names that had agents, in a file that is too old
    size_t len;      // bytes in `text`
    char text[64 << 10];
};

// No relay, whatever its limits, has written more lines than this.
static size_t lines_max(const struct routes *routes)
{
    size_t names = routes->loop->limits.tunnels;
    names = names > NAME_STORE_NAMES ? names : NAME_STORE_NAMES;
    return 2 * (2 * names + NAME_STORE_SLACK);
}

// Makes, changes or forgets the route of a line. Until hold_all, `reserved` means NAME_GONE.
static void apply_line(struct reader *f, const struct name_line *line)
{
    struct routes *routes = f->store->routes;
    struct route *r = routes_find(routes, line->name);
    if (line->word == NAME_FREE) {
        if (r)
            routes_forget(r);
        return;
    }
    const struct route_holder holder = {.owner = line->owner}; // the file has no addresses
    if (!r && routes->count >= routes->loop->limits.tunnels) {
        f->left_out++;
        return;
    }
    if (r && !routes_give(r, &holder)) {
        routes_forget(r); // it is not the former owner's any more
        r = NULL;
    } else if (!r) {
        r = routes_add(routes, line->name, &holder);
    }
    if (!r) {
        f->lost++;
        return;
    }
    r->record = EXCHANGE_RECORD_NONE; // as long as its agent has not said more
    r->reserved = line->word == NAME_GONE;
    r->gone_s = line->gone_s;
    r->legacy_owner = f->written_ns < 0; // relays that wrote no time knew only such owners
}

static void read_line(struct reader *f, struct slice text)
{
    struct name_line line;
    if (!f->begun) {
        f->begun = true;
        if (!name_first_line_parse(text, &f->written_ns))
            f->why = "it is damaged, or of another version";
    } else if (text.len > 0 && text.p[0] == 0) {
        f->cut = true; // a power failure leaves zeros
    } else if (f->lines++ >= lines_max(f->store->routes)) {
        f->why = "it is larger than such a file can be";
    } else if (!name_line_parse(text, &line)) {
        f->why = "it is damaged";
    } else {
        apply_line(f, &line);
    }
}

// Reads the lines of `text` that are complete, and keeps the rest.
static void read_text(struct reader *f)
{
    size_t at = 0;
    const char *end = NULL;
    while (!f->why && !f->cut && (end = memchr(f->text + at, '\n', f->len - at))) {
        read_line(f, slice_of(f->text + at, (size_t)(end - f->text) - at));
        at = (size_t)(end - f->text) + 1;
    }
    f->len -= at;
    memmove(f->text, f->text + at, f->len);
    if (!f->why && !f->cut && f->len >= NAME_LINE_MAX) {
        f->cut = f->begun && f->text[0] == 0;
        f->why = f->cut ? NULL : "it is damaged";
    }
}

static void read_file(struct reader *f)
{
    ssize_t n = 1;
    while (n > 0 && !f->why && !f->cut) {
        n = read(f->fd, f->text + f->len, sizeof(f->text) - f->len);
        f->len += n > 0 ? (size_t)n : 0;
        if (n < 0)
            f->why = strerror(errno);
        read_text(f);
    }
    if (!f->why && !f->begun)
        f->why = "it is damaged, or of another version";
    if (!f->why && f->store->stamp_ns > 0 && f->written_ns < f->store->stamp_ns)
        f->why = "it is an older copy of what was written there last";
    f->cut = !f->why && (f->cut || f->len > 0);
}

// Renames a file that cannot be used, over no other file.
static void put_aside(const struct name_store *s, const char *why)
{
    name_store_path_text path;
    name_store_path_text aside;
    name_store_path(s, "", path);
    name_store_path(s, ".damaged", aside);
    int error = private_move(path, aside);
    if (error == EEXIST) {
        char suffix[48];
        (void)snprintf(suffix, sizeof(suffix), ".damaged-%" PRId64, wall_clock_ns() / 1000000);
        name_store_path(s, suffix, aside);
        error = private_move(path, aside);
    }
    log_warn(
        "names: the names from before the restart cannot be read from %s: %s. Agents get theirs "
        "back unless others take them first; the file %s %s",
        path, why, error ? "could not be renamed:" : "was renamed to",
        error ? strerror(error) : strrchr(aside, '/') + 1);
}

// Whether a name is not held any more. If its agent had left, the name is held for gone_ms from
// then. If its agent was connected at the last write, it may have left at any time since: the name
// is held unless the file is older than NAME_STORE_OUTAGE_S. Such a file is an old copy, whose
// names may be other owners' by now.
static bool is_over(const struct reader *f, const struct route *r, int64_t now)
{
    int64_t gone_s = (int64_t)(r->table->loop->limits.gone_ms + 999) / 1000;
    int64_t left = r->reserved ? r->gone_s : f->written_ns / NS_PER_S;
    if (!r->reserved && f->written_ns < 0)
        return false;
    return left < now && now - left >= (r->reserved ? gone_s : NAME_STORE_OUTAGE_S);
}

// Holds the name for its owner from now on, or forgets it. A time in the future counts as now, so
// that a clock that was set back keeps no name for longer.
static void hold(struct reader *f, struct route *r, int64_t now)
{
    if (is_over(f, r, now)) {
        f->expired += r->reserved ? 0 : 1;
        routes_forget(r);
        return;
    }
    f->held++;
    routes_restore_gone(r, r->reserved && r->gone_s < now ? r->gone_s : now, !r->reserved);
}

static void hold_all(struct reader *f)
{
    int64_t now = wall_clock_ns() / NS_PER_S;
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        for (struct route *r = f->store->routes->buckets[i], *next = NULL; r; r = next) {
            next = r->next;
            hold(f, r, now);
        }
    if (f->held > 0)
        log_info("names: %zu are held for their agents to come back", f->held);
    if (f->expired > 0)
        log_warn(
            "names: %zu are not held for their agents: the file of names was last written more "
            "than %d minutes ago",
            f->expired, NAME_STORE_OUTAGE_S / 60);
}

static void restore(struct reader *f)
{
    name_store_path_text path;
    name_store_path(f->store, "", path);
    f->fd = private_open(path, O_RDONLY, &f->why);
    if (f->fd >= 0) {
        read_file(f);
        (void)close(f->fd);
    } else if (errno == ENOENT) {
        f->why = NULL;
    }
    if (f->why) {
        routes_forget_all(f->store->routes);
        put_aside(f->store, f->why);
    }
    if (f->cut)
        log_warn("names: the end of their file was cut off; the names before it are kept");
    if (f->left_out > 0)
        log_warn("names: %zu from before the restart were left out: --limit tunnels is lower now",
                 f->left_out);
    if (f->lost > 0)
        log_warn("names: %zu from before the restart are lost: %s", f->lost, strerror(ENOMEM));
    hold_all(f);
    private_sweep(path);
}

bool name_store_restore(struct name_store *s)
{
    struct reader *f = calloc(1, sizeof(*f));
    if (!f)
        return false;
    f->store = s;
    f->written_ns = -1;
    restore(f);
    free(f);
    return true;
}
