// SPDX-License-Identifier: MIT
// The directory of a spool, and the files in it. A program that records holds a lock on its
// directory (flock(2)), which the kernel releases when it ends.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "common/base/private_file.h"
#include "spool_internal.h"

enum {
    LOCK_TRIES = 20,
    LOCK_PAUSE_NS = 1000 * 1000
};

static void name_of(uint32_t number, char out[static SPOOL_SEGMENT_NAME_MAX])
{
    (void)snprintf(out, SPOOL_SEGMENT_NAME_MAX, "%08u.seg", (unsigned)number);
}

// Parses a segment's name. 0: it is none.
static uint32_t number_of(const char *name)
{
    char again[SPOOL_SEGMENT_NAME_MAX];
    unsigned long number = strtoul(name, NULL, 10);
    if (number == 0 || number > UINT32_MAX)
        return 0;
    name_of((uint32_t)number, again);
    return strcmp(name, again) == 0 ? (uint32_t)number : 0;
}

static struct spool_dir *new_dir(void)
{
    struct spool_dir *d = malloc(sizeof(*d));
    if (d)
        *d = (struct spool_dir){.parent = -1, .dir = -1, .uses = 1};
    return d;
}

static void free_dir(struct spool_dir *d)
{
    if (d->dir >= 0)
        (void)close(d->dir);
    if (d->parent >= 0)
        (void)close(d->parent);
    free(d);
}

static bool is_same(int a, int b)
{
    struct stat first;
    struct stat second;
    return !fstat(a, &first) && !fstat(b, &second) && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

// A directory that has segments of this spool already: it was moved away and back.
static struct spool_dir *known_dir(struct spool *s, int dir)
{
    for (size_t i = 0; i < s->count; i++)
        if (is_same(s->segments[i].dir->dir, dir))
            return s->segments[i].dir;
    return NULL;
}

// Another program that recovers has the lock for a moment; one that stands still is not waited for.
static int lock_dir(int dir)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    for (int i = 0; i < LOCK_TRIES; i++, (void)nanosleep(&pause, NULL)) {
        if (!flock(dir, LOCK_EX | LOCK_NB))
            return 0;
        if (errno != EWOULDBLOCK)
            return errno;
    }
    return EBUSY;
}

static int make_dirs(const struct spool *s, struct spool_dir *d)
{
    int base = private_open_dir(AT_FDCWD, s->config.dir, false);
    if (base < 0)
        return errno;
    d->parent = private_open_dir(base, SPOOL_PARENT, true);
    if (d->parent >= 0)
        d->dir = private_open_dir(d->parent, s->id, true);
    int error = d->dir < 0 ? errno : 0;
    (void)close(base);
    return error;
}

// Another program that finds the new directory before it is locked removes it again; the append
// that then finds none makes it once more.
int spool_make_dir(struct spool *s)
{
    struct spool_dir *d = new_dir();
    int error = d ? make_dirs(s, d) : ENOMEM;
    struct spool_dir *known = error ? NULL : known_dir(s, d->dir);
    if (!error && !known)
        error = lock_dir(d->dir);
    if (d && (error || known))
        free_dir(d);
    if (error)
        return error;
    if (known) {
        known->uses++;
        d = known;
    }
    if (s->dir)
        (void)spool_release_dir(s, s->dir, false);
    s->dir = d;
    return 0;
}

bool spool_is_in_place(const struct spool *s)
{
    struct stat its;
    struct stat there;
    char path[STATE_PATH_MAX + sizeof("/" SPOOL_PARENT "/") + SPOOL_ID_MAX];
    (void)snprintf(path, sizeof(path), "%s/" SPOOL_PARENT "/%s", s->config.dir, s->id);
    return !fstat(s->dir->dir, &its) && !lstat(path, &there) && its.st_dev == there.st_dev &&
           its.st_ino == there.st_ino;
}

int spool_open_dir(struct spool *s, int parent)
{
    struct spool_dir *d = new_dir();
    if (!d)
        return ENOMEM;
    d->dir = private_open_dir(parent, s->id, false);
    int error = d->dir < 0 || flock(d->dir, LOCK_EX | LOCK_NB) ? errno : 0;
    d->parent = error ? -1 : fcntl(parent, F_DUPFD_CLOEXEC, 0);
    if (!error && d->parent < 0)
        error = errno;
    if (error)
        free_dir(d);
    else
        s->dir = d;
    return error;
}

int spool_open_segment(const struct spool_dir *d, uint32_t number)
{
    char name[SPOOL_SEGMENT_NAME_MAX];
    name_of(number, name);
    return private_open_at(d->dir, name);
}

int spool_make_segment(const struct spool_dir *d, uint32_t number)
{
    char name[SPOOL_SEGMENT_NAME_MAX];
    name_of(number, name);
    return private_make_at(d->dir, name);
}

