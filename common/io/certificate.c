// SPDX-License-Identifier: MIT
#include "certificate.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/base/private_file.h"
#include "common/base/secret.h"
#include "tls_cert.h"
#include "tls_internal.h"

static bool has_name(const struct tls_cert *c, const char *name)
{
    for (size_t i = 0; i < c->name_count; i++)
        if (strcmp(c->names[i], name) == 0)
            return true;
    return false;
}

bool certificate_read(const char *chain, const char *key, const char *name,
                      struct certificate_life *life, char why[static TLS_WHY_MAX])
{
    const struct tls_pair_files files = {.chain_file = chain, .key_file = key};
    SSL_CTX *context = tls_context_new(TLS_server_method(), why);
    struct tls_cert *c = context ? tls_cert_read(context, &files, NULL, why) : NULL;
    bool found = c && has_name(c, name);
    if (c && !found)
        (void)snprintf(why, TLS_WHY_MAX, "the certificate in %s is not for %s", chain, name);
    if (found)
        *life = (struct certificate_life){c->begins_s, c->ends_s};
    tls_cert_free(c);
    SSL_CTX_free(context);
    return found;
}

size_t certificate_read_note(const char *path, char *out, size_t cap)
{
    const char *why = NULL;
    int fd = private_open(path, O_RDONLY, &why);
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && len < cap) {
        n = read(fd, out + len, cap - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return n == 0 ? len : 0;
}

static size_t read_file(const char *path, char out[static CERTIFICATE_FILE_MAX])
{
    return certificate_read_note(path, out, CERTIFICATE_FILE_MAX);
}

void certificate_remove(const char *path)
{
    (void)private_remove(AT_FDCWD, path);
}

bool certificate_same(const char *one, const char *other)
{
    char first[CERTIFICATE_FILE_MAX];
    char second[CERTIFICATE_FILE_MAX];
    size_t len = read_file(one, first);
    return len > 0 && read_file(other, second) == len && memcmp(first, second, len) == 0;
}

int certificate_copy(const char *from, const char *to)
{
    char bytes[CERTIFICATE_FILE_MAX];
    size_t len = read_file(from, bytes);
    int error = len > 0 ? private_write(to, bytes, len, PRIVATE_REPLACE_SYNCED, NULL) : EIO;
    secret_wipe(bytes, sizeof(bytes));
    return error;
}
