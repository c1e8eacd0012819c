// SPDX-License-Identifier: MIT
// The ends of TLS connections: close_notify, FIN, RST and alerts are told apart, a connection cut
// at any byte is never taken for a whole one, and what is no TLS is named.
#include <arpa/inet.h>
#include <fcntl.h>
#include "tests/support/trials.h"
#include "transport_tls_fixture.h"

// Bytes that a whole handshake takes from one side, up to the end of that of the other.
static size_t handshake_bytes(struct tls_pair *p, enum tls_side from)
{
    tls_pair_open(p, "localhost");
    p->piece = 1;
    while (p->peer[!from].handshake == UV_EAGAIN) {
        for (int side = TLS_CLIENT; side <= TLS_SERVER; side++) {
            struct tls_peer *peer = &p->peer[side];
            if (peer->handshake == UV_EAGAIN)
                peer->handshake = peer->t->ops->handshake(peer->t);
        }
        (void)tls_pair_move(p);
    }
    size_t bytes = p->peer[from].sent;
    p->piece = SIZE_MAX;
    tls_pair_close(p);
    return bytes - 1; // one more was moved behind the last one
}

static void a_handshake_cut_at_any_byte_fails(void **state)
{
    enum {
        VARIES = 8 // a handshake is shorter by so much at most: two signatures of ECDSA
    };
    for (int i = 0; i < 4; i++) {
        enum tls_side from = i % 2 ? TLS_SERVER : TLS_CLIENT;
        struct tls_pair p = new_pair(state, versions[i / 2]);
        size_t whole = handshake_bytes(&p, from);
        assert_in_range(whole, 200, 4000);
        for (size_t cut = 1; cut < whole - VARIES; cut += trials(1, 19)) {
            tls_pair_open(&p, "localhost");
            p.peer[from].cut_at = cut;
            // A finished client keeps a session, which would make the next handshake shorter.
            tls_sessions_deinit(&p.client->sessions);
            tls_pair_handshake(&p);
            struct tls_peer *to = &p.peer[!from];
            assert_int_equal(to->handshake, UV_EOF);
            assert_detail(to->t, "closed the connection during the TLS handshake");
            assert_int_equal(to->t->ops->handshake(to->t), UV_EOF);
            assert_no_errors_left();
            tls_pair_close(&p);
        }
        tls_pair_free_contexts(&p);
    }
}

// Reads to the end. Returns what ended it; `*len` is the number of bytes before.
static ssize_t read_to_end(struct tls_pair *p, struct transport *t, size_t *len)
{
    char bytes[5000];
    ssize_t n;
    int quiet = 0;
    *len = 0;
    do {
        n = t->ops->read(t, bytes, sizeof(bytes));
        *len += n > 0 ? (size_t)n : 0;
        quiet = n > 0 || tls_pair_move(p) > 0 ? 0 : quiet + 1;
    } while (n > 0 || (n == UV_EAGAIN && quiet < 3));
    return n;
}

static void only_a_close_notify_is_a_whole_end(void **state)
{
    enum {
        LEN = 1000
    };
    char data[LEN] = {0};
    const struct iovec part = {data, LEN};
    for (int i = 0; i < 4; i++) {
        enum tls_side from = i % 2 ? TLS_SERVER : TLS_CLIENT;
        struct tls_pair p = new_pair(state, versions[i / 2]);
        size_t whole = SIZE_MAX;
        size_t got;
        for (size_t cut = 1; cut <= whole; cut += trials(1, 19)) {
            tls_pair_connect(&p, "localhost");
            tls_pair_settle(&p);
            struct tls_peer *sender = &p.peer[from];
            struct transport *t = p.peer[!from].t;
            size_t before = sender->sent;
            assert_int_equal(sender->t->ops->writev(sender->t, &part, 1), LEN);
            assert_int_equal(sender->t->ops->shutdown(sender->t), 0);
            if (whole == SIZE_MAX) { // the first one is not cut, and measures
                assert_int_equal(read_to_end(&p, t, &got), 0);
                assert_int_equal(got, LEN);
                whole = sender->sent - before;
                assert_in_range(whole, LEN + 2 * 20, LEN + 100);
            } else {
                sender->cut_at = before + cut - 1 + (cut == 1);
                assert_int_equal(read_to_end(&p, t, &got), UV_EOF);
                assert_true(got == 0 || got == LEN);
                assert_detail(t, "without close_notify");
            }
            assert_no_errors_left();
            tls_pair_close(&p);
        }
        tls_pair_free_contexts(&p);
    }
}

