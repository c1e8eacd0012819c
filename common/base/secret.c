// SPDX-License-Identifier: MIT
#include "secret.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "log.h"

// The phrase behind "the token file PATH".
static const char *error_phrase(int error)
{
    switch (error) {
    case ENOENT: return "does not exist";
    case EACCES: return "may not be read by this user";
    case EISDIR: return "is a directory";
    default: return "cannot be read";
    }
}

// Reads the first line of a file, without its end, as far as it fits. Reading byte by byte does not
// wait beyond the line when the token is typed or piped in. Returns the length.
static size_t read_line(FILE *file, char *line, size_t cap)
{
    size_t len = 0;
    for (int c = getc(file); c != EOF && c != '\n' && len < cap; c = getc(file))
        line[len++] = (char)c;
    return len > 0 && line[len - 1] == '\r' ? len - 1 : len;
}

const char *secret_read_file(const char *path, char out[static SECRET_MAX])
{
    char line[SECRET_MAX + 1]; // the longest token and a CR, or one byte too many
    FILE *file = fopen(path, "re");
    struct stat st;
    if (!file)
        return error_phrase(errno);
    (void)setvbuf(file, NULL, _IONBF, 0); // a buffer would keep a copy of the token
    // Owner and mode of a pipe or a terminal mean nothing here.
    bool is_file = !fstat(fileno(file), &st) && S_ISREG(st.st_mode);
    size_t len = read_line(file, line, sizeof(line));
    const char *why = ferror(file) ? error_phrase(errno) : NULL;
    (void)fclose(file);
    if (!why && is_file && (st.st_mode & (S_IWGRP | S_IWOTH)))
        why = "may be written by others: chmod 600 it";
    if (!why && is_file && (st.st_mode & S_IRWXO))
        log_warn("token file %s: it can be read by others: chmod 600 it", path);
    if (!why && is_file && st.st_uid != 0 && st.st_uid != geteuid())
        log_warn("token file %s: it belongs to another user (uid %ld), who may change it: chown it",
                 path, (long)st.st_uid);
    if (!why && len == 0)
        why = "is empty, or its first line is";
    if (!why && len >= SECRET_MAX)
        why = "holds a line longer than 255 characters";
    memcpy(out, line, why ? 0 : len);
    out[why ? 0 : len] = 0;
    secret_wipe(line, sizeof(line));
    if (why)
        return why;
    return strlen(out) == len && secret_is_valid(out)
               ? NULL
               : "does not hold a token: 16 to 255 visible characters, no spaces";
}

bool secret_is_valid(const char *token)
{
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++)
        if (token[i] <= ' ' || (unsigned char)token[i] >= 0x7f)
            return false;
    return len >= 16 && len < SECRET_MAX;
}

bool secret_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned char da[EVP_MAX_MD_SIZE];
    unsigned char db[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!EVP_Digest(a, a_len, da, &n, EVP_sha256(), NULL) ||
        !EVP_Digest(b, b_len, db, &n, EVP_sha256(), NULL))
        return false;
    return CRYPTO_memcmp(da, db, n) == 0;
}

static void write_hex(char *out, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = 0;
}

bool secret_sha256_hex(const char *secret, size_t len, char out[static SECRET_HEX_MAX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!EVP_Digest(secret, len, digest, NULL, EVP_sha256(), NULL))
        return false;
    write_hex(out, digest, 32);
    return true;
}

bool secret_hmac_hex(struct slice key, struct slice message, char out[static SECRET_HEX_MAX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (key.len > SECRET_MAX || !HMAC(EVP_sha256(), key.p, (int)key.len,
                                      (const unsigned char *)message.p, message.len, digest, NULL))
        return false;
    write_hex(out, digest, 32);
    return true;
}

bool secret_random_hex(char *out, size_t bytes)
{
    unsigned char random[64];
    if (bytes > sizeof(random) || RAND_bytes(random, (int)bytes) != 1)
        return false;
    write_hex(out, random, bytes);
    return true;
}

bool secret_random(void *out, size_t bytes)
{
    return RAND_bytes(out, (int)bytes) == 1;
}

void secret_wipe(char *secret, size_t len)
{
    OPENSSL_cleanse(secret, len);
}
