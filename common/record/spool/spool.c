// SPDX-License-Identifier: MIT
#include "spool.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "common/base/private_file.h"
#include "common/base/version.h"
#include "spool_internal.h"

static void put_text(char to[static SPOOL_PROGRAM_BYTES], const char *text)
{
    (void)snprintf(to, SPOOL_PROGRAM_BYTES, "%s", text);
}

static struct spool *make(void)
{
    struct spool *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    if (!uv_mutex_init(&s->lock))
        return s;
    free(s);
    return NULL;
}

struct spool *spool_new(const struct spool_config *config)
{
    struct spool *s = make();
    if (!s)
        return NULL;
    s->config = *config;
    s->began_ns = wall_clock_ns();
    (void)snprintf(s->id, sizeof(s->id), "%016llx-%ld", (unsigned long long)s->began_ns,
                   (long)getpid());
    return s;
}

int spool_adopt(int parent, const char *id, struct spool **out)
{
    struct spool *s = make();
    *out = s;
    if (!s)
        return ENOMEM;
    int len = snprintf(s->id, sizeof(s->id), "%s", id);
    int error = len < 0 || (size_t)len >= sizeof(s->id) ? ENAMETOOLONG : 0;
    s->sealed = true;
    if (!error)
        error = spool_open_dir(s, parent);
    if (!error)
        error = spool_find_segments(s);
    if (!error)
        return 0;
    (void)spool_free(s, NULL);
    *out = NULL;
    return error;
}

static void close_segment(struct spool_segment *segment)
{
    if (segment->fd >= 0)
        (void)close(segment->fd);
    segment->fd = -1;
}

bool spool_free(struct spool *s, const struct spool_position *indexed)
{
    bool nothing = true;
    if (!s)
        return true;
    s->ends = true;
    (void)spool_seal(s);
    if (indexed)
        spool_drop(s, *indexed);
    for (size_t i = 0; i < s->count; i++) {
        nothing = false;
        close_segment(&s->segments[i]);
        (void)spool_release_dir(s, s->segments[i].dir, false);
    }
    if (s->dir && !spool_release_dir(s, s->dir, indexed != NULL))
        nothing = false;
    uv_mutex_destroy(&s->lock);
    free(s);
    return nothing;
}

const char *spool_id(const struct spool *s)
{
    return s->id;
}

// Reads the beginning of a segment. Returns 1; 0: it is shorter; -1: it cannot be read.
static int read_beginning(const struct spool_segment *segment, void *to, size_t len)
{
    if (segment->size < len)
        return 0;
    int fd = spool_open_segment(segment->dir, segment->number);
    bool whole = fd >= 0 && pread(fd, to, len, 0) == (ssize_t)len;
    if (fd >= 0)
        (void)close(fd);
    return whole ? 1 : -1;
}

int spool_facts(const struct spool *s, struct spool_segment_head *facts)
{
    int found = 0;
    for (size_t i = 0; i < s->count && found == 0; i++) {
        found = read_beginning(&s->segments[i], facts, sizeof(*facts));
        if (found > 0 && memcmp(facts->magic, SPOOL_SEGMENT_MAGIC, sizeof(facts->magic)) != 0)
            found = 0;
        facts->program[SPOOL_PROGRAM_BYTES - 1] = facts->version[SPOOL_PROGRAM_BYTES - 1] = 0;
    }
    return found;
}

bool spool_is_of_another_form(const struct spool *s)
{
    const size_t version = sizeof(SPOOL_SEGMENT_MAGIC) - 2; // the last character
    char magic[sizeof(SPOOL_SEGMENT_MAGIC) - 1];
    for (size_t i = 0; i < s->count; i++)
        if (read_beginning(&s->segments[i], magic, sizeof(magic)) > 0 &&
            memcmp(magic, SPOOL_SEGMENT_MAGIC, version) == 0 &&
            magic[version] != SPOOL_SEGMENT_MAGIC[version])
            return true;
    return false;
}

static uint64_t segment_bytes(const struct spool *s)
{
    uint64_t part = s->config.bytes / SPOOL_SEGMENT_PART;
    return part > 0 && part < SPOOL_SEGMENT_BYTES_MAX ? part : SPOOL_SEGMENT_BYTES_MAX;
}

static struct spool_segment *growing(struct spool *s)
{
    return s->count > 0 && !s->sealed ? &s->segments[s->count - 1] : NULL;
}

