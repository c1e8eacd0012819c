// SPDX-License-Identifier: MIT
// The TLS transport: handshakes and data in pieces of any size, records, key updates while the
// socket is full, and read-ahead.
#include "transport_tls_fixture.h"

static void handshakes_and_data_pass_in_pieces_of_any_size(void **state)
{
    static const size_t pieces[] = {1, 2, 5, 7, 100, 1000, SIZE_MAX};
    struct fixture *f = *state;
    for (size_t i = 0; i < 2 * sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct tls_pair p = new_pair(state, versions[i % 2]);
        p.piece = pieces[i / 2];
        tls_pair_connect(&p, "localhost");
        assert_int_equal(SSL_version(ssl_of(p.peer[TLS_SERVER].t)), versions[i % 2]);
        tls_pair_carry(&p, TLS_CLIENT, f->data, 3000);
        tls_pair_carry(&p, TLS_SERVER, f->data, 20000);
        tls_pair_carry(&p, TLS_CLIENT, f->data, 1);
        assert_no_errors_left();
        tls_pair_close(&p);
        tls_pair_free_contexts(&p);
    }
}

// Writes some of data[at..len) in up to eight parts, empty ones among them.
static size_t write_parts(struct transport *t, const uint8_t *data, size_t len, struct chance *c)
{
    struct iovec parts[8];
    int count = (int)chance_below(c, 9);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        size_t most = chance_one_in(c, 3) ? 40000 : 300;
        size_t n = chance_below(c, most);
        n = n < len - at ? n : len - at;
        parts[i] = (struct iovec){(void *)(uintptr_t)(data + at), n};
        at += n;
    }
    ssize_t n = t->ops->writev(t, parts, count);
    assert_true(n == UV_EAGAIN || (n >= 0 && (size_t)n <= at));
    return n > 0 ? (size_t)n : 0;
}

static size_t read_some(struct transport *t, const uint8_t *data, size_t left, struct chance *c)
{
    char bytes[70000];
    size_t cap = 1 + chance_below(c, chance_one_in(c, 2) ? sizeof(bytes) - 1 : 100);
    ssize_t n = t->ops->read(t, bytes, cap);
    assert_true(n == UV_EAGAIN || (n > 0 && (size_t)n <= left));
    if (n > 0)
        assert_memory_equal(bytes, data, (size_t)n);
    return n > 0 ? (size_t)n : 0;
}

// Sends `len` bytes both ways at once, in random parts, reads and pieces of the wire.
static void carry_both_ways(struct tls_pair *p, const uint8_t *data, size_t len, struct chance *c)
{
    size_t sent[2] = {0, 0};
    size_t got[2] = {0, 0};
    while (got[0] < len || got[1] < len) {
        int side = (int)chance_below(c, 2);
        struct transport *t = p->peer[side].t;
        if (sent[side] < len || t->wants_write)
            sent[side] += write_parts(t, data + sent[side], len - sent[side], c);
        if (got[side] < len)
            got[side] += read_some(t, data + got[side], len - got[side], c);
        p->piece = chance_one_in(c, 3) ? SIZE_MAX : 1 + chance_below(c, 4000);
        (void)tls_pair_move(p);
        assert_true(t->wire_sent >= p->peer[side].sent);
    }
    tls_pair_settle(p);
    for (int side = 0; side < 2; side++)
        assert_int_equal(p->peer[side].t->wire_sent, p->peer[side].sent);
    assert_no_errors_left();
}

static void any_amount_in_any_parts_arrives_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 1000, 16383, 16384, 16385, 65536, DATA_MAX};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (uint64_t seed = 1; seed <= 6; seed++) {
            struct chance c = chance_of_seed(seed * 100 + i);
            struct tls_pair p = new_pair(state, versions[seed % 2]);
            tls_pair_connect(&p, "localhost");
            for (int side = 0; side < 2; side++) {
                int bytes = 8192; // so that the socket is often full
                assert_int_equal(
                    setsockopt(p.peer[side].t->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)),
                    0);
            }
            carry_both_ways(&p, f->data, sizes[i], &c);
            tls_pair_close(&p);
            tls_pair_free_contexts(&p);
        }
    }
}

