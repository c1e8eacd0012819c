// SPDX-License-Identifier: MIT
// The relay's certificates: read at its start, looked at for changes while it runs.
#pragma once
#include "common/io/loop.h"
#include "common/io/tls_server.h"
#include "relay_options.h"

// Embedded; zero but for `loop` has none.
struct certificates {
    struct loop *loop;
    struct tls_server *tls; // NULL: none
    struct timeout look;
    char why[TLS_WHY_MAX];
};

// Reads the certificates of a configuration, if there are any; `dir` is that of the state. Returns
// NULL, or why they cannot be used.
const char *certificates_begin(struct certificates *c, const struct relay_config *config,
                               const char *dir);
// Prints how to trust the authority of --dev-tls. `dir` is that of the state, `port` that of https.
void certificates_explain(const char *dir, const char *domain, uint16_t port);
// Reads all files again. Connections keep the certificate that they were shown.
void certificates_reload(struct certificates *c);
// Reads files that have changed, without waiting for the next look.
void certificates_look(struct certificates *c);
// Looks at the files no more.
void certificates_stop(struct certificates *c);
// Frees them. Every connection must have been closed.
void certificates_free(struct certificates *c);
