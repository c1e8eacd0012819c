// SPDX-License-Identifier: MIT
#include "shares.h"
#include <stdlib.h>
#include <string.h>
#include "proto/hash.h"

enum {
    BUCKETS_LEAST = 16
};

static size_t bucket_of(const struct shares *t, size_t buckets, struct slice key)
{
    return (size_t)hash_bytes(key, t->seed) & (buckets - 1);
}

static struct slice key_of(const struct share *s)
{
    return slice_of((const char *)s->key, s->key_len);
}

struct share *shares_find(const struct shares *t, struct slice key)
{
    if (t->bucket_count == 0)
        return NULL;
    struct share *s = t->buckets[bucket_of(t, t->bucket_count, key)];
    while (s && !slice_eq(key_of(s), key))
        s = s->next;
    return s;
}

size_t shares_count(const struct shares *t, struct slice key)
{
    const struct share *s = shares_find(t, key);
    return s ? s->count : 0;
}

// Doubles the buckets when there are as many keys. Without memory the chains grow longer instead.
// False: out of memory without any bucket.
static bool make_room(struct shares *t)
{
    size_t want = t->bucket_count ? 2 * t->bucket_count : BUCKETS_LEAST;
    if (t->keys < t->bucket_count)
        return true;
    struct share **buckets = calloc(want, sizeof(struct share *));
    if (!buckets)
        return t->bucket_count > 0;
    for (size_t i = 0; i < t->bucket_count; i++) {
        struct share *next = NULL;
        for (struct share *s = t->buckets[i]; s; s = next) {
            struct share **bucket = &buckets[bucket_of(t, want, key_of(s))];
            next = s->next;
            s->next = *bucket;
            *bucket = s;
        }
    }
    free((void *)t->buckets);
    t->buckets = buckets;
    t->bucket_count = want;
    return true;
}

static void free_if_empty(struct shares *t)
{
    if (t->keys > 0)
        return;
    free((void *)t->buckets);
    t->buckets = NULL;
    t->bucket_count = 0;
}

static struct share *add(struct shares *t, struct slice key)
{
    struct share *s = key.len <= SHARE_KEY_MAX && make_room(t) ? calloc(1, sizeof(*s)) : NULL;
    if (!s) {
        free_if_empty(t);
        return NULL;
    }
    struct share **bucket = &t->buckets[bucket_of(t, t->bucket_count, key)];
    *s = (struct share){.next = *bucket, .table = t, .key_len = (uint8_t)key.len};
    if (key.len > 0)
        memcpy(s->key, key.p, key.len);
    *bucket = s;
    t->keys++;
    return s;
}

struct share *shares_enter(struct shares *t, struct slice key)
{
    struct share *s = shares_find(t, key);
    if (!s)
        s = add(t, key);
    if (!s)
        return NULL;
    s->count++;
    t->count++;
    return s;
}

void shares_leave(struct share *s)
{
    struct shares *t = s ? s->table : NULL;
    if (!s)
        return;
    t->count--;
    if (--s->count > 0)
        return;
    struct share **at = &t->buckets[bucket_of(t, t->bucket_count, key_of(s))];
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free(s);
    t->keys--;
    free_if_empty(t);
}