void spool_remove_segment(const struct spool_dir *d, uint32_t number)
{
    char name[SPOOL_SEGMENT_NAME_MAX];
    name_of(number, name);
    (void)private_remove(d->dir, name);
}

// Emptied first: a file whose number does not fit its head counts as damaged.
int spool_reuse_segment(const struct spool_segment *segment, uint32_t number)
{
    char name[SPOOL_SEGMENT_NAME_MAX];
    char next[SPOOL_SEGMENT_NAME_MAX];
    name_of(segment->number, name);
    name_of(number, next);
    int error = private_cut(segment->fd, 0);
    return error ? error : private_move_at(segment->dir->dir, name, next);
}

static int compare_segments(const void *a, const void *b)
{
    const struct spool_segment *first = a;
    const struct spool_segment *second = b;
    return (first->number > second->number) - (first->number < second->number);
}

static int add_found(struct spool *s, const char *name, uint32_t number)
{
    struct stat st;
    if (s->count == SPOOL_SEGMENTS_MAX)
        return EMFILE;
    int fd = private_open_at(s->dir->dir, name);
    if (fd < 0)
        return errno;
    int error = fstat(fd, &st) ? errno : 0;
    (void)close(fd);
    if (error)
        return error;
    s->segments[s->count++] = (struct spool_segment){
        .number = number, .fd = -1, .size = (uint64_t)st.st_size, .dir = s->dir};
    s->dir->uses++;
    s->bytes += (uint64_t)st.st_size;
    return 0;
}

int spool_find_segments(struct spool *s)
{
    int copy = fcntl(s->dir->dir, F_DUPFD_CLOEXEC, 0);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry = NULL;
    int error = 0;
    if (!list) {
        error = errno;
        if (copy >= 0)
            (void)close(copy);
        return error;
    }
    while (!error && (entry = readdir(list))) {
        uint32_t number = number_of(entry->d_name);
        if (number)
            error = add_found(s, entry->d_name, number);
    }
    (void)closedir(list);
    if (s->count > 0)
        qsort(s->segments, s->count, sizeof(*s->segments), compare_segments);
    return error;
}

// A name that is too long is none of a spool.
static bool each_in(int parent, const char *id, spool_found *found, void *ctx)
{
    struct stat st;
    bool all = true;
    int dir = strlen(id) < SPOOL_ID_MAX ? private_open_dir(parent, id, false) : -1;
    DIR *list = dir < 0 ? NULL : fdopendir(dir);
    const struct dirent *entry = NULL;
    while (list && all && (entry = readdir(list)))
        if (number_of(entry->d_name) && !fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
            all = found(ctx, id, entry->d_name, (uint64_t)st.st_size);
    if (list)
        (void)closedir(list);
    else if (dir >= 0)
        (void)close(dir);
    return all;
}

bool spool_each_segment(const char *dir, spool_found *found, void *ctx)
{
    char path[STATE_PATH_MAX + sizeof("/" SPOOL_PARENT)];
    bool all = true;
    (void)snprintf(path, sizeof(path), "%s/" SPOOL_PARENT, dir);
    int parent = private_open_dir(AT_FDCWD, path, false);
    DIR *list = parent < 0 ? NULL : fdopendir(parent);
    const struct dirent *entry = NULL;
    while (list && all && (entry = readdir(list)))
        if (entry->d_name[0] != '.')
            all = each_in(parent, entry->d_name, found, ctx);
    if (list)
        (void)closedir(list);
    else if (parent >= 0)
        (void)close(parent);
    return all;
}

static bool add_size(void *ctx, const char *id, const char *name, uint64_t size)
{
    uint64_t *bytes = ctx;
    (void)id;
    (void)name;
    *bytes += size;
    return true;
}

uint64_t spool_bytes_of_all(const char *dir)
{
    uint64_t bytes = 0;
    (void)spool_each_segment(dir, add_size, &bytes);
    return bytes;
}

// Files that are no segments are left alone.
static bool has_segments(const struct spool *s, const struct spool_dir *d)
{
    int copy = private_open_dir(d->parent, s->id, false);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry = NULL;
    bool found = !list;
    if (!list && copy >= 0)
        (void)close(copy);
    while (list && !found && (entry = readdir(list)))
        found = number_of(entry->d_name) != 0;
    if (list)
        (void)closedir(list);
    return found;
}

bool spool_release_dir(struct spool *s, struct spool_dir *d, bool remove)
{
    bool empty = true;
    if (--d->uses > 0)
        return false;
    int error = remove ? private_remove_dir(d->parent, s->id) : 0;
    if (error)
        empty = error == ENOENT || (error == ENOTEMPTY && !has_segments(s, d));
    free_dir(d);
    return empty;
}
