// SPDX-License-Identifier: MIT
#include "certificate.h"
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include "common/base/private_file.h"
#include "common/base/secret.h"

size_t certificate_read_file(const char *path, char out[static CERTIFICATE_FILE_MAX])
{
    const char *why = NULL;
    int fd = private_open(path, O_RDONLY, &why);
    size_t len = 0;
    ssize_t n = fd < 0 ? 0 : 1;
    while (n > 0 && len < CERTIFICATE_FILE_MAX) {
        n = read(fd, out + len, CERTIFICATE_FILE_MAX - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return n == 0 ? len : 0;
}

// The first certificate in a chain, all certificates of which must be whole. NULL: there is none.
static X509 *read_chain(const char *path)
{
    char bytes[CERTIFICATE_FILE_MAX];
    size_t len = certificate_read_file(path, bytes);
    BIO *bio = len > 0 ? BIO_new_mem_buf(bytes, (int)len) : NULL;
    X509 *first = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    X509 *next = first;
    while (next) {
        next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        X509_free(next);
    }
    unsigned long end = ERR_peek_last_error();
    bool whole = ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(bio);
    if (whole)
        return first;
    X509_free(first);
    return NULL;
}

static bool is_key_of(const X509 *certificate, const char *path)
{
    char bytes[CERTIFICATE_FILE_MAX];
    size_t len = certificate_read_file(path, bytes);
    BIO *bio = len > 0 ? BIO_new_mem_buf(bytes, (int)len) : NULL;
    char no_passphrase[] = "";
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase) : NULL;
    bool fits = key && X509_check_private_key(certificate, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    secret_wipe(bytes, sizeof(bytes));
    return fits;
}

static bool read_time(const ASN1_TIME *from, int64_t *to)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(from, &tm))
        return false;
    *to = timegm(&tm);
    return true;
}

bool certificate_read_life(const char *chain, const char *key, struct certificate_life *life)
{
    X509 *certificate = read_chain(chain);
    bool whole = certificate && is_key_of(certificate, key) &&
                 read_time(X509_get0_notBefore(certificate), &life->from_s) &&
                 read_time(X509_get0_notAfter(certificate), &life->until_s);
    X509_free(certificate);
    return whole;
}

static bool has_name(const X509 *certificate, const char *name)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool has = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);
        if (one->type != GEN_DNS)
            continue;
        const ASN1_IA5STRING *dns = one->d.dNSName;
        has =
            has || ((size_t)ASN1_STRING_length(dns) == strlen(name) &&
                    strncasecmp((const char *)ASN1_STRING_get0_data(dns), name, strlen(name)) == 0);
    }
    GENERAL_NAMES_free(names);
    return has;
}

bool certificate_covers(const char *chain, const char *host)
{
    X509 *certificate = read_chain(chain);
    bool covers =
        certificate && (host[0] == '*' ? has_name(certificate, host)
                                       : X509_check_host(certificate, host, 0, 0, NULL) == 1);
    X509_free(certificate);
    return covers;
}
