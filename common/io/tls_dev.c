// SPDX-License-Identifier: MIT
#include "tls_dev.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tls_authority.h"
#include "tls_internal.h"

enum {
    DAY_S = 24 * 60 * 60,
    HOUR_S = 60 * 60,
    RENEW_DAYS = TLS_DEV_DAYS / 2, // of age: a certificate is made anew
    TEXT_MAX = 3 * TLS_NAME_MAX + 128
};

struct leaf {
    char name[TLS_NAME_MAX];
    struct tls_cert *cert; // NULL: none
    int64_t made_s;
};

struct tls_dev {
    struct tls_authority authority;
    EVP_PKEY *key; // of all leaves
    char domain[TLS_NAME_MAX];
    bool is_address;                    // `domain`
    struct leaf own;                    // of the domain and this machine
    struct leaf leaves[TLS_DEV_LEAVES]; // a ring
    size_t next;                        // in the ring: the oldest one
};

static bool is_within(const char *name, const char *domain)
{
    size_t len = strlen(name);
    size_t of_domain = strlen(domain);
    if (of_domain == 0 || len < of_domain || strcmp(name + len - of_domain, domain) != 0)
        return false;
    return len == of_domain || name[len - of_domain - 1] == '.';
}

static bool is_minted(const struct tls_dev *d, const char *name)
{
    return is_within(name, "localhost") || (!d->is_address && is_within(name, d->domain));
}

bool tls_dev_covers(const struct tls_dev *d, const char *name)
{
    return is_minted(d, name) || strcmp(name, "127.0.0.1") == 0 || strcmp(name, "::1") == 0 ||
           (d->is_address && strcmp(name, d->domain) == 0);
}

// The alternative names of the certificate for the domain and this machine.
static void own_names(const struct tls_dev *d, char out[static TEXT_MAX])
{
    static const char machine[] = "DNS:localhost,IP:127.0.0.1,IP:::1";
    if (d->is_address)
        (void)snprintf(out, TEXT_MAX, "%s,IP:%s", machine, d->domain);
    else if (strchr(d->domain, '.'))
        (void)snprintf(out, TEXT_MAX, "%s,DNS:%s,DNS:*.%s", machine, d->domain, d->domain);
    else if (d->domain[0] && strcmp(d->domain, "localhost") != 0)
        (void)snprintf(out, TEXT_MAX, "%s,DNS:%s", machine, d->domain);
    else
        (void)snprintf(out, TEXT_MAX, "%s", machine);
}

// Puts a new certificate in place of a leaf's.
static bool mint(struct tls_dev *d, struct leaf *l, const char *names, int64_t now_s)
{
    int64_t begins_s = now_s - HOUR_S; // clocks differ
    int64_t ends_s = begins_s + (int64_t)TLS_DEV_DAYS * DAY_S;
    X509 *x = tls_authority_certify(&d->authority, d->key, names, begins_s, ends_s);
    struct tls_cert *c = x ? tls_cert_of(x, d->key) : NULL;
    ERR_clear_error();
    if (!c)
        return false;
    tls_cert_free(l->cert);
    l->cert = c;
    l->made_s = now_s;
    return true;
}

static bool is_fresh(const struct leaf *l, int64_t now_s)
{
    return l->cert && now_s >= l->made_s && now_s - l->made_s < (int64_t)RENEW_DAYS * DAY_S;
}

static const struct tls_cert *own_leaf(struct tls_dev *d, int64_t now_s)
{
    char names[TEXT_MAX];
    own_names(d, names);
    if (!is_fresh(&d->own, now_s))
        (void)mint(d, &d->own, names, now_s);
    return d->own.cert;
}

const struct tls_cert *tls_dev_leaf(struct tls_dev *d, const char *name, int64_t now_s)
{
    char names[TEXT_MAX];
    struct leaf *l = NULL;
    if (!name || !is_minted(d, name))
        return own_leaf(d, now_s);
    for (size_t i = 0; i < TLS_DEV_LEAVES && !l; i++)
        if (d->leaves[i].cert && strcmp(d->leaves[i].name, name) == 0)
            l = &d->leaves[i];
    if (l && is_fresh(l, now_s))
        return l->cert;
    (void)snprintf(names, sizeof(names), "DNS:%s", name);
    struct leaf *place = l ? l : &d->leaves[d->next];
    if (!mint(d, place, names, now_s))
        return l ? l->cert : NULL;
    if (!l)
        d->next = (d->next + 1) % TLS_DEV_LEAVES;
    (void)snprintf(place->name, sizeof(place->name), "%s", name);
    return place->cert;
}

// Takes a name or an address in its usual form.
static bool set_domain(struct tls_dev *d, const char *domain)
{
    unsigned char address[16];
    if (!domain)
        return true;
    for (int i = 0; i < 2 && !d->is_address; i++) {
        int family = i == 0 ? AF_INET : AF_INET6;
        d->is_address = inet_pton(family, domain, address) == 1 &&
                        inet_ntop(family, address, d->domain, sizeof(d->domain));
    }
    return d->is_address || tls_name_normal(domain, strlen(domain), d->domain);
}

static bool begin(struct tls_dev *d, const char *dir, const char *domain, int64_t now_s,
                  char why[static TLS_WHY_MAX])
{
    if (!set_domain(d, domain)) {
        (void)snprintf(why, TLS_WHY_MAX, "development certificates: %s is no domain", domain);
        return false;
    }
    const struct tls_authority_scope scope = {d->domain, d->is_address};
    if (!tls_authority_open(&d->authority, dir, &scope, now_s, why))
        return false;
    (void)snprintf(why, TLS_WHY_MAX, "development certificates: no memory or no randomness");
    d->key = EVP_EC_gen("P-256");
    if (!d->key || !own_leaf(d, now_s))
        return false;
    if (tls_authority_permits(&d->authority, d->own.cert->leaf))
        return true;
    (void)snprintf(
        why, TLS_WHY_MAX,
        "%s/%s is an authority for another domain than %s: delete it and %s, and another "
        "one is made",
        dir, TLS_AUTHORITY_FILE, d->domain, TLS_AUTHORITY_KEY_FILE);
    return false;
}

struct tls_dev *tls_dev_new(const char *dir, const char *domain, int64_t now_s,
                            char why[static TLS_WHY_MAX])
{
    struct tls_dev *d = calloc(1, sizeof(*d));
    (void)snprintf(why, TLS_WHY_MAX, "development certificates: no memory");
    if (d && begin(d, dir, domain, now_s, why))
        return d;
    tls_dev_free(d);
    ERR_clear_error();
    return NULL;
}

void tls_dev_free(struct tls_dev *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < TLS_DEV_LEAVES; i++)
        tls_cert_free(d->leaves[i].cert);
    tls_cert_free(d->own.cert);
    EVP_PKEY_free(d->key);
    tls_authority_close(&d->authority);
    free(d);
}
