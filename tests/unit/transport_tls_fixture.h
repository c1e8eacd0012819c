// SPDX-License-Identifier: MIT
// Certificates, and data to send, for tests of the TLS transport.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "common/io/tls_internal.h"
#include "tests/support/chance.h"
#include "tests/support/tls_pair.h"

enum {
    DATA_MAX = 200 * 1024
};

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

struct fixture {
    struct tls_files files;
    uint8_t *data; // of DATA_MAX bytes
};

static inline const struct tls_files *files_of(void **state)
{
    return &((const struct fixture *)*state)->files;
}

static inline struct tls_pair new_pair(void **state, int version)
{
    struct tls_pair p;
    tls_pair_contexts(&p, files_of(state), NULL, NULL);
    assert_true(SSL_CTX_set_max_proto_version(p.client->context, version));
    return p;
}

static inline SSL *ssl_of(struct transport *t)
{
    return ((struct transport_tls *)(void *)t)->ssl;
}

// The transport's reason has this text.
static inline void assert_detail(const struct transport *t, const char *part)
{
    if (!strstr(t->ops->detail(t), part))
        fail_msg("\"%s\" has no \"%s\"", t->ops->detail(t), part);
}

static inline void assert_no_errors_left(void)
{
    assert_int_equal(ERR_peek_error(), 0);
}

static inline int make(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f)
        return -1;
    f->data = malloc(DATA_MAX);
    if (!f->data)
        return -1;
    pattern_write(f->data, DATA_MAX, 7, 0);
    tls_files_make(&f->files);
    *state = f;
    return 0;
}

static inline int drop(void **state)
{
    struct fixture *f = *state;
    tls_files_remove(&f->files);
    free(f->data);
    free(f);
    return 0;
}
