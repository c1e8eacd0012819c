// SPDX-License-Identifier: MIT
#include "spool.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
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
    s->parent = s->dir = -1;
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
    s->dir = error ? -1 : spool_open_dir(parent, id);
    if (!error && s->dir < 0)
        error = errno;
    s->parent = error ? -1 : dup(parent);
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

static void close_segments(struct spool *s)
{
    for (size_t i = 0; i < s->count; i++)
        close_segment(&s->segments[i]);
}

bool spool_free(struct spool *s, const struct spool_position *indexed)
{
    if (!s)
        return true;
    spool_seal(s);
    if (indexed)
        spool_drop(s, *indexed);
    bool nothing = s->dir < 0 || (indexed && s->count == 0 && spool_remove_dir(s));
    close_segments(s);
    if (s->dir >= 0)
        (void)close(s->dir);
    if (s->parent >= 0)
        (void)close(s->parent);
    uv_mutex_destroy(&s->lock);
    free(s);
    return nothing;
}

const char *spool_id(const struct spool *s)
{
    return s->id;
}

// Reads the beginning of an adopted spool's segment. False: it is shorter.
static bool read_beginning(const struct spool *s, size_t i, void *to, size_t len)
{
    int fd = spool_open_segment(s, s->segments[i].number);
    bool whole = fd >= 0 && pread(fd, to, len, 0) == (ssize_t)len;
    if (fd >= 0)
        (void)close(fd);
    return whole;
}

bool spool_facts(const struct spool *s, struct spool_segment_head *facts)
{
    for (size_t i = 0; i < s->count; i++) {
        bool whole = read_beginning(s, i, facts, sizeof(*facts)) &&
                     memcmp(facts->magic, SPOOL_SEGMENT_MAGIC, sizeof(facts->magic)) == 0;
        facts->program[SPOOL_PROGRAM_BYTES - 1] = facts->version[SPOOL_PROGRAM_BYTES - 1] = 0;
        if (whole)
            return true;
    }
    return false;
}

bool spool_is_of_another_form(const struct spool *s)
{
    const size_t version = sizeof(SPOOL_SEGMENT_MAGIC) - 2; // the last character
    char magic[sizeof(SPOOL_SEGMENT_MAGIC) - 1];
    for (size_t i = 0; i < s->count; i++)
        if (read_beginning(s, i, magic, sizeof(magic)) &&
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

// Makes the file of the next segment, in a directory that is made if it is missing. A number whose
// file exists is left out.
static int make_segment(struct spool *s, int *fd)
{
    int error = s->dir < 0 ? spool_make_dir(s) : 0;
    *fd = error ? -1 : spool_make_segment(s, s->last + 1);
    if (!error && *fd < 0 && errno == ENOENT) { // it was removed
        error = spool_make_dir(s);
        *fd = error ? -1 : spool_make_segment(s, s->last + 1);
    }
    if (!error && *fd < 0 && errno == EEXIST)
        *fd = spool_make_segment(s, ++s->last + 1);
    return error || *fd >= 0 ? error : errno;
}

static int begin_segment(struct spool *s)
{
    int fd = -1;
    int error = s->count == SPOOL_SEGMENTS_MAX ? ENOSPC : make_segment(s, &fd);
    if (error)
        return error;
    s->segments[s->count++] = (struct spool_segment){.number = ++s->last, .fd = fd};
    s->sealed = false;
    return 0;
}

// The segment for the next batch. Where no other can be begun, the last one goes on growing.
static int find_segment(struct spool *s, struct spool_segment **out)
{
    *out = growing(s);
    if (*out && (*out)->size < segment_bytes(s))
        return 0;
    int error = begin_segment(s);
    if (!error)
        *out = growing(s);
    return *out ? 0 : error;
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
    struct spool_segment *segment = NULL;
    int error = find_segment(s, &segment);
    if (error)
        return error;
    struct spool_segment_head head = head_of(s, segment->number);
    struct iovec parts[] = {{&head, sizeof(head)},
                            {(void *)(uintptr_t)batch, sizeof(*batch)},
                            {(void *)(uintptr_t)entries, batch->len}};
    int first = segment->size == 0 ? 0 : 1;
    error = write_all(segment->fd, parts + first, 3 - first, segment->size);
    if (error)
        return error;
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

void spool_seal(struct spool *s)
{
    uv_mutex_lock(&s->lock);
    s->sealed = true;
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

// Takes the first segment out of the list if it ends at or before the position and grows no more.
static bool take_indexed(struct spool *s, struct spool_position indexed,
                         struct spool_segment *taken)
{
    if (s->count == 0)
        return false;
    *taken = s->segments[0];
    bool grows = s->count == 1 && !s->sealed;
    if (grows || taken->number > indexed.segment ||
        (taken->number == indexed.segment && taken->size > indexed.offset))
        return false;
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
        spool_remove_segment(s, taken.number);
        close_segment(&taken);
    }
}

// A segment of an adopted spool is open alone.
static int file_of(struct spool *s, struct spool_segment *segment)
{
    if (segment->fd < 0) {
        close_segments(s);
        segment->fd = spool_open_segment(s, segment->number);
    }
    return segment->fd;
}

int spool_locate(struct spool *s, struct spool_position *position, uint64_t *size)
{
    int fd = -1;
    uv_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        struct spool_segment *at = &s->segments[i];
        if (at->number < position->segment ||
            (at->number == position->segment && at->size <= position->offset))
            continue;
        if (at->number > position->segment)
            *position = (struct spool_position){.segment = at->number};
        if (at->size == 0)
            continue;
        *size = at->size;
        fd = file_of(s, at);
        break;
    }
    uv_mutex_unlock(&s->lock);
    return fd;
}
