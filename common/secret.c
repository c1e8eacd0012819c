// SPDX-License-Identifier: MIT
#include "secret.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "log.h"

const char *secret_read_file(const char *path, char out[static SECRET_MAX])
{
    FILE *file = fopen(path, "re");
    struct stat st;
    if (!file)
        return "cannot be opened";
    bool exposed = !fstat(fileno(file), &st) && (st.st_mode & (S_IRWXO | S_IWGRP));
    char *line = fgets(out, SECRET_MAX, file);
    (void)fclose(file);
    if (exposed)
        log_warn("the token file %s can be read by others: chmod 600 it", path);
    if (!line)
        return "is empty";
    size_t len = strcspn(out, "\r\n");
    if (out[len] == 0 && len == SECRET_MAX - 1)
        return "holds a line longer than 254 characters";
    out[len] = 0;
    return secret_is_sound(out) ? NULL
                                : "does not hold a token: 16 to 255 visible characters, no spaces";
}

bool secret_is_sound(const char *token)
{
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++)
        if (token[i] <= ' ' || token[i] == 0x7f)
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

bool secret_random_hex(char *out, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[64];
    if (bytes > sizeof(random) || RAND_bytes(random, (int)bytes) != 1)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        out[2 * i] = digits[random[i] >> 4];
        out[2 * i + 1] = digits[random[i] & 15];
    }
    out[2 * bytes] = 0;
    return true;
}

void secret_wipe(char *secret, size_t len)
{
    OPENSSL_cleanse(secret, len);
}
