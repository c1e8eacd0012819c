// SPDX-License-Identifier: MIT
#include "tls_store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tls_source.h"

// Of the sources of the directory, whose keys' paths follow from those of the chains.
static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct tls_source *)a)->files.chain_file,
                  ((const struct tls_source *)b)->files.chain_file);
}

static struct tls_source *find_source(const struct tls_store *s, size_t count, const char *chain)
{
    const struct tls_source key = {.files = {.chain_file = chain}};
    return count > s->of_pairs ? bsearch(&key, s->sources + s->of_pairs, count - s->of_pairs,
                                         sizeof(key), compare_paths)
                               : NULL;
}

// Adds what a listing has beside the sources, and counts the looks that others are missing in. What
// there is no memory for is added later.
static void merge(struct tls_store *s, const struct tls_dir *d)
{
    struct tls_source *grown = realloc(s->sources, (s->count + d->count + 1) * sizeof(*grown));
    size_t known = s->count;
    if (!grown)
        return;
    s->sources = grown;
    for (size_t i = s->of_pairs; i < known; i++)
        s->sources[i].missed++;
    for (size_t i = 0; i < d->count; i++) {
        const struct tls_pair_files files = {d->pairs[i].chain_file, d->pairs[i].key_file};
        struct tls_source *old = find_source(s, known, files.chain_file);
        if (old)
            old->missed = 0;
        else
            s->count += tls_source_init(&s->sources[s->count], &files, TLS_RANK_DIR);
    }
    if (s->count > known)
        qsort(s->sources + s->of_pairs, s->count - s->of_pairs, sizeof(*s->sources), compare_paths);
}

// Returns NULL, or why the directory cannot be listed.
static const char *list(struct tls_store *s, bool *more)
{
    struct tls_dir d;
    const char *why = tls_dir_list(s->dir, &d);
    if (why)
        return why;
    *more = d.more;
    merge(s, &d);
    tls_dir_free(&d);
    return NULL;
}

static bool is_gone(const struct tls_source *s, bool all)
{
    return s->missed >= TLS_LOOKS || (s->missed > 0 && (all || !s->cert));
}

static const struct tls_cert *next_of(const struct tls_source *s)
{
    return s->fresh ? s->fresh : s->cert;
}

// Whether a certificate would be left without those that are gone.
static bool some_would_stay(const struct tls_store *s, bool all)
{
    bool stays = s->may_be_empty;
    for (size_t i = 0; i < s->count && !stays; i++)
        stays = !is_gone(&s->sources[i], all) && next_of(&s->sources[i]);
    return stays;
}

static void remove_source(struct tls_store *s, size_t at, const struct tls_teller *to)
{
    if (s->sources[at].cert)
        tls_tell(to, false, "certificate file %s is gone: the certificate is no longer used",
                 s->sources[at].files.chain_file);
    tls_source_deinit(&s->sources[at]);
    s->count--;
    memmove(&s->sources[at], &s->sources[at + 1], (s->count - at) * sizeof(*s->sources));
}

// Makes the table of names anew, of what will be in force. False: no memory.
static bool make_names(const struct tls_store *s, bool all, bool drop, struct tls_names *names)
{
    *names = (struct tls_names){0};
    for (size_t i = 0; i < s->count; i++) {
        const struct tls_source *source = &s->sources[i];
        if ((drop && is_gone(source, all)) || !next_of(source))
            continue;
        if (!tls_names_add(names, next_of(source), source->rank)) {
            tls_names_free(names);
            return false;
        }
    }
    tls_names_sort(names);
    return true;
}

// Puts what was read in force, and what is gone out of force, except the last one. False: no
// memory, and the next look tries again.
static bool settle(struct tls_store *s, bool all, bool drop, const struct tls_teller *to)
{
    struct tls_names names;
    if (!make_names(s, all, drop, &names))
        return false;
    tls_names_free(&s->names);
    s->names = names;
    for (size_t i = s->count; i-- > 0;) {
        if (drop && is_gone(&s->sources[i], all))
            remove_source(s, i, to);
        else
            tls_source_settle(&s->sources[i], to);
    }
    s->first = NULL;
    for (size_t i = 0; i < s->count && !s->first; i++)
        s->first = s->sources[i].cert;
    return true;
}

static bool is_changed(const struct tls_store *s, bool all, bool drop)
{
    bool changed = false;
    for (size_t i = 0; i < s->count && !changed; i++)
        changed = s->sources[i].fresh || (drop && is_gone(&s->sources[i], all));
    return changed;
}

