// SPDX-License-Identifier: MIT
#include "tls_cert.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "common/base/private_read.h"
#include "tls_internal.h"

// Never asks the terminal for a passphrase. Notes that one was needed.
static int on_passphrase(char *out, int cap, int writing, void *arg)
{
    bool *asked = arg;
    (void)out;
    (void)cap;
    (void)writing;
    *asked = true;
    return -1;
}

static bool explain(char why[static TLS_WHY_MAX], const char *what, const char *path,
                    const char *reason)
{
    (void)snprintf(why, TLS_WHY_MAX, "%s %s: %s", what, path, reason);
    ERR_clear_error();
    return false;
}

bool tls_name_normal(const char *name, size_t len, char out[static TLS_NAME_MAX])
{
    if (len == 0 || len >= TLS_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool known = ascii_is_letter(name[i]) || ascii_is_digit(name[i]) || name[i] == '-' ||
                     name[i] == '_' || name[i] == '.';
        if (!known || (name[i] == '.' && (i == 0 || name[i - 1] == '.')))
            return false;
        out[i] = ascii_lower(name[i]);
    }
    out[len] = 0;
    return true;
}

// A name of a certificate: a wildcard stands for the first label alone, above two more at least
// (RFC 9525 §6.3; OpenSSL and curl want the two).
static bool normal_pattern(const char *name, size_t len, char out[static TLS_NAME_MAX])
{
    bool wild = len > 2 && name[0] == '*' && name[1] == '.';
    if (!wild)
        return tls_name_normal(name, len, out);
    if (len >= TLS_NAME_MAX || !memchr(name + 2, '.', len - 2))
        return false;
    char rest[TLS_NAME_MAX];
    bool normal = tls_name_normal(name + 2, len - 2, rest);
    (void)snprintf(out, TLS_NAME_MAX, "*.%.*s", TLS_NAME_MAX - 3, normal ? rest : "");
    return normal;
}

static bool name_of(const GENERAL_NAME *general, char out[static TLS_NAME_MAX])
{
    int kind = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(general, &kind);
    if (kind != GEN_DNS && kind != GEN_IPADD)
        return false;
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    int len = ASN1_STRING_length(value);
    if (kind == GEN_DNS)
        return normal_pattern((const char *)bytes, (size_t)len, out);
    return (len == 4 || len == 16) &&
           inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, out, TLS_NAME_MAX);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Digests the names in their order, each once.
static bool set_names_id(struct tls_cert *c)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool done = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
    size_t kept = 0;
    if (c->name_count > 0)
        qsort(c->names, c->name_count, sizeof(*c->names), compare_names);
    for (size_t i = 0; i < c->name_count; i++) {
        if (kept > 0 && strcmp(c->names[kept - 1], c->names[i]) == 0) {
            free(c->names[i]);
            continue;
        }
        c->names[kept++] = c->names[i];
        done = done && EVP_DigestUpdate(digest, c->names[i], strlen(c->names[i]) + 1);
    }
    c->name_count = kept;
    done = done && EVP_DigestFinal_ex(digest, c->names_id, NULL);
    EVP_MD_CTX_free(digest);
    return done;
}

static bool set_names(struct tls_cert *c)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, NULL, NULL);
    int count = all ? sk_GENERAL_NAME_num(all) : 0;
    bool done = true;
    if (count > 0)
        c->names = calloc((size_t)count, sizeof(*c->names));
    for (int i = 0; i < count && c->names && done; i++) {
        char name[TLS_NAME_MAX];
        if (!name_of(sk_GENERAL_NAME_value(all, i), name))
            continue;
        c->names[c->name_count] = strdup(name);
        done = c->names[c->name_count] != NULL;
        c->name_count += done;
    }
    done = done && (count == 0 || c->names) && set_names_id(c);
    GENERAL_NAMES_free(all);
    return done;
}

static bool to_unix(const ASN1_TIME *time, int64_t *out)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *out = (int64_t)timegm(&tm);
    return true;
}

static bool set_facts(struct tls_cert *c)
{
    return to_unix(X509_get0_notBefore(c->leaf), &c->begins_s) &&
           to_unix(X509_get0_notAfter(c->leaf), &c->ends_s) && set_names(c);
}

struct tls_cert *tls_cert_of(X509 *leaf, EVP_PKEY *key)
{
    struct tls_cert *c = calloc(1, sizeof(*c));
    if (!c || !EVP_PKEY_up_ref(key)) {
        X509_free(leaf);
        free(c);
        return NULL;
    }
    c->leaf = leaf;
    c->key = key;
    if (set_facts(c))
        return c;
    tls_cert_free(c);
    return NULL;
}

bool tls_cert_use(SSL *ssl, const struct tls_cert *c)
{
    return SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) == 1;
}

void tls_cert_free(struct tls_cert *c)
{
    if (!c)
        return;
    X509_free(c->leaf);
    EVP_PKEY_free(c->key);
    sk_X509_pop_free(c->chain, X509_free);
    for (size_t i = 0; i < c->name_count; i++)
        free(c->names[i]);
    free(c->names);
    free(c);
}

