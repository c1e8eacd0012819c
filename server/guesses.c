// SPDX-License-Identifier: MIT
#include "guesses.h"
#include <stdio.h>
#include <stdlib.h>
#include "common/base/log.h"
#include "proto/hash.h"

enum {
    WAYS = 4, // places that an address may have in the table
    SETS = GUESSES_ADDRESSES / WAYS
};

struct guess {
    unsigned char key[CLIENT_KEY_BYTES];
    uint64_t until_ms; // when everything will be forgotten: GUESSES_EVERY_MS for each guess
};

static struct guess *set_of(const struct guesses *g, const unsigned char *key)
{
    const uint64_t h = hash_bytes(slice_of((const char *)key, CLIENT_KEY_BYTES), g->seed);
    return g->table + (size_t)(h % SETS) * WAYS;
}

static struct guess *find(struct guess *set, const unsigned char *key)
{
    for (size_t i = 0; i < WAYS; i++)
        if (memcmp(set[i].key, key, CLIENT_KEY_BYTES) == 0)
            return &set[i];
    return NULL;
}

static bool is_full(const struct guess *guess, uint64_t now_ms)
{
    return guess->until_ms > now_ms + (uint64_t)(GUESSES_BURST - 1) * GUESSES_EVERY_MS;
}

bool guesses_are_slowed(const struct guesses *g, const struct client_address *a, uint64_t now_ms)
{
    unsigned char key[CLIENT_KEY_BYTES];
    if (!g->table || a->exempt)
        return false;
    (void)client_address_key(a, key);
    const struct guess *guess = find(set_of(g, key), key);
    return guess && is_full(guess, now_ms);
}

// Takes the address's own place, or the one of its set that will be forgotten first.
static struct guess *take_place(struct guess *set, const unsigned char *key)
{
    struct guess *guess = find(set, key);
    if (guess)
        return guess;
    guess = set;
    for (size_t i = 1; i < WAYS; i++)
        if (set[i].until_ms < guess->until_ms)
            guess = &set[i];
    *guess = (struct guess){0};
    memcpy(guess->key, key, CLIENT_KEY_BYTES);
    return guess;
}

static void say(struct guesses *g, const struct client_address *a, uint64_t now_ms, const char *why)
{
    char text[INET6_ADDRSTRLEN];
    char unsaid[64] = "";
    if (g->log_full_ms > now_ms + (uint64_t)(GUESSES_LOG_BURST - 1) * GUESSES_LOG_EVERY_MS) {
        g->unsaid++;
        return;
    }
    g->log_full_ms = (g->log_full_ms > now_ms ? g->log_full_ms : now_ms) + GUESSES_LOG_EVERY_MS;
    client_address_text(a, text);
    if (g->unsaid > 0)
        (void)snprintf(unsaid, sizeof(unsaid), " (%llu others before it were not logged)",
                       (unsigned long long)g->unsaid);
    g->unsaid = 0;
    log_warn("refused %s: %s%s", text, why, unsaid);
}

void guesses_count(struct guesses *g, const struct client_address *a, uint64_t now_ms,
                   const char *why)
{
    unsigned char key[CLIENT_KEY_BYTES];
    say(g, a, now_ms, why);
    if (!g->table)
        g->table = calloc(GUESSES_ADDRESSES, sizeof(*g->table));
    if (!g->table || a->exempt)
        return;
    (void)client_address_key(a, key);
    struct guess *guess = take_place(set_of(g, key), key);
    guess->until_ms = (guess->until_ms > now_ms ? guess->until_ms : now_ms) + GUESSES_EVERY_MS;
    if (is_full(guess, now_ms))
        say(g, a, now_ms, "too many attempts, which are slowed down from now on");
}

void guesses_deinit(struct guesses *g)
{
    free(g->table);
    g->table = NULL;
}