// Reads what has changed. Returns whether those that are gone may go: not the last ones.
static bool look_at_sources(struct tls_store *s, bool all, const struct tls_teller *to)
{
    char why[TLS_WHY_MAX];
    for (size_t i = 0; i < s->count; i++)
        if (!is_gone(&s->sources[i], all) &&
            !tls_source_look(&s->sources[i], s->context, all, to->now_s, why))
            tls_source_fail(&s->sources[i], why, all, to);
    bool drop = some_would_stay(s, all);
    for (size_t i = 0; i < s->count && !drop; i++) {
        (void)snprintf(why, sizeof(why), "certificate file %s: it is gone",
                       s->sources[i].files.chain_file);
        if (is_gone(&s->sources[i], all))
            tls_source_fail(&s->sources[i], why, all, to);
    }
    return drop;
}

static void look_at_dir(struct tls_store *s, bool all, const struct tls_teller *to)
{
    bool more = false;
    const char *why = list(s, &more);
    s->dir_failures = why ? s->dir_failures + 1 : 0;
    if (why && (s->dir_failures == TLS_LOOKS || all))
        tls_tell(to, true, "directory of certificates %s: %s: those read before stay in use",
                 s->dir, why);
    if (!why && more && !s->told_more)
        tls_tell(to, true, "directory of certificates %s holds more than %d: the rest is not used",
                 s->dir, TLS_PAIRS_MAX);
    s->told_more = to->told && more;
}

void tls_store_look(struct tls_store *s, bool all, int64_t now_s, tls_told *told, void *ctx)
{
    const struct tls_teller to = {.told = told, .ctx = ctx, .now_s = now_s};
    if (s->dir)
        look_at_dir(s, all, &to);
    bool drop = look_at_sources(s, all, &to);
    if (is_changed(s, all, drop) && !settle(s, all, drop, &to))
        tls_tell(&to, true, "certificates: no memory to put changed ones in use");
    for (size_t i = 0; i < s->count; i++)
        tls_source_remind(&s->sources[i], &to);
}

// Pairs that were named must be usable.
static bool read_pairs(struct tls_store *s, const struct tls_server_options *o, int64_t now_s,
                       char why[static TLS_WHY_MAX])
{
    s->sources = calloc(o->pair_count + 1, sizeof(*s->sources));
    for (size_t i = 0; i < o->pair_count && s->sources; i++) {
        if (!tls_source_init(&s->sources[i], &o->pairs[i], (uint32_t)i))
            return false;
        s->of_pairs = ++s->count;
        if (!tls_source_look(&s->sources[i], s->context, true, now_s, why))
            return false;
    }
    return s->sources != NULL;
}

// Reads the directory too. The reason is that of its first pair if none can be used.
static bool read_dir(struct tls_store *s, int64_t now_s, char why[static TLS_WHY_MAX])
{
    bool more = false;
    const char *reason = list(s, &more);
    if (reason) {
        (void)snprintf(why, TLS_WHY_MAX, "directory of certificates %s: %s", s->dir, reason);
        return false;
    }
    (void)snprintf(why, TLS_WHY_MAX, "directory of certificates %s: it holds none", s->dir);
    for (size_t i = s->count; i-- > s->of_pairs;) {
        const struct tls_teller nobody = {0};
        if (!tls_source_look(&s->sources[i], s->context, true, now_s, why))
            tls_source_fail(&s->sources[i], why, false, &nobody);
    }
    return some_would_stay(s, false);
}

bool tls_store_init(struct tls_store *s, SSL_CTX *context, const struct tls_server_options *options,
                    char why[static TLS_WHY_MAX])
{
    const struct tls_teller nobody = {0};
    int64_t now_s = (int64_t)time(NULL);
    *s = (struct tls_store){.context = context,
                            .may_be_empty = options->dev_dir || options->may_be_empty};
    (void)snprintf(why, TLS_WHY_MAX, "certificates: no memory");
    if (options->dir)
        s->dir = strdup(options->dir);
    bool done = (!options->dir || s->dir) && read_pairs(s, options, now_s, why) &&
                (!s->dir || read_dir(s, now_s, why));
    if (done && !some_would_stay(s, false)) {
        (void)snprintf(why, TLS_WHY_MAX, "TLS needs a certificate");
        done = false;
    }
    if (done && !settle(s, false, true, &nobody)) {
        (void)snprintf(why, TLS_WHY_MAX, "certificates: no memory");
        done = false;
    }
    if (!done)
        tls_store_deinit(s);
    return done;
}

void tls_store_deinit(struct tls_store *s)
{
    tls_names_free(&s->names);
    for (size_t i = 0; i < s->count; i++)
        tls_source_deinit(&s->sources[i]);
    free(s->sources);
    free(s->dir);
    *s = (struct tls_store){0};
}
