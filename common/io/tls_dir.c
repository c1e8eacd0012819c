// SPDX-License-Identifier: MIT
#include "tls_dir.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// One path made of three parts; NULL: no memory.
static char *join(const char *a, const char *b, const char *c)
{
    size_t cap = strlen(a) + strlen(b) + strlen(c) + 1;
    char *path = malloc(cap);
    if (path)
        (void)snprintf(path, cap, "%s%s%s", a, b, c);
    return path;
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

// Takes over both paths if it returns true.
static bool add(struct tls_dir *d, char *chain_file, char *key_file)
{
    if (!chain_file || !key_file)
        return false;
    d->pairs[d->count++] = (struct tls_dir_pair){chain_file, key_file};
    return true;
}

// A directory of the name: certbot's when the whole chain is there or nothing is, else uacme's.
static bool add_directory(struct tls_dir *d, const char *base, const char *name)
{
    char *below = join(base, name, "/");
    char *chain = below ? join(below, "fullchain.pem", "") : NULL;
    char *bare = below ? join(below, "cert.pem", "") : NULL;
    char *key = NULL;
    if (chain && bare && !is_there(chain) && is_there(bare)) {
        char *private = join(base, "private/", name);
        key = private ? join(private, "/key.pem", "") : NULL;
        free(private);
        free(chain);
        chain = bare;
        bare = NULL;
    } else if (below) {
        key = join(below, "privkey.pem", "");
    }
    free(below);
    free(bare);
    if (add(d, chain, key))
        return true;
    free(chain);
    free(key);
    return false;
}

static bool add_file(struct tls_dir *d, const char *base, const char *name)
{
    size_t stem_len = strlen(name) - strlen(".crt");
    char *stem = strndup(name, stem_len);
    char *chain = join(base, name, "");
    char *key = stem ? join(base, stem, ".key") : NULL;
    free(stem);
    if (add(d, chain, key))
        return true;
    free(chain);
    free(key);
    return false;
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name);
    size_t end_len = strlen(end);
    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static bool is_directory(DIR *in, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type == DT_DIR || entry->d_type == DT_REG)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(in), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

// False: no memory.
static bool take_entry(struct tls_dir *d, DIR *in, const char *base, const struct dirent *entry)
{
    const char *name = entry->d_name;
    if (name[0] == '.')
        return true;
    bool of_files = ends_with(name, ".crt") && !ends_with(name, ".issuer.crt");
    bool directory = !of_files && strcmp(name, "private") != 0 && is_directory(in, entry);
    if (!of_files && !directory)
        return true;
    if (d->count == TLS_PAIRS_MAX) {
        d->more = true;
        return true;
    }
    return of_files ? add_file(d, base, name) : add_directory(d, base, name);
}

static int compare(const void *a, const void *b)
{
    const struct tls_dir_pair *x = a;
    const struct tls_dir_pair *y = b;
    return strcmp(x->chain_file, y->chain_file);
}

const char *tls_dir_list(const char *path, struct tls_dir *d)
{
    *d = (struct tls_dir){0};
    DIR *in = opendir(path);
    if (!in)
        return strerror(errno);
    char *base = join(path, ends_with(path, "/") ? "" : "/", "");
    d->pairs = calloc(TLS_PAIRS_MAX, sizeof(*d->pairs));
    bool done = base && d->pairs;
    struct dirent *entry = NULL;
    while (done && !d->more && (entry = readdir(in)))
        done = take_entry(d, in, base, entry);
    (void)closedir(in);
    free(base);
    if (!done) {
        tls_dir_free(d);
        return "no memory";
    }
    if (d->count > 0)
        qsort(d->pairs, d->count, sizeof(*d->pairs), compare);
    return NULL;
}

void tls_dir_free(struct tls_dir *d)
{
    for (size_t i = 0; d->pairs && i < d->count; i++) {
        free(d->pairs[i].chain_file);
        free(d->pairs[i].key_file);
    }
    free(d->pairs);
    *d = (struct tls_dir){0};
}
