// SPDX-License-Identifier: MIT
#include "tls_authority.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "common/base/private_file.h"
#include "tls_cert.h"

enum {
    SERIAL_BYTES = 16,
    TAG_BYTES = 4, // of its name, so that one of several is found in a browser's list
    TEXT_MAX = 3 * TLS_NAME_MAX + 256
};

static const int64_t DAY_S = (int64_t)24 * 60 * 60;

static bool add_extension(X509 *x, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool added = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return added;
}

static bool set_name(X509 *x, const char *common_name)
{
    X509_NAME *name = X509_NAME_new();
    bool set = name &&
               X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                          (const unsigned char *)common_name, -1, -1, 0) &&
               X509_set_subject_name(x, name);
    X509_NAME_free(name);
    return set;
}

static bool set_serial(X509 *x)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    bytes[0] = (bytes[0] & 0x3f) | 0x40; // positive, and always as long
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
    BN_free(number);
    return set;
}

// A certificate for a key, with all but what its kind needs; not signed.
static X509 *draft(EVP_PKEY *key, const char *common_name, int64_t begins_s, int64_t ends_s)
{
    X509 *x = X509_new();
    if (x && X509_set_version(x, X509_VERSION_3) && set_serial(x) && set_name(x, common_name) &&
        ASN1_TIME_set(X509_getm_notBefore(x), (time_t)begins_s) &&
        ASN1_TIME_set(X509_getm_notAfter(x), (time_t)ends_s) && X509_set_pubkey(x, key))
        return x;
    X509_free(x);
    return NULL;
}