static size_t records, record_bytes;

// NOLINTNEXTLINE(readability-function-size): the library's signature
static void count_records(int sent, int version, int kind, const void *bytes, size_t len, SSL *ssl,
                          void *arg)
{
    const uint8_t *header = bytes;
    (void)version;
    (void)ssl;
    (void)arg;
    if (!sent || kind != SSL3_RT_HEADER || len < 5)
        return;
    records++;
    record_bytes += (size_t)header[3] << 8 | header[4];
}

static void small_parts_share_records_and_bulk_fills_them(void **state)
{
    struct fixture *f = *state;
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    struct iovec parts[64];
    tls_pair_connect(&p, "localhost");
    struct transport *t = p.peer[TLS_CLIENT].t;
    SSL_set_msg_callback(ssl_of(t), count_records);
    for (int i = 0; i < 64; i++)
        parts[i] = (struct iovec){f->data, 100};
    records = 0;
    assert_int_equal(t->ops->writev(t, parts, 64), 6400);
    assert_int_equal(records, 1);
    records = 0;
    parts[0].iov_len = 40 * 1024;
    assert_int_equal(t->ops->writev(t, parts, 2), 40 * 1024 + 100);
    assert_int_equal(records, 3);
    assert_true(record_bytes > 40 * 1024);
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

// A peer may ask for records shorter than the pieces that we give OpenSSL (RFC 6066 §4).
static void short_records_lose_nothing(void **state)
{
    static const uint8_t fragments[] = {TLSEXT_max_fragment_length_512,
                                        TLSEXT_max_fragment_length_4096};
    struct fixture *f = *state;
    for (size_t i = 0; i < 4; i++) {
        struct tls_pair p = new_pair(state, versions[i % 2]);
        assert_true(SSL_CTX_set_tlsext_max_fragment_length(p.client->context, fragments[i / 2]));
        tls_pair_connect(&p, "localhost");
        tls_pair_carry(&p, TLS_CLIENT, f->data, 200000);
        tls_pair_carry(&p, TLS_SERVER, f->data, 200000);
        struct transport *t = p.peer[TLS_CLIENT].t;
        const struct iovec part = {f->data, 20000};
        SSL_set_msg_callback(ssl_of(t), count_records);
        records = 0;
        assert_int_equal(t->ops->writev(t, &part, 1), 20000);
        assert_true(records >= 20000 / 4096);
        tls_pair_close(&p);
        tls_pair_free_contexts(&p);
    }
}

// OpenSSL takes pieces whole unless somebody turns on its partial writes. Were a short one taken
// for a whole one, bytes would be missing in the middle.
static void a_short_write_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        struct tls_pair p = new_pair(state, versions[i]);
        const struct iovec part = {f->data, 2000};
        char bytes[2000];
        tls_pair_connect(&p, "localhost");
        struct transport *client = p.peer[TLS_CLIENT].t;
        struct transport *server = p.peer[TLS_SERVER].t;
        assert_true(SSL_set_max_send_fragment(ssl_of(client), 512));
        (void)SSL_set_mode(ssl_of(client), SSL_MODE_ENABLE_PARTIAL_WRITE);
        assert_int_equal(client->ops->writev(client, &part, 1), UV_EIO);
        assert_string_equal(client->ops->detail(client),
                            "OpenSSL has written only part of the data");
        assert_int_equal(client->ops->writev(client, &part, 1), UV_EIO);
        assert_int_equal(client->ops->read(client, bytes, sizeof(bytes)), UV_EIO);
        tls_pair_settle(&p);
        assert_int_equal(server->ops->read(server, bytes, sizeof(bytes)), 512);
        tls_pair_close(&p);
        tls_pair_free_contexts(&p);
    }
}

static size_t read_now(struct transport *t)
{
    static char bytes[30000];
    ssize_t n = t->ops->read(t, bytes, sizeof(bytes));
    assert_true(n > 0 || n == UV_EAGAIN);
    return n > 0 ? (size_t)n : 0;
}

