// SPDX-License-Identifier: MIT
// A message of the handshake protocol, behind the handshake, that a peer sends only in part:
// OpenSSL writes nothing until it has the rest.
#include "conn_fixture.h"
#include "tests/support/tls_records.h"
#include "transport_tls_fixture.h"

enum {
    RECORD = 512,
    OUTPUT = 1000,
    BORROWED = 10000,
    PRIVATE_EXTENSION = 65280, // the first type for private use (RFC 8446 §11)
};

// A connection of ours to a peer that sends messages in part.
struct cut {
    struct tls_pair p;
    struct owner *o;
    enum tls_side ours;
    struct transport *peer;
    struct tls_records records;
};

// Makes a ticket of several records.
static int on_new_ticket(SSL *ssl, void *arg)
{
    static const char more[2000] = "more";
    (void)arg;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), more, sizeof(more));
}

static void send_ticket(struct cut *c)
{
    SSL *ssl = ssl_of(c->peer);
    SSL_CTX_set_session_ticket_cb(SSL_get_SSL_CTX(ssl), on_new_ticket, NULL, NULL);
    assert_true(SSL_set_max_send_fragment(ssl, RECORD));
    assert_true(SSL_new_session_ticket(ssl));
    assert_int_equal(SSL_do_handshake(ssl), 1);
    assert_int_equal(c->peer->ops->writev(c->peer, NULL, 0), 0);
}

// Makes a ClientHello of several records, with an extension that servers pass over.
// NOLINTNEXTLINE(readability-function-size): the library's signature
static int on_extension(SSL *ssl, unsigned type, const unsigned char **out, size_t *len, int *alert,
                        void *arg)
{
    static const unsigned char more[2000] = "more";
    (void)ssl;
    (void)type;
    (void)alert;
    (void)arg;
    *out = more;
    *len = sizeof(more);
    return 1;
}

// Asks for a renegotiation, of TLS 1.2.
static void send_client_hello(struct cut *c)
{
    SSL *ssl = ssl_of(c->peer);
    assert_true(SSL_set_max_send_fragment(ssl, RECORD));
    (void)SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    assert_true(SSL_renegotiate(ssl));
    assert_int_equal(SSL_get_error(ssl, SSL_do_handshake(ssl)), SSL_ERROR_WANT_READ);
    assert_int_equal(c->peer->ops->writev(c->peer, NULL, 0), 0);
}

// Lets the first record through that waits at the peer.
static void move_record(struct cut *c)
{
    uint8_t header[5];
    int wire = c->p.peer[!c->ours].wire;
    assert_int_equal(recv(wire, header, sizeof(header), MSG_PEEK), sizeof(header));
    c->p.piece = sizeof(header) + ((size_t)header[3] << 8 | header[4]);
    assert_int_equal(tls_pair_move(&c->p), c->p.piece);
    c->p.piece = SIZE_MAX;
}

static struct cut *connect_owner(void **state, enum tls_side ours, int version)
{
    struct cut *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    c->p = new_pair(state, version);
    c->ours = ours;
    if (ours == TLS_SERVER)
        assert_true(SSL_CTX_add_client_custom_ext(c->p.client->context, PRIVATE_EXTENSION,
                                                  on_extension, NULL, NULL, NULL, NULL));
    tls_pair_open(&c->p, "localhost");
    if (ours == TLS_CLIENT && version == TLS1_3_VERSION)
        tls_records_watch(&c->records, ssl_of(c->p.peer[TLS_SERVER].t));
    tls_pair_handshake(&c->p);
    c->peer = c->p.peer[!ours].t;
    c->o = owner_new();
    c->o->conn = conn_adopt(&c->o->loop, c->p.peer[ours].t, &owner_ops, c->o);
    assert_non_null(c->o->conn);
    c->p.peer[ours].t = NULL;
    conn_want_read(c->o->conn, true);
    WAIT(c->o, c->o->connected);
    tls_pair_settle(&c->p);
    serve(c->o);
    return c;
}

// Lets the first record of a ticket through, or of a ClientHello if we are the server.
static struct cut *cut_new_of(void **state, enum tls_side ours, bool reads)
{
    struct cut *c =
        connect_owner(state, ours, ours == TLS_CLIENT ? TLS1_3_VERSION : TLS1_2_VERSION);
    if (ours == TLS_CLIENT)
        send_ticket(c);
    else
        send_client_hello(c);
    move_record(c);
    serve(c->o);
    conn_want_read(c->o->conn, reads);
    return c;
}

