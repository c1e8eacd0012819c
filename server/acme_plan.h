// SPDX-License-Identifier: MIT
// Which certificates the relay orders, when, and by which command line. Pure: no file, no clock.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ACME_NAMES_MAX = 50, // --acme-name; each is an order of its own
    ACME_ORDERS_MAX = ACME_NAMES_MAX + 1,
    ACME_HOST_MAX = 254,
    ACME_ARGS_MAX = 24,
    ACME_TEXT_MAX = 2 * ACME_HOST_MAX + 8,

    ACME_RETRY_S = 5 * 60, // after the first failure; doubles with each
    ACME_RETRY_MAX_S = 12 * 60 * 60,
    ACME_AGAIN_S = 12 * 60 * 60, // after a success, whatever the clock says: authorities count
    ACME_RENEW_PART = 3,         // a certificate is renewed in the last third of its life
};

// From the command line. The strings must outlive it.
struct acme_config {
    bool on;
    const char *email;     // of the account, by which the authority warns; NULL: none
    const char *directory; // of the authority (RFC 8555 §7.1.1); NULL: lego's own, Let's Encrypt
    const char *dns;       // lego's name of a provider: DNS-01 and a wildcard; NULL: HTTP-01
    const char *resolver;  // HOST:PORT that alone is asked whether the record is there; NULL: the
                           // domain's own servers are
    const char *names[ACME_NAMES_MAX]; // labels below the domain, or whole names
    size_t name_count;
};

// One certificate to have.
struct acme_order {
    char host[ACME_HOST_MAX];         // the file of the certificate is called so
    char wildcard[ACME_HOST_MAX + 2]; // *.HOST, or empty
    int64_t from_s, until_s;          // life of the certificate that we have from this authority;
                                      // 0: none
    uint64_t next_ms;                 // not before this time of the loop
    unsigned failures;                // in a row
};

// Fills the orders: the domain, with a wildcard by DNS-01, and each name that this does not cover.
// Returns their number, or 0 and the mistake in `why`.
size_t acme_plan(const struct acme_config *c, const char *domain,
                 struct acme_order orders[static ACME_ORDERS_MAX], const char **why);

// Whether there is no certificate, or it is in the last part of its life.
bool acme_is_due(const struct acme_order *o, int64_t now_s);
// Seconds to wait after so many failures in a row.
uint32_t acme_wait_s(unsigned failures);

// The directories of lego.
struct acme_paths {
    const char *state;   // accounts, and its copies of certificates
    const char *webroot; // .well-known/acme-challenge in it is served
};

// Writes lego's command line, which ends in NULL; it holds no secret.
void acme_command(const struct acme_config *c, const struct acme_order *o,
                  const struct acme_paths *paths, const char *args[static ACME_ARGS_MAX]);

// Whether a line of lego's says more of a failure than `before`, which may be empty.
bool acme_line_tells(const char *line, const char *before);
// The line behind its date and level.
const char *acme_line_text(const char *line);

// Writes "example.com, *.example.com".
void acme_order_text(const struct acme_order *o, char out[static ACME_TEXT_MAX]);
