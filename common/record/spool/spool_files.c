// SPDX-License-Identifier: MIT
// The directory of a spool, and the files in it. A program that records holds a lock on its
// directory (flock(2)), which the kernel releases when it ends.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/private_file.h"
#include "spool_internal.h"

enum {
    NAME_MAX_BYTES = 16 // "00000001.seg" and its NUL, with room for ten digits
};

static void name_of(uint32_t number, char out[static NAME_MAX_BYTES])
{
    (void)snprintf(out, NAME_MAX_BYTES, "%08u.seg", (unsigned)number);
}

// Parses a segment's name. 0: it is none.
static uint32_t number_of(const char *name)
{
    char again[NAME_MAX_BYTES];
    unsigned long number = strtoul(name, NULL, 10);
    if (number == 0 || number > UINT32_MAX)
        return 0;
    name_of((uint32_t)number, again);
    return strcmp(name, again) == 0 ? (uint32_t)number : 0;
}

static int close_with(int fd, int error)
{
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return -1;
}

static void close_dirs(struct spool *s)
{
    if (s->dir >= 0)
        (void)close(s->dir);
    if (s->parent >= 0)
        (void)close(s->parent);
    s->dir = s->parent = -1;
}

// Another program that finds the new directory before it is locked removes it again; the append
// that then finds none makes it once more.
int spool_make_dir(struct spool *s)
{
    close_dirs(s);
    int base = private_open_dir(AT_FDCWD, s->config.dir, false);
    if (base < 0)
        return errno;
    s->parent = private_open_dir(base, SPOOL_PARENT, true);
    if (s->parent >= 0)
        s->dir = private_open_dir(s->parent, s->id, true);
    int error = s->dir < 0 || flock(s->dir, LOCK_EX) ? errno : 0;
    (void)close(base);
    if (error)
        close_dirs(s);
    return error;
}

int spool_make_segment(const struct spool *s, uint32_t number)
{
    char name[NAME_MAX_BYTES];
    name_of(number, name);
    return private_make_at(s->dir, name);
}

int spool_open_dir(int parent, const char *id)
{
    int dir = private_open_dir(parent, id, false);
    if (dir < 0)
        return -1;
    return flock(dir, LOCK_EX | LOCK_NB) ? close_with(dir, errno) : dir;
}

static int compare_segments(const void *a, const void *b)
{
    const struct spool_segment *first = a;
    const struct spool_segment *second = b;
    return (first->number > second->number) - (first->number < second->number);
}

// The file is opened again when it is read (spool_locate): many segments need few descriptors.
static int add_found(struct spool *s, const char *name, uint32_t number)
{
    struct stat st;
    if (s->count == SPOOL_SEGMENTS_MAX)
        return EMFILE;
    int fd = private_open_at(s->dir, name);
    if (fd < 0)
        return errno;
    int error = fstat(fd, &st) ? errno : 0;
    (void)close(fd);
    if (error)
        return error;
    s->segments[s->count++] =
        (struct spool_segment){.number = number, .fd = -1, .size = (uint64_t)st.st_size};
    s->bytes += (uint64_t)st.st_size;
    return 0;
}

int spool_open_segment(const struct spool *s, uint32_t number)
{
    char name[NAME_MAX_BYTES];
    name_of(number, name);
    return private_open_at(s->dir, name);
}

int spool_find_segments(struct spool *s)
{
    int copy = dup(s->dir);
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

static uint64_t bytes_in(int parent, const char *id)
{
    struct stat st;
    uint64_t bytes = 0;
    int dir = private_open_dir(parent, id, false);
    DIR *list = dir < 0 ? NULL : fdopendir(dir);
    struct dirent *entry = NULL;
    while (list && (entry = readdir(list)))
        if (number_of(entry->d_name) && !fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
            bytes += (uint64_t)st.st_size;
    if (list)
        (void)closedir(list);
    else if (dir >= 0)
        (void)close(dir);
    return bytes;
}

uint64_t spool_bytes_of_all(const char *dir)
{
    char path[STATE_PATH_MAX + sizeof("/" SPOOL_PARENT)];
    uint64_t bytes = 0;
    (void)snprintf(path, sizeof(path), "%s/" SPOOL_PARENT, dir);
    int parent = private_open_dir(AT_FDCWD, path, false);
    DIR *list = parent < 0 ? NULL : fdopendir(parent);
    struct dirent *entry = NULL;
    while (list && (entry = readdir(list)))
        if (entry->d_name[0] != '.')
            bytes += bytes_in(parent, entry->d_name);
    if (list)
        (void)closedir(list);
    else if (parent >= 0)
        (void)close(parent);
    return bytes;
}

void spool_remove_segment(const struct spool *s, uint32_t number)
{
    char name[NAME_MAX_BYTES];
    name_of(number, name);
    if (s->dir >= 0)
        (void)private_remove(s->dir, name);
}

// Files that are no segments are left alone.
static bool has_segments(const struct spool *s)
{
    int copy = private_open_dir(s->parent, s->id, false);
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

bool spool_remove_dir(const struct spool *s)
{
    int error = s->parent < 0 ? ENOENT : private_remove_dir(s->parent, s->id);
    return error == 0 || error == ENOENT || (error == ENOTEMPTY && !has_segments(s));
}
