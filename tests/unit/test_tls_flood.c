// SPDX-License-Identifier: MIT
// Peers that cost more than they send: messages of the handshake protocol among little data, and
// output in many small records.
#include "transport_tls_fixture.h"

enum {
    MESSAGES = 32,  // that a peer may send at once
    PER_KIB = 1024, // bytes of data that allow one more
    OUTPUT_MAX = 256 * 1024,
};

static void update_keys(struct tls_pair *p, int times)
{
    struct transport *client = p->peer[TLS_CLIENT].t;
    for (int i = 0; i < times; i++) {
        assert_true(SSL_key_update(ssl_of(client), SSL_KEY_UPDATE_NOT_REQUESTED));
        assert_int_equal(SSL_do_handshake(ssl_of(client)), 1);
    }
    (void)client->ops->writev(client, NULL, 0);
}

// Sends data and has the server read it, with the messages before it. Returns what reading gave
// behind the data: UV_EAGAIN, or the error.
static int send_data(struct tls_pair *p, const uint8_t *data, size_t len)
{
    struct transport *client = p->peer[TLS_CLIENT].t;
    struct transport *server = p->peer[TLS_SERVER].t;
    const struct iovec part = {(void *)(uintptr_t)data, len};
    char bytes[4096];
    ssize_t n;
    if (len > 0)
        assert_int_equal(client->ops->writev(client, &part, 1), len);
    do {
        tls_pair_settle(p);
        n = server->ops->read(server, bytes, sizeof(bytes));
    } while (n > 0 || (n == UV_EAGAIN && tls_pair_move(p) > 0));
    return (int)n;
}

static void one_byte_does_not_buy_more_messages(void **state)
{
    struct fixture *f = *state;
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    tls_pair_connect(&p, "localhost");
    update_keys(&p, MESSAGES - 1);
    assert_int_equal(send_data(&p, f->data, 1), UV_EAGAIN);
    update_keys(&p, MESSAGES - 1);
    assert_int_equal(send_data(&p, f->data, 1), UV_EPROTO);
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

// Behind as many messages as are allowed: `len` bytes, and `more` messages.
static int with_data_between(void **state, size_t len, int more)
{
    struct fixture *f = *state;
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    tls_pair_connect(&p, "localhost");
    update_keys(&p, MESSAGES);
    int n = send_data(&p, f->data, len / 2);
    assert_int_equal(n, UV_EAGAIN);
    assert_int_equal(send_data(&p, f->data, len - len / 2), UV_EAGAIN);
    update_keys(&p, more);
    n = send_data(&p, f->data, 0);
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
    return n;
}

static void each_kib_of_data_allows_one_more_message(void **state)
{
    assert_int_equal(with_data_between(state, PER_KIB - 1, 1), UV_EPROTO);
    assert_int_equal(with_data_between(state, PER_KIB, 1), UV_EAGAIN);
    assert_int_equal(with_data_between(state, PER_KIB, 2), UV_EPROTO);
    assert_int_equal(with_data_between(state, (size_t)100 * PER_KIB, MESSAGES), UV_EAGAIN);
    assert_int_equal(with_data_between(state, (size_t)100 * PER_KIB, MESSAGES + 1), UV_EPROTO);
}

static void an_update_for_each_kib_goes_on_for_ever(void **state)
{
    struct fixture *f = *state;
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    tls_pair_connect(&p, "localhost");
    for (int i = 0; i < 10 * MESSAGES; i++) {
        update_keys(&p, 1);
        assert_int_equal(send_data(&p, f->data, PER_KIB), UV_EAGAIN);
    }
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

static void small_records_are_collected_without_a_copy_for_each(void **state)
{
    struct fixture *f = *state;
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    tls_pair_connect(&p, "localhost");
    struct transport_tls *t = (struct transport_tls *)(void *)p.peer[TLS_SERVER].t;
    BIO *wire = SSL_get_wbio(t->ssl);
    size_t grown = 0;
    for (size_t at = 0; at < OUTPUT_MAX; at += 64) {
        size_t before = t->wire.out_cap;
        assert_int_equal(BIO_write(wire, f->data + at % DATA_MAX, 64), 64);
        grown += t->wire.out_cap != before;
    }
    assert_in_range(grown, 1, 16);
    assert_int_equal(t->wire.write_error, 0);
    assert_int_equal(tls_wire_pending(&t->wire), OUTPUT_MAX);
    assert_true(t->wire.out_cap <= OUTPUT_MAX);
    for (size_t at = 0; at < OUTPUT_MAX; at += 64)
        assert_memory_equal(t->wire.out + at, f->data + at % DATA_MAX, 64);
    assert_int_equal(BIO_write(wire, f->data, 1), 1);
    assert_int_equal(t->wire.write_error, UV_ENOBUFS);
    assert_int_equal(tls_wire_pending(&t->wire), 0);
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_byte_does_not_buy_more_messages),
        cmocka_unit_test(each_kib_of_data_allows_one_more_message),
        cmocka_unit_test(an_update_for_each_kib_goes_on_for_ever),
        cmocka_unit_test(small_records_are_collected_without_a_copy_for_each),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