static void a_peer_that_stops_reading_makes_a_writer_wait(void **state)
{
    struct fixture *f = *state;
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    tls_pair_connect(&p, "localhost");
    struct transport *t = p.peer[TLS_SERVER].t;
    const struct iovec part = {f->data, DATA_MAX};
    size_t taken = 0;
    ssize_t n;
    p.peer[TLS_SERVER].held = true;
    while ((n = t->ops->writev(t, &part, 1)) > 0)
        taken += (size_t)n;
    assert_int_equal(n, UV_EAGAIN);
    assert_true(t->wants_write);
    assert_true(taken < 4 * 1024 * 1024);
    assert_true(tls_wire_pending(&((struct transport_tls *)(void *)t)->wire) <=
                TLS_BATCH_RECORDS * (TLS_RECORD_BYTES + TLS_RECORD_OVERHEAD));
    assert_int_equal(t->ops->writev(t, NULL, 0), UV_EAGAIN);
    p.peer[TLS_SERVER].held = false;
    size_t got = 0;
    while (t->wants_write) {
        got += read_now(p.peer[TLS_CLIENT].t);
        (void)tls_pair_move(&p);
        n = t->ops->writev(t, NULL, 0);
        assert_true(n == UV_EAGAIN || n == 0);
    }
    // What had left only in part is told now, and not sent again.
    size_t held = ((struct transport_tls *)(void *)t)->held;
    assert_true(held > 0);
    assert_int_equal(t->ops->writev(t, &(struct iovec){f->data, held}, 1), held);
    do
        got += read_now(p.peer[TLS_CLIENT].t);
    while (tls_pair_move(&p) > 0);
    assert_int_equal(got + read_now(p.peer[TLS_CLIENT].t), taken + held);
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

// Fills the socket. Returns the bytes that leave, the last 10,000 of them later.
static size_t fill(struct transport *from, const uint8_t *data)
{
    const struct iovec part = {(void *)(uintptr_t)data, 10000};
    size_t sent = part.iov_len;
    ssize_t n;
    while ((n = from->ops->writev(from, &part, 1)) > 0)
        sent += (size_t)n;
    assert_int_equal(n, UV_EAGAIN);
    return sent;
}

static void read_all(struct tls_pair *p, struct transport *t, size_t len)
{
    char bytes[30000];
    while (len > 0) {
        ssize_t n = t->ops->read(t, bytes, sizeof(bytes));
        assert_true(n == UV_EAGAIN || (n > 0 && (size_t)n <= len));
        len -= n > 0 ? (size_t)n : 0;
        (void)p->peer[TLS_CLIENT].t->ops->writev(p->peer[TLS_CLIENT].t, NULL, 0);
        (void)p->peer[TLS_SERVER].t->ops->writev(p->peer[TLS_SERVER].t, NULL, 0);
        (void)tls_pair_move(p);
    }
}

// The answer to a key update waits behind output that the socket does not take.
static void keys_are_updated_while_the_socket_is_full(void **state)
{
    struct fixture *f = *state;
    for (int side = TLS_CLIENT; side <= TLS_SERVER; side++) {
        struct tls_pair p = new_pair(state, TLS1_3_VERSION);
        tls_pair_connect(&p, "localhost");
        struct transport *asks = p.peer[side].t;
        struct transport *answers = p.peer[!side].t;
        p.peer[!side].held = true;
        size_t sent = fill(answers, f->data);
        for (int i = 0; i < 3; i++) {
            const struct iovec part = {f->data, 500};
            assert_true(SSL_key_update(ssl_of(asks), SSL_KEY_UPDATE_REQUESTED));
            assert_int_equal(asks->ops->writev(asks, &part, 1), 500);
        }
        tls_pair_settle(&p);
        read_all(&p, answers, 1500);
        assert_true(answers->wants_write);
        p.peer[!side].held = false;
        read_all(&p, asks, sent);
        const struct iovec last = {f->data, 10000};
        assert_int_equal(answers->ops->writev(answers, &last, 1), 10000);
        tls_pair_carry(&p, TLS_CLIENT, f->data, 20000);
        tls_pair_carry(&p, TLS_SERVER, f->data, 20000);
        assert_false(answers->wants_write);
        tls_pair_close(&p);
        tls_pair_free_contexts(&p);
    }
}

// A key update is 27 bytes that cost the peer a derivation of keys.
static void key_updates_without_data_end_the_connection(void **state)
{
    for (int count = 31; count <= 34; count++) {
        struct tls_pair p = new_pair(state, TLS1_3_VERSION);
        char byte;
        int n = UV_EAGAIN;
        tls_pair_connect(&p, "localhost");
        struct transport *client = p.peer[TLS_CLIENT].t;
        struct transport *server = p.peer[TLS_SERVER].t;
        for (int i = 0; i < count && n == UV_EAGAIN; i++) {
            assert_true(SSL_key_update(ssl_of(client), SSL_KEY_UPDATE_NOT_REQUESTED));
            assert_int_equal(SSL_do_handshake(ssl_of(client)), 1);
            (void)client->ops->writev(client, NULL, 0);
            tls_pair_settle(&p);
            n = (int)server->ops->read(server, &byte, 1);
        }
        assert_int_equal(n, count <= 32 ? UV_EAGAIN : UV_EPROTO);
        if (count > 32)
            assert_string_equal(server->ops->detail(server),
                                "the peer sends too many TLS messages for its data");
        assert_no_errors_left();
        tls_pair_close(&p);
        tls_pair_free_contexts(&p);
    }
}

// A read that is shorter than what has arrived says that more waits, and none is lost.
static void input_beyond_a_short_read_is_announced(void **state)
{
    struct fixture *f = *state;
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    const struct iovec part = {f->data, 40000};
    char bytes[1000];
    size_t got = 0;
    tls_pair_connect(&p, "localhost");
    struct transport *client = p.peer[TLS_CLIENT].t;
    struct transport *server = p.peer[TLS_SERVER].t;
    assert_int_equal(client->ops->writev(client, &part, 1), 40000);
    tls_pair_settle(&p);
    while (got < 40000) {
        ssize_t n = server->ops->read(server, bytes, sizeof(bytes));
        assert_true(n > 0);
        assert_memory_equal(bytes, f->data + got, (size_t)n);
        got += (size_t)n;
        char byte;
        bool socket_is_empty = recv(server->fd, &byte, 1, MSG_PEEK) < 0;
        assert_true(server->has_input || !socket_is_empty || got == 40000);
    }
    assert_false(server->has_input);
    assert_int_equal(server->ops->read(server, bytes, sizeof(bytes)), UV_EAGAIN);
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

// The client's first data may arrive together with its last message of the handshake.
static void data_behind_the_handshake_is_announced(void **state)
{
    struct fixture *f = *state;
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    const struct iovec part = {f->data, 50};
    char bytes[100];
    tls_pair_open(&p, "localhost");
    struct transport *client = p.peer[TLS_CLIENT].t;
    struct transport *server = p.peer[TLS_SERVER].t;
    while (client->ops->handshake(client) == UV_EAGAIN) {
        (void)tls_pair_move(&p);
        assert_int_equal(server->ops->handshake(server), UV_EAGAIN);
        (void)tls_pair_move(&p);
    }
    assert_int_equal(client->ops->writev(client, &part, 1), 50);
    tls_pair_settle(&p);
    assert_int_equal(server->ops->handshake(server), 0);
    assert_true(server->has_input);
    assert_int_equal(server->ops->read(server, bytes, sizeof(bytes)), 50);
    assert_memory_equal(bytes, f->data, 50);
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes_and_data_pass_in_pieces_of_any_size),
        cmocka_unit_test(any_amount_in_any_parts_arrives_whole),
        cmocka_unit_test(small_parts_share_records_and_bulk_fills_them),
        cmocka_unit_test(short_records_lose_nothing),
        cmocka_unit_test(a_short_write_ends_the_connection),
        cmocka_unit_test(a_peer_that_stops_reading_makes_a_writer_wait),
        cmocka_unit_test(keys_are_updated_while_the_socket_is_full),
        cmocka_unit_test(key_updates_without_data_end_the_connection),
        cmocka_unit_test(input_beyond_a_short_read_is_announced),
        cmocka_unit_test(data_behind_the_handshake_is_announced),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
