// SPDX-License-Identifier: MIT
// Gets and renews the relay's certificates by ACME (RFC 8555). The protocol is spoken by lego,
// which Debian packages: a child with few rights, one at a time, that answers HTTP-01 through the
// webroot which the plain listeners serve, or DNS-01 through a provider's API, whose credentials
// are in the environment. What it fetches is checked and copied to `certificates`, so that a file
// that it has cut short, on a full disk say, never replaces a good one.
#pragma once
#include "acme_plan.h"
#include "common/base/state.h"
#include "common/io/child.h"

enum {
    ACME_LOOK_MS = 20 * 1000,       // between looks for orders that are due
    ACME_LIMIT_MS = 10 * 60 * 1000, // of one order: DNS may take minutes
    ACME_FREE_BYTES = 4 << 20,      // on the disk, or nothing is ordered
    ACME_DIR_MAX = STATE_PATH_MAX + 64,
    ACME_URL_MAX = 1024, // of an authority
};

// Embedded. The owner sets the first members; the rest is zero.
struct acme {
    const struct acme_config *config;
    struct loop *loop;
    const char *domain;
    const char *data;           // the state directory
    void (*changed)(void *ctx); // a certificate has come
    void *ctx;
    char state[ACME_DIR_MAX];        // lego's
    char certificates[ACME_DIR_MAX]; // HOST.crt and HOST.key, whole ones only
    char webroot[ACME_DIR_MAX];
    struct acme_order orders[ACME_ORDERS_MAX];
    size_t count;
    struct acme_order *running; // NULL: none
    struct child child;
    char said[CHILD_LINE_MAX]; // the line of lego's that tells most
    struct timeout look;
};

// Makes the directories and reads the certificates that are there. Returns NULL, or why it cannot
// begin, valid until the next call. Without `config->on` it does nothing.
const char *acme_begin(struct acme *a);
// Begins to order what is due: once the listeners listen, to which the authority comes.
void acme_start(struct acme *a);
// Tries again now what has failed.
void acme_hurry(struct acme *a);
// Asks a running child to end.
void acme_stop(struct acme *a);
// Kills it, if need be. Its handles close as the loop runs on.
void acme_end(struct acme *a);
