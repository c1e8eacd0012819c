// SPDX-License-Identifier: MIT
#include "challenge.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "common/base/state.h"

bool challenge_is_path(struct slice path, struct slice *token)
{
    const struct slice prefix = SLICE("/.well-known/acme-challenge/");
    if (path.len < prefix.len || memcmp(path.p, prefix.p, prefix.len) != 0)
        return false;
    *token = slice_of(path.p + prefix.len, path.len - prefix.len);
    return true;
}

// base64url (RFC 8555 §8.1): no token is a path.
static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return text.len > 0 && text.len <= CHALLENGE_TOKEN_MAX;
}

// Reads a whole file and closes it. Returns its length, or -1.
static int read_all(int fd, char out[static CHALLENGE_MAX])
{
    char more;
    size_t len = 0;
    ssize_t n = 0;
    while (len < CHALLENGE_MAX && (n = read(fd, out + len, CHALLENGE_MAX - len)) > 0)
        len += (size_t)n;
    bool whole = n == 0 || (n > 0 && read(fd, &more, 1) == 0);
    (void)close(fd);
    return whole ? (int)len : -1;
}

// Opens a directory in another one, which is closed.
static int step(int dir, const char *name)
{
    int fd = dir < 0 ? -1 : private_open_dir(dir, name, false);
    if (dir >= 0)
        (void)close(dir);
    return fd;
}

static int open_in(int dir, const char *name)
{
    int fd = dir < 0 ? -1 : private_open_at(dir, name);
    if (dir >= 0)
        (void)close(dir);
    return fd;
}

int challenge_read(const char *dir, struct slice token, char out[static CHALLENGE_MAX])
{
    char name[CHALLENGE_TOKEN_MAX + 1];
    if (!is_token(token))
        return -1;
    memcpy(name, token.p, token.len);
    name[token.len] = 0;
    int fd = open_in(step(private_open_dir(AT_FDCWD, dir, false), "acme-challenge"), name);
    if (fd < 0) {
        int root = step(private_open_dir(AT_FDCWD, dir, false), "acme-challenge");
        fd = open_in(step(step(root, ".well-known"), "acme-challenge"), name);
    }
    return fd < 0 ? -1 : read_all(fd, out);
}
