// SPDX-License-Identifier: MIT
// The TLS of listeners: certificates by the name that a client asks for (SNI), protocols (ALPN),
// and keys of session tickets.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tls_why.h"

struct tls_server;

// PEM: the certificate first, then those that lead to the root; its private key, without a
// passphrase.
struct tls_pair_files {
    const char *chain_file;
    const char *key_file;
};

struct tls_server_options {
    const struct tls_pair_files *pairs; // the first is shown to clients whose name none covers, or
    size_t pair_count;                  // who send none
    const char *dir;        // of more pairs, in the layout of certbot, uacme or lego; NULL: none
    const char *dev_dir;    // of the state: a local authority makes certificates; NULL: none does
    const char *dev_domain; // these are for this domain, names below it, localhost and loopback
                            // addresses; NULL: for the latter alone
    bool may_be_empty;      // certificates are to come: without one handshakes fail
    const char *alpn;       // protocols like "h2,http/1.1", the preferred one first; NULL: none
};

// One line for people, without an end of line. `trouble`: something is to be done about it.
typedef void tls_told(void *ctx, bool trouble, const char *line);

// Returns NULL and the reason in `why`, which names the file. A pair of `pairs` that cannot be used
// is such a reason; one of `dir` is passed over, and the first tls_server_reload tells of it. A
// client that offers protocols and none of ours is refused (RFC 7301 §3.2); one that offers none
// gets none. All strings are copied.
struct tls_server *tls_server_new(const struct tls_server_options *options, uint64_t now_ms,
                                  char why[static TLS_WHY_MAX]);
// Looks for changed files and reads those (`all`: all files); call it once behind tls_server_new,
// then every LIMIT_TLS_LOOK_MS. A pair that cannot be used leaves the one before in force, and
// connections keep theirs. `told` hears of each change, of what cannot be used (with `all` at once,
// otherwise when it lasts for two looks), and once a day of a certificate that ends soon, has ended
// or is not valid yet.
void tls_server_reload(struct tls_server *s, bool all, tls_told *told, void *ctx);
// Lets time pass: replaces the keys of tickets. Call every few minutes or more often.
void tls_server_tick(struct tls_server *s, uint64_t now_ms);
// Whether some certificate in force is for a host name or an address without brackets.
bool tls_server_covers(const struct tls_server *s, const char *name);
void tls_server_free(struct tls_server *s);
