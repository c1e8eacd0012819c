// SPDX-License-Identifier: MIT
#include "token_failures.h"
#include <stdio.h>
#include <stdlib.h>
#include "common/base/log.h"
#include "proto/hash.h"

enum {
    WAYS = 4, // slots in which an address may be, as in a set-associative cache
    SETS = TOKEN_FAILURES_ADDRESSES / WAYS
};

struct token_failure {
    unsigned char key[CLIENT_KEY_BYTES];
    uint64_t until_ms; // when all failures have expired: each adds TOKEN_FAILURES_EVERY_MS
};

static struct token_failure *set_of(const struct token_failures *t, const unsigned char *key)
{
    const uint64_t h = hash_bytes(slice_of((const char *)key, CLIENT_KEY_BYTES), t->seed);
    return t->table + (size_t)(h % SETS) * WAYS;
}

static struct token_failure *find(struct token_failure *set, const unsigned char *key)
{
    for (size_t i = 0; i < WAYS; i++)
        if (memcmp(set[i].key, key, CLIENT_KEY_BYTES) == 0)
            return &set[i];
    return NULL;
}

static bool is_full(const struct token_failure *f, uint64_t now_ms)
{
    return f->until_ms > now_ms + (uint64_t)(TOKEN_FAILURES_BURST - 1) * TOKEN_FAILURES_EVERY_MS;
}

bool token_failures_exceeded(const struct token_failures *t, const struct client_address *a,
                             uint64_t now_ms)
{
    unsigned char key[CLIENT_KEY_BYTES];
    if (!t->table || a->exempt)
        return false;
    (void)client_address_key(a, key);
    const struct token_failure *f = find(set_of(t, key), key);
    return f && is_full(f, now_ms);
}

// Returns the address's slot. A new address evicts the slot of its set that expires first, so that
// a flood of addresses cannot evict one with many failures.
static struct token_failure *claim_slot(struct token_failure *set, const unsigned char *key)
{
    struct token_failure *f = find(set, key);
    if (f)
        return f;
    f = set;
    for (size_t i = 1; i < WAYS; i++)
        if (set[i].until_ms < f->until_ms)
            f = &set[i];
    *f = (struct token_failure){0};
    memcpy(f->key, key, CLIENT_KEY_BYTES);
    return f;
}

static void log_refusal(struct token_failures *t, const struct client_address *a, uint64_t now_ms,
                        const char *why)
{
    char text[INET6_ADDRSTRLEN];
    char unlogged[64] = "";
    if (t->log_full_ms >
        now_ms + (uint64_t)(TOKEN_FAILURES_LOG_BURST - 1) * TOKEN_FAILURES_LOG_EVERY_MS) {
        t->unlogged++;
        return;
    }
    t->log_full_ms =
        (t->log_full_ms > now_ms ? t->log_full_ms : now_ms) + TOKEN_FAILURES_LOG_EVERY_MS;
    client_address_text(a, text);
    if (t->unlogged > 0)
        (void)snprintf(unlogged, sizeof(unlogged), " (%llu others before it were not logged)",
                       (unsigned long long)t->unlogged);
    t->unlogged = 0;
    log_warn("refused %s: %s%s", text, why, unlogged);
}

void token_failures_add(struct token_failures *t, const struct client_address *a, uint64_t now_ms,
                        const char *why)
{
    unsigned char key[CLIENT_KEY_BYTES];
    log_refusal(t, a, now_ms, why);
    if (!t->table)
        t->table = calloc(TOKEN_FAILURES_ADDRESSES, sizeof(*t->table));
    if (!t->table || a->exempt)
        return;
    (void)client_address_key(a, key);
    struct token_failure *f = claim_slot(set_of(t, key), key);
    f->until_ms = (f->until_ms > now_ms ? f->until_ms : now_ms) + TOKEN_FAILURES_EVERY_MS;
    if (is_full(f, now_ms))
        log_refusal(t, a, now_ms, "too many attempts, which are slowed down from now on");
}

void token_failures_deinit(struct token_failures *t)
{
    free(t->table);
    t->table = NULL;
}