static struct cut *cut_new(void **state, bool reads)
{
    return cut_new_of(state, TLS_CLIENT, reads);
}

static void queue_output(struct cut *c, const struct fixture *f)
{
    assert_true(conn_write(c->o->conn, f->data, OUTPUT));
    serve(c->o);
    assert_int_equal(conn_pending(c->o->conn), OUTPUT);
}

static void cut_free(struct cut *c)
{
    tls_pair_close(&c->p);
    owner_free(c->o);
    tls_pair_free_contexts(&c->p);
    free(c);
}

static void assert_output_arrives(struct cut *c, const struct fixture *f)
{
    char got[OUTPUT + 1];
    WAIT(c->o, conn_pending(c->o->conn) == 0);
    tls_pair_settle(&c->p);
    assert_int_equal(c->peer->ops->read(c->peer, got, sizeof(got)), OUTPUT);
    assert_memory_equal(got, f->data, OUTPUT);
}

static void peer_writes(struct cut *c, const char *text)
{
    const struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    assert_int_equal(c->peer->ops->writev(c->peer, &part, 1), part.iov_len);
    tls_pair_settle(&c->p);
}

static void assert_waits_without_turns_of_the_loop(struct cut *c)
{
    int turns = 0;
    uint64_t end = loop_now_ms(&c->o->loop) + (uint64_t)3 * LOOP_TICK_MS;
    for (; loop_now_ms(&c->o->loop) < end && turns < 1000; turns++)
        (void)uv_run(&c->o->loop.uv, UV_RUN_ONCE);
    assert_in_range(turns, 1, 100);
}

static void output_waits_for_the_rest_of_a_ticket(void **state)
{
    for (int reads = 0; reads < 2; reads++) {
        struct cut *c = cut_new(state, reads);
        queue_output(c, *state);
        assert_waits_without_turns_of_the_loop(c);
        tls_pair_settle(&c->p);
        assert_output_arrives(c, *state);
        assert_int_equal(c->o->failed, 0);
        assert_false(timeout_runs(&c->o->conn->timer));
        cut_free(c);
    }
}

// The server refuses the renegotiation only once it has the whole ClientHello. A client of OpenSSL
// gives up then.
static void output_waits_for_the_rest_of_a_client_hello(void **state)
{
    for (int reads = 0; reads < 2; reads++) {
        struct cut *c = cut_new_of(state, TLS_SERVER, reads);
        queue_output(c, *state);
        assert_waits_without_turns_of_the_loop(c);
        size_t before = c->p.peer[TLS_SERVER].sent;
        tls_pair_settle(&c->p);
        WAIT(c->o, conn_pending(c->o->conn) == 0);
        tls_pair_settle(&c->p);
        assert_in_range(c->p.peer[TLS_SERVER].sent - before, OUTPUT, OUTPUT + 100);
        assert_int_equal(c->o->failed, 0);
        cut_free(c);
    }
}

// The rest comes with data, which its owner gets when it wants it and not before.
static void data_behind_the_rest_wait_for_their_owner(void **state)
{
    struct cut *c = cut_new(state, false);
    queue_output(c, *state);
    peer_writes(c, "hello");
    assert_output_arrives(c, *state);
    serve(c->o);
    assert_got(c->o, "");
    conn_want_read(c->o->conn, true);
    WAIT(c->o, buf_len(&c->o->got) == 5);
    assert_got(c->o, "hello");
    cut_free(c);
}

// A write may take all that waits in the socket.
static void data_that_a_write_has_met_are_read_without_an_event(void **state)
{
    struct fixture *f = *state;
    struct cut *c = cut_new(state, true);
    peer_writes(c, "hello");
    assert_true(conn_write(c->o->conn, f->data, OUTPUT));
    conn_flush(c->o->conn);
    assert_int_equal(conn_pending(c->o->conn), 0);
    WAIT(c->o, buf_len(&c->o->got) == 5);
    assert_got(c->o, "hello");
    assert_output_arrives(c, f);
    cut_free(c);
}