X509 *tls_authority_certify(const struct tls_authority *a, EVP_PKEY *key, const char *names,
                            int64_t begins_s, int64_t ends_s)
{
    X509 *x = draft(key, "adit development", begins_s, ends_s);
    if (x && X509_set_issuer_name(x, X509_get_subject_name(a->certificate)) &&
        add_extension(x, a->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(x, a->certificate, NID_key_usage, "critical,digitalSignature") &&
        add_extension(x, a->certificate, NID_ext_key_usage, "serverAuth") &&
        add_extension(x, a->certificate, NID_subject_key_identifier, "hash") &&
        add_extension(x, a->certificate, NID_authority_key_identifier, "keyid:always") &&
        add_extension(x, a->certificate, NID_subject_alt_name, names) &&
        X509_sign(x, a->key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

static void constraints(const struct tls_authority_scope *scope, char out[static TEXT_MAX])
{
    static const char machine[] = "critical,permitted;DNS:localhost,"
                                  "permitted;IP:127.0.0.0/255.0.0.0,"
                                  "permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    bool is_v6 = strchr(scope->domain, ':');
    if (scope->is_address)
        (void)snprintf(out, TEXT_MAX, "%s,permitted;IP:%s/%s", machine, scope->domain,
                       is_v6 ? "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" : "255.255.255.255");
    else if (scope->domain[0])
        (void)snprintf(out, TEXT_MAX, "%s,permitted;DNS:%s", machine, scope->domain);
    else
        (void)snprintf(out, TEXT_MAX, "%s", machine);
}

static X509 *certify_self(EVP_PKEY *key, const struct tls_authority_scope *scope, int64_t now_s)
{
    unsigned char tag[TAG_BYTES];
    char name[64];
    char permitted[TEXT_MAX];
    if (RAND_bytes(tag, sizeof(tag)) != 1)
        return NULL;
    (void)snprintf(name, sizeof(name), "adit development CA %02x%02x%02x%02x", tag[0], tag[1],
                   tag[2], tag[3]);
    constraints(scope, permitted);
    int64_t begins_s = now_s - DAY_S; // clocks differ
    X509 *x = draft(key, name, begins_s, now_s + DAY_S * 365 * TLS_AUTHORITY_YEARS);
    if (x && X509_set_issuer_name(x, X509_get_subject_name(x)) &&
        add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(x, x, NID_subject_key_identifier, "hash") &&
        add_extension(x, x, NID_name_constraints, permitted) && X509_sign(x, key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

struct files {
    char certificate[PRIVATE_PATH_MAX], key[PRIVATE_PATH_MAX];
};

// Opens a file for reading, as a BIO. NULL with an errno; ENOENT: it is not there.
static BIO *open_file(const char *path, bool secret, const char **reason)
{
    struct stat st;
    int fd = private_open(path, O_RDONLY, reason);
    int error = errno;
    if (fd >= 0 && secret && fstat(fd, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO))) {
        *reason = "others may read it: chmod 600 it";
        error = EPERM;
        (void)close(fd);
        fd = -1;
    }
    BIO *from = fd >= 0 ? BIO_new_fd(fd, BIO_CLOSE) : NULL;
    if (fd >= 0 && !from)
        (void)close(fd);
    errno = error;
    return from;
}

static bool refuse(char why[static TLS_WHY_MAX], const char *path, const char *reason)
{
    (void)snprintf(why, TLS_WHY_MAX, "%s: %s", path, reason);
    ERR_clear_error();
    return false;
}

static int no_passphrase(char *out, int cap, int writing, void *arg)
{
    (void)out;
    (void)cap;
    (void)writing;
    (void)arg;
    return -1;
}

// Reads what is there. False with the reason: a file cannot be read or used.
static bool read_files(struct tls_authority *a, const struct files *f, char why[static TLS_WHY_MAX])
{
    const char *reason = NULL;
    BIO *from = open_file(f->key, true, &reason);
    if (!from && errno != ENOENT)
        return refuse(why, f->key, reason);
    bool has_key = from != NULL;
    a->key = from ? PEM_read_bio_PrivateKey(from, NULL, no_passphrase, NULL) : NULL;
    BIO_free(from);
    if (has_key && !a->key)
        return refuse(why, f->key, "it holds no key");
    from = open_file(f->certificate, false, &reason);
    if (!from)
        return errno == ENOENT || refuse(why, f->certificate, reason);
    a->certificate = PEM_read_bio_X509(from, NULL, NULL, NULL);
    BIO_free(from);
    if (!a->certificate)
        return refuse(why, f->certificate, "it holds no certificate");
    if (a->key)
        return true;
    return refuse(why, f->certificate,
                  "its key, " TLS_AUTHORITY_KEY_FILE ", is missing: delete it, "
                  "and another authority is made");
}

// Writes what `put` puts into a BIO to a new file.
static bool write_file(const char *path, BIO *text, char why[static TLS_WHY_MAX])
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(text, &bytes);
    int error = len > 0 ? private_write(path, bytes, (size_t)len, PRIVATE_KEEP, NULL) : ENOMEM;
    if (len > 0)
        OPENSSL_cleanse(bytes, (size_t)len);
    return !error || refuse(why, path, strerror(error));
}

static bool make_key(struct tls_authority *a, const struct files *f, char why[static TLS_WHY_MAX])
{
    BIO *text = BIO_new(BIO_s_secmem());
    a->key = EVP_EC_gen("P-256");
    bool made = text && a->key &&
                PEM_write_bio_PrivateKey(text, a->key, NULL, NULL, 0, NULL, NULL) == 1 &&
                write_file(f->key, text, why);
    BIO_free(text);
    return made;
}

static bool make_certificate(struct tls_authority *a, const struct files *f,
                             const struct tls_authority_scope *scope, int64_t now_s,
                             char why[static TLS_WHY_MAX])
{
    BIO *text = BIO_new(BIO_s_mem());
    a->certificate = certify_self(a->key, scope, now_s);
    bool made = text && a->certificate && PEM_write_bio_X509(text, a->certificate) == 1 &&
                write_file(f->certificate, text, why);
    BIO_free(text);
    return made;
}

bool tls_authority_open(struct tls_authority *a, const char *dir,
                        const struct tls_authority_scope *scope, int64_t now_s,
                        char why[static TLS_WHY_MAX])
{
    struct files f;
    int n = snprintf(f.certificate, sizeof(f.certificate), "%s/%s", dir, TLS_AUTHORITY_FILE);
    int m = snprintf(f.key, sizeof(f.key), "%s/%s", dir, TLS_AUTHORITY_KEY_FILE);
    *a = (struct tls_authority){0};
    if (n < 0 || m < 0 || (size_t)n >= sizeof(f.certificate) || (size_t)m >= sizeof(f.key))
        return refuse(why, dir, strerror(ENAMETOOLONG));
    if (!read_files(a, &f, why))
        return false;
    (void)refuse(why, f.key, "an authority cannot be made: no memory or no randomness");
    if (!a->key && !make_key(a, &f, why))
        return false;
    if (!a->certificate && !make_certificate(a, &f, scope, now_s, why))
        return false;
    if (X509_check_private_key(a->certificate, a->key) != 1)
        return refuse(why, f.key,
                      "the key does not belong to the certificate in " TLS_AUTHORITY_FILE
                      ": delete both, and another authority is made");
    time_t now = (time_t)now_s;
    if (X509_cmp_time(X509_get0_notAfter(a->certificate), &now) < 0)
        return refuse(why, f.certificate,
                      "the authority has ended: delete it and " TLS_AUTHORITY_KEY_FILE
                      ", and another one is made");
    return true;
}

bool tls_authority_permits(const struct tls_authority *a, X509 *leaf)
{
    NAME_CONSTRAINTS *permitted =
        X509_get_ext_d2i(a->certificate, NID_name_constraints, NULL, NULL);
    (void)X509_check_purpose(leaf, -1, 0); // has OpenSSL note the names that are compared
    bool permits = !permitted || NAME_CONSTRAINTS_check(leaf, permitted) == X509_V_OK;
    NAME_CONSTRAINTS_free(permitted);
    return permits;
}

void tls_authority_close(struct tls_authority *a)
{
    X509_free(a->certificate);
    EVP_PKEY_free(a->key);
    *a = (struct tls_authority){0};
}