static void the_peer_may_send_on_behind_our_close_notify(void **state)
{
    char data[30000];
    size_t got;
    for (int i = 0; i < 4; i++) {
        enum tls_side from = i % 2 ? TLS_SERVER : TLS_CLIENT;
        struct tls_pair p = new_pair(state, versions[i / 2]);
        tls_pair_connect(&p, "localhost");
        struct transport *a = p.peer[from].t;
        struct transport *b = p.peer[!from].t;
        pattern_write((uint8_t *)data, sizeof(data), 3, 0);
        assert_int_equal(a->ops->shutdown(a), 0);
        assert_int_equal(a->ops->writev(a, &(struct iovec){data, 1}, 1), UV_EPIPE);
        tls_pair_settle(&p);
        assert_int_equal(b->ops->read(b, data, 1), 0);
        assert_int_equal(b->ops->read(b, data, 1), 0);
        tls_pair_carry(&p, !from, data, sizeof(data));
        assert_int_equal(b->ops->shutdown(b), 0);
        assert_int_equal(read_to_end(&p, a, &got), 0);
        tls_pair_close(&p);
        tls_pair_free_contexts(&p);
    }
}

// close_notify waits behind data that the socket does not take, and FIN behind both.
static void a_shutdown_waits_for_the_socket(void **state)
{
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    char data[20000] = {0};
    const struct iovec part = {data, sizeof(data)};
    size_t sent = 0;
    size_t got;
    ssize_t n;
    tls_pair_connect(&p, "localhost");
    struct transport *t = p.peer[TLS_SERVER].t;
    p.peer[TLS_SERVER].held = true;
    while ((n = t->ops->writev(t, &part, 1)) > 0)
        sent += (size_t)n;
    assert_int_equal(t->ops->shutdown(t), UV_EAGAIN);
    assert_int_equal(t->ops->shutdown(t), UV_EAGAIN);
    assert_true(t->wants_write);
    p.peer[TLS_SERVER].held = false;
    tls_pair_settle(&p);
    assert_int_equal(t->ops->shutdown(t), 0);
    assert_int_equal(read_to_end(&p, p.peer[TLS_CLIENT].t, &got), 0);
    assert_int_equal(got, sent + sizeof(data)); // the last one left behind the others
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

// After a FIN without close_notify nothing more is read, but what is owed to the peer can be sent.
static void writing_goes_on_behind_a_bare_fin(void **state)
{
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    char data[100] = {0};
    char got[200];
    const struct iovec part = {data, sizeof(data)};
    tls_pair_connect(&p, "localhost");
    tls_pair_settle(&p);
    struct transport *client = p.peer[TLS_CLIENT].t;
    struct transport *server = p.peer[TLS_SERVER].t;
    assert_int_equal(shutdown(p.peer[TLS_SERVER].wire, SHUT_WR), 0);
    assert_int_equal(server->ops->read(server, got, sizeof(got)), UV_EOF);
    assert_int_equal(server->ops->writev(server, &part, 1), sizeof(data));
    assert_int_equal(server->ops->shutdown(server), 0);
    tls_pair_settle(&p);
    assert_int_equal(client->ops->read(client, got, sizeof(got)), sizeof(data));
    assert_int_equal(client->ops->read(client, got, sizeof(got)), 0);
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

// Two connected sockets of TCP, which can send a RST.
static void connect_tcp(int fds[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&at, sizeof(at)), 0);
    fds[1] = accept(listener, NULL, NULL);
    assert_true(fds[1] >= 0);
    assert_int_equal(close(listener), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
}

static void a_reset_is_a_reset(void **state)
{
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    int fds[2];
    char byte = 0;
    const struct iovec part = {&byte, 1};
    connect_tcp(fds);
    struct transport *client = transport_tls_client(fds[0], p.client, "localhost");
    struct transport *server = transport_tls_server(fds[1], p.server);
    int a = UV_EAGAIN;
    int b = UV_EAGAIN;
    while (a == UV_EAGAIN || b == UV_EAGAIN) {
        a = a ? client->ops->handshake(client) : a;
        b = b ? server->ops->handshake(server) : b;
    }
    assert_true(a == 0 && b == 0);
    client->ops->close(client, true);
    ssize_t n;
    do
        n = server->ops->read(server, &byte, 1);
    while (n == UV_EAGAIN);
    assert_int_equal(n, UV_ECONNRESET);
    assert_int_equal(server->ops->writev(server, &part, 1), UV_ECONNRESET);
    server->ops->close(server, false);
    tls_pair_free_contexts(&p);
}

// Spoils one byte of the ciphertext.
static void a_changed_record_ends_the_connection_with_an_alert(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct tls_pair p = new_pair(state, versions[i]);
        char data[100] = {0};
        char record[200];
        const struct iovec part = {data, sizeof(data)};
        tls_pair_connect(&p, "localhost");
        tls_pair_settle(&p);
        struct transport *client = p.peer[TLS_CLIENT].t;
        struct transport *server = p.peer[TLS_SERVER].t;
        assert_int_equal(client->ops->writev(client, &part, 1), sizeof(data));
        ssize_t n = recv(p.peer[TLS_CLIENT].wire, record, sizeof(record), 0);
        assert_true(n > 100);
        record[50] ^= 1;
        assert_int_equal(send(p.peer[TLS_SERVER].wire, record, (size_t)n, 0), n);
        assert_int_equal(server->ops->read(server, data, sizeof(data)), UV_EPROTO);
        assert_detail(server, "bad record mac");
        assert_int_equal(server->ops->writev(server, &part, 1), UV_EPROTO);
        tls_pair_settle(&p);
        assert_int_equal(client->ops->read(client, data, sizeof(data)), UV_ECONNABORTED);
        assert_detail(client, "the peer has sent a TLS alert: bad record mac");
        assert_int_equal(client->ops->read(client, data, sizeof(data)), UV_ECONNABORTED);
        assert_no_errors_left();
        tls_pair_close(&p);
        tls_pair_free_contexts(&p);
    }
}

static void what_is_no_tls_is_named(void **state)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "CONNECT localhost:443 HTTP/1.1\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\n\n\n\n\n\n\n"};
    for (size_t i = 0; i < 2 * sizeof(texts) / sizeof(texts[0]); i++) {
        struct tls_pair p = new_pair(state, TLS1_3_VERSION);
        const char *text = texts[i / 2];
        struct tls_peer *peer = &p.peer[i % 2];
        tls_pair_open(&p, "localhost");
        assert_int_equal(peer->t->ops->handshake(peer->t), UV_EAGAIN);
        assert_int_equal(send(peer->wire, text, strlen(text), 0), strlen(text));
        assert_int_equal(peer->t->ops->handshake(peer->t), UV_EPROTO);
        assert_string_equal(peer->t->ops->detail(peer->t), "the peer does not speak TLS");
        assert_no_errors_left();
        assert_int_equal(peer->t->ops->shutdown(peer->t), 0);
        tls_pair_close(&p);
        tls_pair_free_contexts(&p);
    }
}