static void a_message_that_stays_cut_ends_at_the_limit(void **state)
{
    for (int reads = 0; reads < 2; reads++) {
        struct cut *c = cut_new(state, reads);
        c->o->loop.limits.tls_handshake_ms = 2468;
        queue_output(c, *state);
        assert_true(timeout_runs(&c->o->conn->timer));
        assert_int_equal(c->o->conn->timer.queue->duration_ms, 2468 / 3);
        let_time_pass(c->o);
        let_time_pass(c->o);
        assert_int_equal(c->o->failed, 0);
        let_time_pass(c->o);
        WAIT(c->o, c->o->failed);
        assert_int_equal(c->o->error, UV_ETIMEDOUT);
        cut_free(c);
    }
}

static void a_peer_that_closes_amid_a_message_ends_it(void **state)
{
    for (int reads = 0; reads < 2; reads++) {
        struct cut *c = cut_new(state, reads);
        queue_output(c, *state);
        tls_pair_close(&c->p);
        WAIT(c->o, c->o->failed);
        assert_int_not_equal(c->o->error, UV_ETIMEDOUT);
        cut_free(c);
    }
}

// Sends the beginning of a ticket.
static struct cut *cut_new_of_records(void **state)
{
    static const uint8_t ticket[30] = {SSL3_MT_NEWSESSION_TICKET, 0, 0, 200};
    struct cut *c = connect_owner(state, TLS_CLIENT, TLS1_3_VERSION);
    tls_records_send(&c->records, c->p.peer[TLS_CLIENT].wire, SSL3_RT_HANDSHAKE, ticket,
                     sizeof(ticket));
    serve(c->o);
    assert_true(SSL_in_init(ssl_of(c->o->conn->transport)));
    return c;
}

static void send_close_notify(struct cut *c)
{
    static const uint8_t alert[] = {SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY};
    tls_records_send(&c->records, c->p.peer[TLS_CLIENT].wire, SSL3_RT_ALERT, alert, sizeof(alert));
}

// OpenSSL writes nothing any more. No FIN follows, which would end the connection anyway.
static void a_close_notify_amid_a_message_drops_the_output(void **state)
{
    struct cut *c = cut_new_of_records(state);
    conn_want_read(c->o->conn, false);
    queue_output(c, *state);
    send_close_notify(c);
    WAIT(c->o, conn_pending(c->o->conn) == 0);
    assert_int_equal(c->o->sent, 0);
    conn_want_read(c->o->conn, true);
    WAIT(c->o, c->o->eofs);
    assert_int_equal(c->o->failed, 0);
    cut_free(c);
}

static void a_close_notify_that_a_write_has_met_is_told(void **state)
{
    struct fixture *f = *state;
    struct cut *c = cut_new_of_records(state);
    send_close_notify(c);
    loop_begin_read(&c->o->loop, slice_of((const char *)f->data, BORROWED));
    assert_true(conn_write_borrowed(c->o->conn, f->data, BORROWED));
    loop_end_read(&c->o->loop); // the one write, before any event or task
    assert_int_equal(conn_pending(c->o->conn), 0);
    WAIT(c->o, c->o->eofs);
    assert_int_equal(c->o->sent, 0);
    assert_int_equal(c->o->failed, 0);
    cut_free(c);
}

static void output_behind_a_close_notify_amid_a_message_fails(void **state)
{
    struct fixture *f = *state;
    for (int waits = 0; waits < 2; waits++) {
        struct cut *c = cut_new_of_records(state);
        if (waits)
            queue_output(c, f);
        send_close_notify(c);
        WAIT(c->o, c->o->eofs);
        assert_true(waits || conn_write(c->o->conn, f->data, OUTPUT));
        WAIT(c->o, c->o->failed);
        assert_int_equal(c->o->error, UV_EPIPE);
        assert_int_equal(c->o->sent, 0);
        cut_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_waits_for_the_rest_of_a_ticket),
        cmocka_unit_test(output_waits_for_the_rest_of_a_client_hello),
        cmocka_unit_test(data_behind_the_rest_wait_for_their_owner),
        cmocka_unit_test(data_that_a_write_has_met_are_read_without_an_event),
        cmocka_unit_test(a_message_that_stays_cut_ends_at_the_limit),
        cmocka_unit_test(a_peer_that_closes_amid_a_message_ends_it),
        cmocka_unit_test(a_close_notify_amid_a_message_drops_the_output),
        cmocka_unit_test(a_close_notify_that_a_write_has_met_is_told),
        cmocka_unit_test(output_behind_a_close_notify_amid_a_message_fails),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
