// SPDX-License-Identifier: MIT
// Connections that a library has opened and the TLS transport takes over; and what an idle
// connection keeps in memory.
#include <malloc.h>
#include "transport_tls_fixture.h"

// An SSL of a library: connected over a socket BIO, its shutdown run quietly, with callbacks that
// must not run any more.
static void foreign_info(const SSL *ssl, int where, int result)
{
    (void)ssl;
    (void)where;
    (void)result;
    fail();
}

static SSL *connect_foreign(struct tls_pair *p, SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);
    assert_non_null(ssl);
    assert_true(SSL_set_fd(ssl, fd));
    SSL_set_read_ahead(ssl, 1);
    while (SSL_connect(ssl) != 1) {
        (void)tls_pair_move(p);
        if (p->peer[TLS_SERVER].handshake == UV_EAGAIN)
            p->peer[TLS_SERVER].handshake =
                p->peer[TLS_SERVER].t->ops->handshake(p->peer[TLS_SERVER].t);
        (void)tls_pair_move(p);
    }
    tls_pair_settle(p);
    p->peer[TLS_SERVER].handshake = p->peer[TLS_SERVER].t->ops->handshake(p->peer[TLS_SERVER].t);
    assert_int_equal(p->peer[TLS_SERVER].handshake, 0);
    ERR_clear_error();
    return ssl;
}

// `fragment`: the longest record that the client asks for (RFC 6066 §4), as its code.
static void adopt_and_carry(void **state, uint8_t fragment)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        struct tls_pair p = new_pair(state, TLS1_3_VERSION);
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        const struct iovec part = {f->data, 30000};
        char first[10];
        char rest[30000];
        tls_pair_open(&p, NULL);
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        assert_int_equal(close(p.peer[TLS_CLIENT].wire), 0);
        p.peer[TLS_CLIENT].wire = fds[1];
        assert_true(SSL_CTX_set_max_proto_version(context, versions[i]));
        assert_true(SSL_CTX_set_tlsext_max_fragment_length(context, fragment));
        (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
        SSL *ssl = connect_foreign(&p, context, fds[0]);
        struct transport *server = p.peer[TLS_SERVER].t;
        assert_int_equal(server->ops->writev(server, &part, 1), 30000);
        tls_pair_settle(&p);
        assert_int_equal(SSL_read(ssl, first, sizeof(first)), sizeof(first));
        SSL_CTX_set_info_callback(context, foreign_info);
        SSL_set_quiet_shutdown(ssl, 1);
        assert_int_equal(SSL_shutdown(ssl), 1);
        struct transport *t = transport_tls_adopt(ssl, fds[0]);
        assert_non_null(t);
        SSL_CTX_free(context);
        p.peer[TLS_CLIENT].t = t;
        assert_true(t->has_input);
        size_t got = sizeof(first);
        memcpy(rest, first, sizeof(first));
        while (got < sizeof(rest)) {
            ssize_t n = t->ops->read(t, rest + got, sizeof(rest) - got);
            assert_true(n > 0 || n == UV_EAGAIN);
            got += n > 0 ? (size_t)n : 0;
            (void)tls_pair_move(&p);
        }
        assert_memory_equal(rest, f->data, sizeof(rest));
        if (versions[i] == TLS1_3_VERSION)
            assert_true(SSL_key_update(ssl_of(server), SSL_KEY_UPDATE_REQUESTED));
        tls_pair_carry(&p, TLS_SERVER, f->data, DATA_MAX);
        tls_pair_carry(&p, TLS_CLIENT, f->data, DATA_MAX);
        assert_int_equal(t->ops->shutdown(t), 0);
        tls_pair_settle(&p);
        assert_int_equal(server->ops->read(server, rest, sizeof(rest)), 0);
        tls_pair_close(&p);
        tls_pair_free_contexts(&p);
    }
}

static void an_adopted_connection_loses_nothing(void **state)
{
    adopt_and_carry(state, TLSEXT_max_fragment_length_DISABLED);
    adopt_and_carry(state, TLSEXT_max_fragment_length_512);
}

// What the servers' sides of idle connections take, by what is freed with them. The sanitizers'
// allocators count nothing.
static void an_idle_connection_keeps_no_buffers(void **state)
{
    enum {
        COUNT = 50
    };
    struct fixture *f = *state;
    struct tls_pair *pairs = calloc(COUNT, sizeof(*pairs));
    assert_non_null(pairs);
    for (int version = 0; version < 2; version++) {
        struct tls_pair base = new_pair(state, versions[version]);
        for (int i = 0; i < COUNT; i++) {
            pairs[i] = base;
            tls_pair_connect(&pairs[i], "localhost");
            tls_pair_carry(&pairs[i], TLS_CLIENT, f->data, DATA_MAX);
            tls_pair_carry(&pairs[i], TLS_SERVER, f->data, DATA_MAX);
            assert_false(pairs[i].peer[TLS_SERVER].t->wants_write);
        }
        size_t before = mallinfo2().uordblks;
        for (int i = 0; i < COUNT; i++) {
            struct transport *t = pairs[i].peer[TLS_SERVER].t;
            pairs[i].peer[TLS_SERVER].t = NULL;
            t->ops->close(t, false);
        }
        size_t each = (before - mallinfo2().uordblks) / COUNT;
        assert_in_range(each, 0, 16 * 1024);
        for (int i = 0; i < COUNT; i++)
            tls_pair_close(&pairs[i]);
        tls_pair_free_contexts(&base);
    }
    free(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_adopted_connection_loses_nothing),
        cmocka_unit_test(an_idle_connection_keeps_no_buffers),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