// Random bytes in records of TLS and without; a handshake must fail, or wait for more.
static void garbage_ends_a_handshake(void **state)
{
    struct tls_pair p = new_pair(state, TLS1_3_VERSION);
    for (uint64_t seed = 1; seed <= trials(2000, 200); seed++) {
        struct chance c = chance_of_seed(seed);
        struct tls_peer *peer = &p.peer[seed % 2];
        uint8_t bytes[600];
        size_t len = 6 + chance_below(&c, sizeof(bytes) - 6);
        pattern_write(bytes, len, seed, 0);
        if (chance_one_in(&c, 2)) {
            bytes[0] = 22;
            bytes[1] = 3;
            bytes[2] = 1;
            bytes[3] = (uint8_t)((len - 5) >> 8);
            bytes[4] = (uint8_t)(len - 5);
            bytes[5] = (uint8_t)(chance_one_in(&c, 2) ? 1 : 2);
        }
        tls_pair_open(&p, "localhost");
        (void)peer->t->ops->handshake(peer->t);
        assert_int_equal(send(peer->wire, bytes, len, 0), len);
        int n = peer->t->ops->handshake(peer->t);
        assert_true(n == UV_EPROTO || n == UV_ECONNABORTED || n == UV_EAGAIN);
        assert_true(n == UV_EAGAIN || *peer->t->ops->detail(peer->t));
        assert_int_equal(shutdown(peer->wire, SHUT_WR), 0);
        n = peer->t->ops->handshake(peer->t);
        assert_true(n == UV_EPROTO || n == UV_ECONNABORTED || n == UV_EOF);
        assert_no_errors_left();
        tls_pair_close(&p);
    }
    tls_pair_free_contexts(&p);
}

// Renegotiation is of TLS 1.2 alone. The server refuses, and data still pass.
static void a_renegotiation_is_refused(void **state)
{
    struct tls_pair p = new_pair(state, TLS1_2_VERSION);
    char byte;
    tls_pair_connect(&p, "localhost");
    struct transport *client = p.peer[TLS_CLIENT].t;
    struct transport *server = p.peer[TLS_SERVER].t;
    SSL *ssl = ssl_of(client);
    (void)SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    assert_true(SSL_renegotiate(ssl));
    assert_true(SSL_do_handshake(ssl) <= 0 || SSL_renegotiate_pending(ssl));
    ((struct transport_tls *)(void *)client)->wire.budget = 100000;
    (void)client->ops->writev(client, NULL, 0);
    tls_pair_settle(&p);
    assert_true(server->ops->read(server, &byte, 1) < 0);
    tls_pair_settle(&p);
    assert_true(SSL_do_handshake(ssl) <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_cut_at_any_byte_fails),
        cmocka_unit_test(only_a_close_notify_is_a_whole_end),
        cmocka_unit_test(the_peer_may_send_on_behind_our_close_notify),
        cmocka_unit_test(a_shutdown_waits_for_the_socket),
        cmocka_unit_test(writing_goes_on_behind_a_bare_fin),
        cmocka_unit_test(a_reset_is_a_reset),
        cmocka_unit_test(a_changed_record_ends_the_connection_with_an_alert),
        cmocka_unit_test(what_is_no_tls_is_named),
        cmocka_unit_test(garbage_ends_a_handshake),
        cmocka_unit_test(a_renegotiation_is_refused),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