// The certificates behind the first one. False: too many, or one is malformed.
static bool read_chain(BIO *from, struct tls_cert *c, const char **reason)
{
    X509 *next;
    c->chain = sk_X509_new_null();
    while (c->chain && (next = PEM_read_bio_X509(from, NULL, NULL, NULL))) {
        if (sk_X509_num(c->chain) + 1 < TLS_CHAIN_MAX && sk_X509_push(c->chain, next) > 0)
            continue;
        X509_free(next);
        *reason = "it holds more than 10 certificates";
        _Static_assert(TLS_CHAIN_MAX == 10, "the message says so");
        return false;
    }
    unsigned long error = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (at_end)
        ERR_clear_error();
    return c->chain && at_end;
}

static bool parse_chain(struct tls_cert *c, SSL *probe, struct slice text, const char *path,
                        char why[static TLS_WHY_MAX])
{
    static const char what[] = "certificate file";
    const char *reason = NULL;
    BIO *from = BIO_new_mem_buf(text.p, (int)text.len);
    c->leaf = from ? PEM_read_bio_X509(from, NULL, NULL, NULL) : NULL;
    bool parsed = c->leaf && SSL_use_certificate(probe, c->leaf) == 1 &&
                  read_chain(from, c, &reason) && set_facts(c);
    BIO_free(from);
    return parsed || explain(why, what, path, reason ? reason : tls_reason());
}

static bool parse_key(struct tls_cert *c, struct slice text, const struct tls_pair_files *files,
                      char why[static TLS_WHY_MAX])
{
    bool asked = false;
    BIO *from = BIO_new_mem_buf(text.p, (int)text.len);
    c->key = from ? PEM_read_bio_PrivateKey(from, NULL, on_passphrase, &asked) : NULL;
    BIO_free(from);
    if (c->key && X509_check_private_key(c->leaf, c->key) == 1)
        return true;
    if (asked)
        return explain(why, "key file", files->key_file, "it needs a passphrase, and must not");
    if (!c->key)
        return explain(why, "key file", files->key_file, tls_reason());
    (void)snprintf(why, TLS_WHY_MAX,
                   "key file %s: the key does not belong to the certificate in %s", files->key_file,
                   files->chain_file);
    ERR_clear_error();
    return false;
}

// The bytes of both files.
struct texts {
    struct slice chain, key;
    bool key_seen_by_all;
};

static void free_texts(struct texts *t)
{
    if (t->key.p)
        OPENSSL_cleanse((char *)(uintptr_t)t->key.p, t->key.len);
    free((char *)(uintptr_t)t->chain.p);
    free((char *)(uintptr_t)t->key.p);
}

static bool read_text(struct slice *text, const char *what, const char *path, struct stat *st,
                      char why[static TLS_WHY_MAX])
{
    char *bytes = NULL;
    const char *reason = private_read(path, TLS_FILE_MAX, &bytes, &text->len, st);
    text->p = bytes;
    return !reason || explain(why, what, path, reason);
}

static bool read_texts(struct texts *t, const struct tls_pair_files *files,
                       char why[static TLS_WHY_MAX])
{
    struct stat st;
    if (!read_text(&t->chain, "certificate file", files->chain_file, &st, why) ||
        !read_text(&t->key, "key file", files->key_file, &st, why))
        return false;
    t->key_seen_by_all = st.st_mode & S_IROTH;
    return !(st.st_mode & (S_IWGRP | S_IWOTH)) ||
           explain(why, "key file", files->key_file, "others may write it: chmod go-w it");
}

static bool digest_texts(const struct texts *t, uint8_t id[static TLS_DIGEST_BYTES])
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool done = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) &&
                EVP_DigestUpdate(digest, t->chain.p, t->chain.len + 1) && // a NUL between the two
                EVP_DigestUpdate(digest, t->key.p, t->key.len) &&
                EVP_DigestFinal_ex(digest, id, NULL);
    EVP_MD_CTX_free(digest);
    return done;
}

static bool parse(struct tls_cert *c, SSL *probe, const struct texts *t,
                  const struct tls_pair_files *files, char why[static TLS_WHY_MAX])
{
    return parse_chain(c, probe, t->chain, files->chain_file, why) &&
           parse_key(c, t->key, files, why) &&
           (tls_cert_use(probe, c) ||
            explain(why, "certificate file", files->chain_file, tls_reason()));
}

struct tls_cert *tls_cert_read(SSL_CTX *context, const struct tls_pair_files *files,
                               const struct tls_cert *known, char why[static TLS_WHY_MAX])
{
    struct texts texts = {0};
    uint8_t id[TLS_DIGEST_BYTES];
    struct tls_cert *c = NULL;
    SSL *probe = NULL;
    bool done = false;
    ERR_clear_error();
    if (!read_texts(&texts, files, why))
        goto cleanup;
    (void)snprintf(why, TLS_WHY_MAX, "certificate file %s: no memory", files->chain_file);
    if (!digest_texts(&texts, id))
        goto cleanup;
    if (known && memcmp(id, known->files_id, sizeof(id)) == 0) {
        c = (struct tls_cert *)(uintptr_t)known;
        done = true;
        goto cleanup;
    }
    c = calloc(1, sizeof(*c));
    probe = c ? SSL_new(context) : NULL;
    done = probe && parse(c, probe, &texts, files, why);
    if (done) {
        memcpy(c->files_id, id, sizeof(id));
        c->key_seen_by_all = texts.key_seen_by_all;
    }
cleanup:
    SSL_free(probe);
    free_texts(&texts);
    if (done)
        return c;
    tls_cert_free(c);
    return NULL;
}
