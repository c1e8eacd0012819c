// SPDX-License-Identifier: MIT
// A message of the handshake protocol, behind the handshake, that a peer sends only in part:
// OpenSSL writes nothing until it has the rest.
#include "conn_fixture.h"
#include "transport_tls_fixture.h"

enum {
    RECORD = 512,
    FIRST_BYTES = RECORD + TLS_RECORD_OVERHEAD, // of the message: its first record
    OUTPUT = 1000,
};

// Makes a ticket of several records.
static int on_new_ticket(SSL *ssl, void *arg)
{
    static const char more[2000] = "more";
    (void)arg;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), more, sizeof(more));
}

// A connection of ours to a server that sends long tickets.
struct cut {
    struct tls_pair p;
    struct owner *o;
    struct transport *server;
};

static void send_ticket(struct cut *c)
{
    SSL *ssl = ssl_of(c->server);
    SSL_CTX_set_session_ticket_cb(SSL_get_SSL_CTX(ssl), on_new_ticket, NULL, NULL);
    assert_true(SSL_set_max_send_fragment(ssl, RECORD));
    assert_true(SSL_new_session_ticket(ssl));
    assert_int_equal(SSL_do_handshake(ssl), 1);
    assert_int_equal(c->server->ops->writev(c->server, NULL, 0), 0);
}

// Lets the first record of a ticket through.
static struct cut *cut_new(void **state, bool reads)
{
    struct cut *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    c->p = new_pair(state, TLS1_3_VERSION);
    tls_pair_connect(&c->p, "localhost");
    c->server = c->p.peer[TLS_SERVER].t;
    c->o = owner_new();
    c->o->conn = conn_adopt(&c->o->loop, c->p.peer[TLS_CLIENT].t, &owner_ops, c->o);
    assert_non_null(c->o->conn);
    c->p.peer[TLS_CLIENT].t = NULL;
    conn_want_read(c->o->conn, true);
    WAIT(c->o, c->o->connected);
    tls_pair_settle(&c->p);
    serve(c->o);
    send_ticket(c);
    c->p.piece = FIRST_BYTES;
    assert_int_equal(tls_pair_move(&c->p), FIRST_BYTES);
    c->p.piece = SIZE_MAX;
    serve(c->o);
    conn_want_read(c->o->conn, reads);
    return c;
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
    assert_int_equal(c->server->ops->read(c->server, got, sizeof(got)), OUTPUT);
    assert_memory_equal(got, f->data, OUTPUT);
}

static void server_writes(struct cut *c, const char *text)
{
    const struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    assert_int_equal(c->server->ops->writev(c->server, &part, 1), part.iov_len);
    tls_pair_settle(&c->p);
}

static void output_waits_for_the_rest_without_turns_of_the_loop(void **state)
{
    for (int reads = 0; reads < 2; reads++) {
        struct cut *c = cut_new(state, reads);
        queue_output(c, *state);
        int turns = 0;
        uint64_t end = loop_now_ms(&c->o->loop) + (uint64_t)3 * LOOP_TICK_MS;
        for (; loop_now_ms(&c->o->loop) < end && turns < 1000; turns++)
            (void)uv_run(&c->o->loop.uv, UV_RUN_ONCE);
        assert_in_range(turns, 1, 100);
        tls_pair_settle(&c->p);
        assert_output_arrives(c, *state);
        assert_int_equal(c->o->failed, 0);
        assert_false(timeout_runs(&c->o->conn->timer));
        cut_free(c);
    }
}

// The rest comes with data, which its owner gets when it wants it and not before.
static void data_behind_the_rest_wait_for_their_owner(void **state)
{
    struct cut *c = cut_new(state, false);
    queue_output(c, *state);
    server_writes(c, "hello");
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
    server_writes(c, "hello");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_waits_for_the_rest_without_turns_of_the_loop),
        cmocka_unit_test(data_behind_the_rest_wait_for_their_owner),
        cmocka_unit_test(data_that_a_write_has_met_are_read_without_an_event),
        cmocka_unit_test(a_message_that_stays_cut_ends_at_the_limit),
        cmocka_unit_test(a_peer_that_closes_amid_a_message_ends_it),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
