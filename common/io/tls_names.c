// SPDX-License-Identifier: MIT
#include "tls_names.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tls_names_add(struct tls_names *t, const struct tls_cert *c, uint32_t rank)
{
    if (c->name_count == 0)
        return true;
    struct tls_name_entry *more =
        realloc(t->entries, (t->count + c->name_count) * sizeof(*t->entries));
    if (!more)
        return false;
    t->entries = more;
    for (size_t i = 0; i < c->name_count; i++)
        t->entries[t->count++] =
            (struct tls_name_entry){.name = c->names[i], .cert = c, .rank = rank};
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct tls_name_entry *x = a;
    const struct tls_name_entry *y = b;
    int by_name = strcmp(x->name, y->name);
    if (by_name != 0)
        return by_name;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->cert->ends_s != y->cert->ends_s)
        return x->cert->ends_s > y->cert->ends_s ? -1 : 1;
    return memcmp(x->cert->files_id, y->cert->files_id, sizeof(x->cert->files_id));
}

void tls_names_sort(struct tls_names *t)
{
    if (t->count > 0)
        qsort(t->entries, t->count, sizeof(*t->entries), compare);
}

static bool is_other_kind(const struct tls_cert *a, const struct tls_cert *b)
{
    return EVP_PKEY_get_base_id(a->key) != EVP_PKEY_get_base_id(b->key) &&
           memcmp(a->names_id, b->names_id, sizeof(a->names_id)) == 0;
}

// The certificates with this very name that end behind a time.
static struct tls_found find(const struct tls_names *t, const char *name, int64_t after_s)
{
    size_t low = 0;
    size_t high = t->count;
    while (low < high) { // the first that is not before the name
        size_t middle = low + (high - low) / 2;
        if (strcmp(t->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct tls_found found = {0};
    for (; low < t->count && strcmp(t->entries[low].name, name) == 0; low++) {
        const struct tls_cert *c = t->entries[low].cert;
        if (c->ends_s <= after_s)
            continue;
        if (!found.first)
            found.first = c;
        else if (!found.other && is_other_kind(found.first, c))
            found.other = c;
    }
    return found;
}

static struct tls_found find_covering(const struct tls_names *t, const char *name, int64_t after_s)
{
    struct tls_found found = find(t, name, after_s);
    const char *dot = strchr(name, '.');
    char wildcard[TLS_NAME_MAX + 1];
    if (found.first || !dot || dot == name)
        return found;
    (void)snprintf(wildcard, sizeof(wildcard), "*%s", dot);
    return find(t, wildcard, after_s);
}

struct tls_found tls_names_find(const struct tls_names *t, const char *name, int64_t now_s)
{
    struct tls_found found = find_covering(t, name, now_s);
    return found.first ? found : find_covering(t, name, INT64_MIN);
}

void tls_names_free(struct tls_names *t)
{
    free(t->entries);
    *t = (struct tls_names){0};
}
