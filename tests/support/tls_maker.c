// SPDX-License-Identifier: MIT
#include "tls_maker.h"
#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check.h"

void tls_maker_begin(struct tls_maker *m)
{
    char directory[] = "/tmp/adit-made-XXXXXX";
    CHECK(mkdtemp(directory));
    memcpy(m->directory, directory, sizeof(directory));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void tls_maker_end(const struct tls_maker *m)
{
    CHECK(nftw(m->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

const char *tls_maker_path(const struct tls_maker *m, const char *name,
                           char out[static TLS_PATH_MAX])
{
    int n = snprintf(out, TLS_PATH_MAX, "%s/%s", m->directory, name);
    CHECK(n > 0 && n < TLS_PATH_MAX);
    for (char *slash = strchr(out + strlen(m->directory) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(out, 0755);
        *slash = '/';
    }
    return out;
}

// Opens a new file beside the path, which it replaces once it is closed.
static FILE *begin(const char *path, char beside[static TLS_PATH_MAX + 8])
{
    (void)snprintf(beside, TLS_PATH_MAX + 8, "%s.new", path);
    FILE *file = fopen(beside, "we");
    CHECK(file);
    return file;
}

static void end(FILE *file, const char *path, const char *beside)
{
    CHECK(fclose(file) == 0 && chmod(beside, 0600) == 0 && rename(beside, path) == 0);
}

static X509 *certify(EVP_PKEY *key, const struct tls_made *made)
{
    static long serial;
    X509 *x = X509_new();
    long ends_s = made->ends_s ? made->ends_s : 60 * TLS_DAY_S;
    CHECK(x && X509_set_version(x, 2));
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial));
    CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                     (const unsigned char *)"common.example", -1, -1, 0));
    CHECK(X509_set_issuer_name(x, X509_get_subject_name(x)));
    CHECK(X509_gmtime_adj(X509_getm_notBefore(x), made->begins_s ? made->begins_s : -TLS_DAY_S));
    CHECK(X509_gmtime_adj(X509_getm_notAfter(x), ends_s));
    CHECK(X509_set_pubkey(x, key));
    if (made->names) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, made->names);
        CHECK(e && X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
    }
    CHECK(X509_sign(x, key, EVP_sha256()));
    return x;
}

void tls_maker_pair(const struct tls_maker *m, const char *chain, const char *key,
                    const struct tls_made *made)
{
    char path[TLS_PATH_MAX];
    char beside[TLS_PATH_MAX + 8];
    EVP_PKEY *pair = made->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    EVP_PKEY *other = made->key_of_others ? EVP_EC_gen("P-256") : NULL;
    X509 *x = certify(pair, made);
    if (chain) {
        FILE *file = begin(tls_maker_path(m, chain, path), beside);
        CHECK(PEM_write_X509(file, x));
        end(file, path, beside);
    }
    if (key) {
        FILE *file = begin(tls_maker_path(m, key, path), beside);
        CHECK(PEM_write_PrivateKey(file, other ? other : pair, NULL, NULL, 0, NULL, NULL));
        end(file, path, beside);
    }
    X509_free(x);
    EVP_PKEY_free(pair);
    EVP_PKEY_free(other);
}

void tls_maker_text(const struct tls_maker *m, const char *name, const char *text)
{
    char path[TLS_PATH_MAX];
    char beside[TLS_PATH_MAX + 8];
    FILE *file = begin(tls_maker_path(m, name, path), beside);
    CHECK(fputs(text, file) >= 0);
    end(file, path, beside);
}
