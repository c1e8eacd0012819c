// SPDX-License-Identifier: MIT
#include "spool_reader.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "event_check.h"

void spool_reader_init(struct spool_reader *r, struct spool *s, struct spool_position at)
{
    *r = (struct spool_reader){.spool = s, .at = at};
}

void spool_reader_shrink(struct spool_reader *r)
{
    free(r->batch);
    r->batch = NULL;
    r->len = r->next = 0;
}

void spool_reader_deinit(struct spool_reader *r)
{
    spool_reader_shrink(r);
}

// Returns 1; 0: the file is shorter; -1: see errno.
static int read_all(int fd, void *to, size_t len, uint64_t at)
{
    char *out = to;
    while (len > 0) {
        ssize_t n = pread(fd, out, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -1 : 0;
        out += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return 1;
}

// Whether a segment follows the place that was read before.
static bool follows(struct spool_position before, const struct spool_segment_head *head)
{
    return head->number - before.segment == 1 && head->before == before.offset;
}

// Skips the head of a segment. Returns as read_all; 0: it is damaged.
static int enter_segment(struct spool_reader *r, int fd, struct spool_position before)
{
    struct spool_segment_head head;
    if (r->at.offset > 0)
        return 1;
    int whole = read_all(fd, &head, sizeof(head), 0);
    if (whole < 0)
        return -1;
    if (!whole || memcmp(head.magic, SPOOL_SEGMENT_MAGIC, sizeof(head.magic)) != 0 ||
        head.number != r->at.segment)
        return 0;
    r->at.offset = sizeof(head);
    r->breaks += follows(before, &head) ? 0 : 1;
    return 1;
}

// Reads the batch at the position. Returns as read_all; 0: it is damaged.
static int read_batch(struct spool_reader *r, int fd, uint64_t size)
{
    struct spool_batch_head head;
    uint64_t at = r->at.offset;
    if (at > size || size - at < sizeof(head))
        return 0;
    int whole = read_all(fd, &head, sizeof(head), at);
    at += sizeof(head);
    if (whole <= 0 || head.magic != SPOOL_BATCH_MAGIC || head.len > SPOOL_BATCH_BYTES ||
        head.len > size - at)
        return whole < 0 ? -1 : 0;
    whole = read_all(fd, r->batch, head.len, at);
    if (whole <= 0 || spool_batch_hash(&head, r->batch) != head.hash)
        return whole < 0 ? -1 : 0;
    r->len = head.len;
    r->next = 0;
    r->shed = head.shed;
    r->shed_bytes = head.shed_bytes;
    r->at.offset = at + head.len;
    return 1;
}

int spool_reader_batch(struct spool_reader *r)
{
    uint64_t size = 0;
    int fd = -1;
    r->len = r->next = 0;
    if (!r->batch)
        r->batch = malloc(SPOOL_BATCH_BYTES);
    if (!r->batch)
        return -1;
    for (;;) {
        struct spool_position before = r->at;
        if ((fd = spool_locate(r->spool, &r->at, &size)) < 0)
            return 0;
        int whole = enter_segment(r, fd, before);
        if (whole > 0 && r->at.offset == size)
            continue;
        if (whole > 0)
            whole = read_batch(r, fd, size);
        if (whole > 0)
            return 1;
        if (whole < 0 && r->at.offset == 0)
            r->at = before;
        if (whole < 0)
            return -1;
        r->at.offset = size;
        r->breaks++;
    }
}

const struct event *spool_reader_event(struct spool_reader *r)
{
    struct spool_entry_head head;
    if (r->len - r->next < sizeof(head))
        return NULL;
    memcpy(&head, r->batch + r->next, sizeof(head));
    const size_t left = r->len - r->next - sizeof(head);
    const struct event *event = (const void *)(r->batch + r->next + sizeof(head));
    if (head.len > left || !event_is_valid(event, head.len, SPOOL_SLOTS_MAX)) {
        r->next = r->len; // the rest cannot be told apart
        r->breaks++;
        return NULL;
    }
    const size_t padded = (head.len + 7) & ~(size_t)7;
    r->next += sizeof(head) + (padded < left ? padded : left);
    return event;
}
