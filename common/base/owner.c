// SPDX-License-Identifier: MIT
#include "owner.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "destination.h"
#include "private_file.h"
#include "proto/bytes.h"
#include "secret.h"
#include "state.h"

// The first line of a key file. Files of the earlier version hold the digits alone: that key was
// sent to relays unchanged, so it is put aside and only proven, never derived from.
#define FIRST_LINE "adit owner key 2\n"
#define KEY_FILE   "owner.key"

enum {
    MESSAGE_MAX = DESTINATION_HOST_MAX + 32,
    READ_TRIES = 4 // while other programs make or move the file
};

// Normalises the host that a value is derived for.
static void write_host(const char *host, char out[static DESTINATION_HOST_MAX])
{
    size_t len = strnlen(host, DESTINATION_HOST_MAX - 1);
    if (len > 1 && host[len - 1] == '.')
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = ascii_lower(host[i]);
    out[len] = 0;
    if (destination_is_loopback(out))
        (void)snprintf(out, DESTINATION_HOST_MAX, "localhost");
}

// The purpose before the host keeps one kind of value from being used as another.
static bool hmac(const char *key, const char *purpose, const char *host, owner_value out)
{
    char name[DESTINATION_HOST_MAX];
    char message[MESSAGE_MAX];
    write_host(host, name);
    int len = snprintf(message, sizeof(message), "%s\n%s", purpose, name);
    return secret_hmac_hex(slice_str(key), slice_of(message, (size_t)len), out);
}

bool owner_for_relay(const char *key, const char *host, owner_value out)
{
    return hmac(key, "adit owner", host, out);
}

bool owner_proof(const char *hash, const char *host, owner_value out)
{
    return hmac(hash, "adit owner before", host, out);
}

typedef char path_text[STATE_PATH_MAX + 64];

static bool explain(const char *path, const char *problem, char why[static OWNER_WHY_MAX])
{
    const char *name = strrchr(path, '/');
    (void)snprintf(why, OWNER_WHY_MAX, "%.32s: %s", name ? name + 1 : path, problem);
    return false;
}

static bool is_key(const char *text, size_t len)
{
    return len == OWNER_DIGITS && strspn(text, "0123456789abcdef") >= OWNER_DIGITS;
}

// The earlier version accepted a line end behind the digits, as editors write it.
static bool is_previous_key(const char *text, size_t len)
{
    size_t digits = strcspn(text, "\r\n");
    return is_key(text, digits) && (digits == len || strcmp(text + digits, "\n") == 0 ||
                                    strcmp(text + digits, "\r\n") == 0);
}

// Reads a file of ours that others may not even read. Returns its length, or -1 with `why` set.
static ssize_t read_private(const char *path, char *text, size_t cap,
                            char why[static OWNER_WHY_MAX])
{
    struct stat st;
    const char *problem = NULL;
    int fd = private_open(path, O_RDONLY, &problem);
    if (fd < 0) {
        int error = errno;
        (void)explain(path, problem, why);
        errno = error;
        return -1;
    }
    ssize_t n = read(fd, text, cap - 1);
    int error = n < 0 ? errno : 0;
    bool exposed = fstat(fd, &st) || (st.st_mode & (S_IRWXG | S_IRWXO));
    (void)close(fd);
    errno = error ? error : EPERM;
    if (error || exposed) {
        (void)explain(path, error ? strerror(error) : "others may read it: chmod 600 it", why);
        return -1;
    }
    text[n] = 0;
    return n;
}

// Reads the key of the earlier version, if there is one.
static bool read_previous(const char *path, owner_value out, char why[static OWNER_WHY_MAX])
{
    char text[OWNER_DIGITS + 4]; // with a line end, and one byte too many
    ssize_t len = read_private(path, text, sizeof(text), why);
    bool is_there = len >= 0;
    out[0] = 0;
    if (is_there && is_previous_key(text, (size_t)len)) {
        memcpy(out, text, OWNER_DIGITS);
        out[OWNER_DIGITS] = 0;
    }
    secret_wipe(text, sizeof(text));
    if (!is_there)
        return errno == ENOENT;
    return out[0] || explain(path, "it is damaged: remove it", why);
}

static bool make_key(const char *path, char why[static OWNER_WHY_MAX])
{
    char text[sizeof(FIRST_LINE) + OWNER_DIGITS + 1] = FIRST_LINE;
    size_t len = sizeof(FIRST_LINE) - 1;
    if (!secret_random_hex(text + len, OWNER_DIGITS / 2))
        return explain(path, "the system gives no random bytes", why);
    len += OWNER_DIGITS;
    text[len++] = '\n';
    int error = private_write(path, text, len, PRIVATE_KEEP, NULL);
    secret_wipe(text, sizeof(text));
    return !error || error == EEXIST || explain(path, strerror(error), why);
}

static bool put_aside(const char *path, const char *aside, char why[static OWNER_WHY_MAX])
{
    int error = private_move(path, aside);
    if (error == EEXIST)
        return explain(
            path, "it is of an earlier version, and so is " KEY_FILE ".before: remove one of them",
            why);
    return !error || error == ENOENT || explain(path, strerror(error), why);
}

// The content of a key file.
enum content {
    CONTENT_KEY,
    CONTENT_PREVIOUS, // a key of the earlier version
    CONTENT_DAMAGED
};

static enum content take_key(const char *text, size_t len, owner_value key)
{
    const size_t first = sizeof(FIRST_LINE) - 1;
    if (is_previous_key(text, len))
        return CONTENT_PREVIOUS;
    if (len != first + OWNER_DIGITS + 1 || memcmp(text, FIRST_LINE, first) != 0 ||
        !is_key(text + first, strcspn(text + first, "\n")))
        return CONTENT_DAMAGED;
    memcpy(key, text + first, OWNER_DIGITS);
    key[OWNER_DIGITS] = 0;
    return CONTENT_KEY;
}

// Reads the file once, and makes it or puts it aside as needed. True with an empty `key`: the next
// try finds one.
static bool try_read(const char *path, const char *aside, owner_value key,
                     char why[static OWNER_WHY_MAX])
{
    char text[sizeof(FIRST_LINE) + OWNER_DIGITS + 3];
    ssize_t len = read_private(path, text, sizeof(text), why);
    key[0] = 0;
    if (len < 0)
        return errno == ENOENT && make_key(path, why);
    enum content content = take_key(text, (size_t)len, key);
    secret_wipe(text, sizeof(text));
    switch (content) {
    case CONTENT_KEY: return true;
    case CONTENT_PREVIOUS: return put_aside(path, aside, why);
    case CONTENT_DAMAGED: break;
    }
    return explain(path, "it is damaged: remove it to get a new one", why);
}

bool owner_keys_read(const char *dir, struct owner_keys *keys, char why[static OWNER_WHY_MAX])
{
    path_text path;
    path_text aside;
    bool ok = true;
    *keys = (struct owner_keys){0};
    (void)snprintf(path, sizeof(path), "%s/" KEY_FILE, dir);
    (void)snprintf(aside, sizeof(aside), "%s/" KEY_FILE ".before", dir);
    for (int i = 0; ok && !keys->key[0] && i < READ_TRIES; i++)
        ok = try_read(path, aside, keys->key, why);
    if (ok && !keys->key[0])
        return explain(path, "another program keeps changing it", why);
    return ok && read_previous(aside, keys->previous, why);
}