static int make_segment(struct spool *s)
{
    int error = s->dir ? 0 : spool_make_dir(s);
    int fd = error ? -1 : spool_make_segment(s->dir, s->last + 1);
    if (!error && fd < 0 && errno == ENOENT) { // it was removed
        error = spool_make_dir(s);
        fd = error ? -1 : spool_make_segment(s->dir, s->last + 1);
    }
    if (!error && fd < 0 && errno == EEXIST) { // none of ours: the number is new
        spool_remove_segment(s->dir, s->last + 1);
        fd = spool_make_segment(s->dir, s->last + 1);
    }
    if (error)
        errno = error;
    return fd;
}

// A last segment without events, in another directory than the next one: its number is used again,
// since a number that is left out counts as a gap.
static void drop_empty(struct spool *s)
{
    struct spool_segment *last = s->count > 0 ? &s->segments[s->count - 1] : NULL;
    if (!last || last->size > 0)
        return;
    spool_remove_segment(last->dir, last->number);
    close_segment(last);
    (void)spool_release_dir(s, last->dir, true);
    s->count--;
    s->last--;
}

// Begins a segment, in a directory that is made if it is missing.
static int begin_segment(struct spool *s)
{
    if (s->count == SPOOL_SEGMENTS_MAX)
        return ENOSPC;
    drop_empty(s);
    int fd = make_segment(s);
    if (fd < 0)
        return errno;
    if (s->count > 0)
        s->last_size = s->segments[s->count - 1].size;
    s->last++;
    s->segments[s->count++] =
        (struct spool_segment){.number = s->last, .fd = fd, .begin = s->appended, .dir = s->dir};
    s->dir->uses++;
    s->sealed = false;
    return 0;
}

// The segment for the next batch. Where no other can be begun, the last one goes on growing. NULL:
// see errno.
static struct spool_segment *find_segment(struct spool *s)
{
    struct spool_segment *last = growing(s);
    if (last && last->size < segment_bytes(s))
        return last;
    int error = begin_segment(s);
    if (!error || !last)
        last = growing(s);
    if (!last)
        errno = error ? error : ENOSPC;
    return last;
}

