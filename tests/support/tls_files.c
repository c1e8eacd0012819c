// SPDX-License-Identifier: MIT
#include "tls_files.h"
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "check.h"

enum {
    DAY_S = 24 * 60 * 60
};

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static void add_extension(X509 *to, int kind, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    CHECK(e && X509_add_ext(to, e, -1));
    X509_EXTENSION_free(e);
}

// A certificate for `key`, signed by `issuer` or by itself, for `names` or, if that is NULL, of an
// authority. It ends in `ends_s`.
static X509 *certify(EVP_PKEY *key, const struct identity *issuer, const char *names, long ends_s)
{
    static const char *const common_name[] = {"test authority", "test"};
    X509 *x = X509_new();
    X509_NAME *name = X509_NAME_new();
    CHECK(x && name && X509_set_version(x, 2));
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                     (const unsigned char *)common_name[names != NULL], -1, -1, 0));
    if (issuer) // tells an intermediate authority from the root
        CHECK(X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC, (const unsigned char *)"below",
                                         -1, -1, 0));
    CHECK(X509_set_subject_name(x, name));
    CHECK(X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer->certificate) : name));
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(x), names ? 2 : 1));
    CHECK(X509_gmtime_adj(X509_getm_notBefore(x), -30 * DAY_S));
    CHECK(X509_gmtime_adj(X509_getm_notAfter(x), ends_s));
    CHECK(X509_set_pubkey(x, key));
    if (names)
        add_extension(x, NID_subject_alt_name, names);
    else
        add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    CHECK(X509_sign(x, issuer ? issuer->key : key, EVP_sha256()));
    X509_NAME_free(name);
    return x;
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "w");
    CHECK(file);
    return file;
}

static void write_certificates(const char *path, X509 *first, X509 *second)
{
    FILE *file = create(path);
    CHECK(PEM_write_X509(file, first));
    if (second)
        CHECK(PEM_write_X509(file, second));
    CHECK(fclose(file) == 0);
}

static void write_key(const char *path, EVP_PKEY *key, const char *passphrase)
{
    FILE *file = create(path);
    CHECK(PEM_write_PrivateKey(file, key, passphrase ? EVP_aes_128_cbc() : NULL,
                               (const unsigned char *)passphrase,
                               passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
    CHECK(fclose(file) == 0);
}

// The two roots have the same name.
static struct identity make_authority(const struct identity *issuer)
{
    struct identity a = {.key = EVP_EC_gen("P-256")};
    CHECK(a.key);
    a.certificate = certify(a.key, issuer, NULL, 30 * DAY_S);
    return a;
}

static void free_identity(struct identity *i)
{
    EVP_PKEY_free(i->key);
    X509_free(i->certificate);
}

static void write_leaf(struct tls_files *f, const struct identity *issuer)
{
    static const char names[] = "DNS:localhost,DNS:*.example.com,IP:127.0.0.1";
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    X509 *good = certify(key, issuer, names, 30 * DAY_S);
    X509 *expired = certify(key, issuer, names, -DAY_S);
    X509 *short_key = certify(weak, issuer, names, 30 * DAY_S);
    write_certificates(f->path[TLS_CHAIN], good, issuer->certificate);
    write_certificates(f->path[TLS_EXPIRED_CHAIN], expired, issuer->certificate);
    write_certificates(f->path[TLS_WEAK_CHAIN], short_key, issuer->certificate);
    write_key(f->path[TLS_KEY], key, NULL);
    write_key(f->path[TLS_LOCKED_KEY], key, "passphrase");
    write_key(f->path[TLS_WEAK_KEY], weak, NULL);
    X509_free(good);
    X509_free(expired);
    X509_free(short_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(weak);
}

void tls_files_make(struct tls_files *f)
{
    char directory[] = "/tmp/adit-tls-XXXXXX";
    CHECK(mkdtemp(directory));
    memcpy(f->directory, directory, sizeof(directory));
    for (int i = 0; i < TLS_FILES; i++)
        (void)snprintf(f->path[i], sizeof(f->path[i]), "%s/%d.pem", directory, i);
    struct identity root = make_authority(NULL);
    struct identity other = make_authority(NULL);
    struct identity intermediate = make_authority(&root);
    write_certificates(f->path[TLS_CA], root.certificate, NULL);
    write_certificates(f->path[TLS_OTHER_CA], other.certificate, NULL);
    write_key(f->path[TLS_OTHER_KEY], other.key, NULL);
    write_leaf(f, &intermediate);
    FILE *text = create(f->path[TLS_TEXT]);
    CHECK(fputs("not PEM\n", text) >= 0 && fclose(text) == 0);
    free_identity(&root);
    free_identity(&other);
    free_identity(&intermediate);
}

void tls_files_remove(const struct tls_files *f)
{
    for (int i = 0; i < TLS_FILES; i++)
        (void)unlink(f->path[i]);
    (void)rmdir(f->directory);
}
