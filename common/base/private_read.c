// SPDX-License-Identifier: MIT
#include "private_read.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Reads up to `cap` bytes. Returns how many, or -1.
static ssize_t fill(int fd, char *to, size_t cap)
{
    size_t got = 0;
    while (got < cap) {
        ssize_t n = read(fd, to + got, cap - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

static const char *flaw_of(const struct stat *st, size_t cap)
{
    if (S_ISDIR(st->st_mode))
        return strerror(EISDIR);
    if (!S_ISREG(st->st_mode))
        return "it is no regular file";
    if (st->st_size == 0)
        return "it is empty";
    return (uint64_t)st->st_size > cap ? "it is too long" : NULL;
}

static const char *read_open(int fd, const struct stat *st, char **bytes, size_t *len)
{
    size_t cap = (size_t)st->st_size;
    char *text = malloc(cap + 1);
    if (!text)
        return "no memory";
    ssize_t n = fill(fd, text, cap);
    if (n > 0) {
        text[n] = 0;
        *bytes = text;
        *len = (size_t)n;
        return NULL;
    }
    const char *why = n < 0 ? strerror(errno) : "it is empty";
    OPENSSL_cleanse(text, cap);
    free(text);
    return why;
}

const char *private_read(const char *path, size_t cap, char **bytes, size_t *len, struct stat *st)
{
    // Opening a device may have effects.
    if (stat(path, st))
        return strerror(errno);
    const char *why = flaw_of(st, cap);
    if (why)
        return why;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return strerror(errno);
    why = fstat(fd, st) ? strerror(errno) : flaw_of(st, cap);
    if (!why)
        why = read_open(fd, st, bytes, len);
    (void)close(fd);
    return why;
}