static int write_all(int fd, struct iovec *parts, int count, uint64_t at)
{
    while (count > 0) {
        ssize_t n = pwritev(fd, parts, count, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        at += (uint64_t)n;
        while (count > 0 && (size_t)n >= parts->iov_len) {
            n -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
    return 0;
}

static struct spool_segment_head head_of(const struct spool *s, uint32_t number)
{
    struct spool_segment_head head = {.number = number,
                                      .before = s->last_size,
                                      .pid = (uint32_t)getpid(),
                                      .began_ns = s->began_ns,
                                      .body_bytes = s->config.body_bytes};
    memcpy(head.magic, SPOOL_SEGMENT_MAGIC, sizeof(head.magic));
    put_text(head.program, s->config.program);
    put_text(head.version, adit_version());
    return head;
}

static int append(struct spool *s, const struct spool_batch_head *batch, const void *entries)
{
    struct spool_segment *segment = find_segment(s);
    if (!segment)
        return errno;
    struct spool_segment_head head = head_of(s, segment->number);
    struct iovec parts[] = {{&head, sizeof(head)},
                            {(void *)(uintptr_t)batch, sizeof(*batch)},
                            {(void *)(uintptr_t)entries, batch->len}};
    int first = segment->size == 0 ? 0 : 1;
    int error = write_all(segment->fd, parts + first, 3 - first, segment->size);
    if (error) {
        (void)private_cut(segment->fd, segment->size); // a part may be there
        return error;
    }
    uint64_t more = (first == 0 ? sizeof(head) : 0) + sizeof(*batch) + batch->len;
    segment->size += more;
    s->bytes += more;
    s->appended += more;
    return 0;
}

int spool_append(struct spool *s, const struct spool_batch_head *counters, const void *entries,
                 size_t len)
{
    struct spool_batch_head batch = *counters;
    if (len > SPOOL_BATCH_BYTES)
        return EMSGSIZE;
    batch.magic = SPOOL_BATCH_MAGIC;
    batch.len = (uint32_t)len;
    batch.hash = spool_batch_hash(&batch, entries);
    uv_mutex_lock(&s->lock);
    int error = append(s, &batch, entries);
    uv_mutex_unlock(&s->lock);
    return error;
}

// An empty segment is none that a position could be in: it goes on.
static bool may_seal(const struct spool *s)
{
    return s->ends ||
           (s->count > 0 && s->count < SPOOL_SEALS_MAX && s->segments[s->count - 1].size > 0);
}

uint64_t spool_seal(struct spool *s)
{
    uv_mutex_lock(&s->lock);
    s->sealed = s->sealed || may_seal(s);
    uint64_t appended = s->appended;
    uv_mutex_unlock(&s->lock);
    return appended;
}

void spool_follow(struct spool *s)
{
    uv_mutex_lock(&s->lock);
    if (s->dir && !spool_is_in_place(s)) {
        (void)spool_release_dir(s, s->dir, false);
        s->dir = NULL;
        s->sealed = true;
    }
    uv_mutex_unlock(&s->lock);
}

struct spool_position spool_end(struct spool *s)
{
    struct spool_position end = {0};
    uv_mutex_lock(&s->lock);
    if (s->count > 0)
        end = (struct spool_position){s->segments[s->count - 1].number,
                                      s->segments[s->count - 1].size};
    uv_mutex_unlock(&s->lock);
    return end;
}

uint64_t spool_bytes(struct spool *s)
{
    uv_mutex_lock(&s->lock);
    uint64_t bytes = s->bytes;
    uv_mutex_unlock(&s->lock);
    return bytes;
}

uint64_t spool_appended(struct spool *s)
{
    uv_mutex_lock(&s->lock);
    uint64_t bytes = s->appended;
    uv_mutex_unlock(&s->lock);
    return bytes;
}

uint64_t spool_oldest(struct spool *s)
{
    uv_mutex_lock(&s->lock);
    uint64_t oldest = s->count > 0 ? s->segments[0].begin : s->appended;
    uv_mutex_unlock(&s->lock);
    return oldest;
}

uint64_t spool_left(struct spool *s, struct spool_position from)
{
    uint64_t left = 0;
    uv_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        const struct spool_segment *at = &s->segments[i];
        if (at->number > from.segment)
            left += at->size;
        else if (at->number == from.segment && at->size > from.offset)
            left += at->size - from.offset;
    }
    uv_mutex_unlock(&s->lock);
    return left;
}

// Whether the first segment ends at or before the position and grows no more.
static bool is_indexed(const struct spool *s, struct spool_position indexed)
{
    const struct spool_segment *first = &s->segments[0];
    if (s->count == 0 || (s->count == 1 && !s->sealed))
        return false;
    return first->size == 0 || first->number < indexed.segment ||
           (first->number == indexed.segment && first->size <= indexed.offset);
}

// The last segment of a program that goes on: its file becomes the next segment's, so that a
// descriptor is there when all others are in use. False: it must be removed.
static bool reuse(struct spool *s)
{
    struct spool_segment *first = &s->segments[0];
    if (s->ends || s->count > 1 || first->dir != s->dir || !s->config.dir ||
        (first->size > 0 && spool_reuse_segment(first, s->last + 1)))
        return false;
    if (first->size == 0)
        return true;
    s->last_size = first->size;
    s->bytes -= first->size;
    first->size = 0;
    first->begin = s->appended;
    first->number = ++s->last;
    s->sealed = false;
    return true;
}

// Takes the first segment out of the list, if it is indexed and not reused.
static bool take_indexed(struct spool *s, struct spool_position indexed,
                         struct spool_segment *taken)
{
    if (!is_indexed(s, indexed) || reuse(s))
        return false;
    *taken = s->segments[0];
    if (s->count == 1 && taken->size > 0)
        s->last_size = taken->size;
    else if (s->count == 1)
        s->last--; // as in drop_empty
    s->count--;
    s->bytes -= taken->size;
    memmove(s->segments, s->segments + 1, s->count * sizeof(*s->segments));
    return true;
}

// Removing a large file takes time: not under the lock.
void spool_drop(struct spool *s, struct spool_position indexed)
{
    struct spool_segment taken;
    for (bool more = true; more;) {
        uv_mutex_lock(&s->lock);
        more = take_indexed(s, indexed, &taken);
        uv_mutex_unlock(&s->lock);
        if (!more)
            break;
        spool_remove_segment(taken.dir, taken.number);
        close_segment(&taken);
        uv_mutex_lock(&s->lock);
        (void)spool_release_dir(s, taken.dir, true);
        uv_mutex_unlock(&s->lock);
    }
}

// Opens an adopted spool's segment, and closes the others.
static int file_of(struct spool *s, struct spool_segment *segment)
{
    if (segment->fd >= 0)
        return segment->fd;
    for (size_t i = 0; i < s->count; i++)
        close_segment(&s->segments[i]);
    segment->fd = spool_open_segment(segment->dir, segment->number);
    return segment->fd;
}

int spool_locate(struct spool *s, struct spool_position *position, uint64_t *size)
{
    int fd = -1;
    uv_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        struct spool_segment *at = &s->segments[i];
        const uint64_t offset = at->number == position->segment ? position->offset : 0;
        if (at->number < position->segment || at->size <= offset)
            continue;
        *position = (struct spool_position){at->number, offset};
        *size = at->size;
        fd = file_of(s, at);
        break;
    }
    uv_mutex_unlock(&s->lock);
    return fd;
}
