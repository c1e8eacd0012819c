// SPDX-License-Identifier: MIT
// A server with certificates that a test makes, and the one that a client is shown.
#pragma once
#include "tests/support/tls_maker.h"
#include "transport_tls_fixture.h"

enum {
    LINES_MAX = 64,
    LINE_BYTES = 1024
};

struct chosen {
    struct tls_maker maker;
    struct tls_pair pair; // its server may be NULL
    char lines[LINES_MAX][LINE_BYTES];
    bool trouble[LINES_MAX];
    size_t line_count;
};

static inline void chosen_begin(struct chosen *c)
{
    const struct tls_client_options options = {.verify_nothing = true};
    char why[TLS_WHY_MAX];
    *c = (struct chosen){0};
    tls_maker_begin(&c->maker);
    c->pair.piece = SIZE_MAX;
    c->pair.client = tls_client_new(&options, why);
    assert_non_null(c->pair.client);
}

static inline void chosen_end(struct chosen *c)
{
    tls_pair_free_contexts(&c->pair);
    tls_maker_end(&c->maker);
    assert_no_errors_left();
}

static inline void chosen_told(void *ctx, bool trouble, const char *line)
{
    struct chosen *c = ctx;
    assert_true(c->line_count < LINES_MAX);
    (void)snprintf(c->lines[c->line_count], LINE_BYTES, "%s", line);
    c->trouble[c->line_count++] = trouble;
}

static inline void chosen_serve(struct chosen *c, const struct tls_server_options *o)
{
    char why[TLS_WHY_MAX];
    tls_server_free(c->pair.server);
    c->pair.server = tls_server_new(o, 0, why);
    if (!c->pair.server)
        fail_msg("%s", why);
}

// Asks for a name, which for an address is not sent, and writes the alternative names of the
// certificate that is shown. The pair stays open.
static inline const char *chosen_open(struct chosen *c, const char *name,
                                      char out[static LINE_BYTES])
{
    tls_pair_connect(&c->pair, name);
    X509 *x = SSL_get0_peer_certificate(ssl_of(c->pair.peer[TLS_CLIENT].t));
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    size_t len = 0;
    out[0] = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && len < LINE_BYTES; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        if (g->type == GEN_DNS)
            len += (size_t)snprintf(out + len, LINE_BYTES - len, "%s%.*s", len ? "," : "",
                                    ASN1_STRING_length(g->d.dNSName),
                                    (const char *)ASN1_STRING_get0_data(g->d.dNSName));
    }
    GENERAL_NAMES_free(all);
    return out;
}

static inline void assert_shown(struct chosen *c, const char *name, const char *names)
{
    char shown[LINE_BYTES];
    if (strcmp(chosen_open(c, name, shown), names) != 0)
        fail_msg("%s is shown %s, not %s", name, shown, names);
    tls_pair_close(&c->pair);
}

static inline bool is_covered(struct chosen *c, const char *host)
{
    struct transport *t = c->pair.peer[TLS_SERVER].t;
    return t->ops->covers(t, slice_str(host));
}

// A look at a time from now on must tell so many lines.
static inline void assert_told(const struct chosen *c, size_t at, bool trouble, const char *part)
{
    if (at >= c->line_count)
        fail_msg("line %zu of %zu: %s", at, c->line_count, part);
    if (!strstr(c->lines[at], part) || c->trouble[at] != trouble)
        fail_msg("\"%s\" (%d) has no \"%s\"", c->lines[at], c->trouble[at], part);
}
