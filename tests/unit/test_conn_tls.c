// SPDX-License-Identifier: MIT
// Connections over TLS: listeners and dials that ask for it, bulk, ends, refusals, and the time
// limit of the handshake.
#include "conn_tls_fixture.h"

enum {
    BULK = 4 << 20
};

static void write_pattern(struct conn *c, uint64_t key, size_t at, size_t len)
{
    char *to = conn_reserve(c, len);
    assert_non_null(to);
    pattern_write((uint8_t *)to, len, key, at);
    conn_written(c, len);
}

static void bulk_passes_both_ways(void **state)
{
    struct ends *e = ends_new("h2,http/1.1", "http/1.1");
    (void)state;
    ends_connect(e, "localhost");
    assert_true(slice_eq(conn_alpn(e->client.conn), SLICE("http/1.1")));
    assert_true(slice_eq(conn_alpn(e->server->conn), SLICE("http/1.1")));
    assert_true(slice_eq(conn_peer_name(e->client.conn), SLICE("localhost")));
    assert_true(slice_eq(conn_peer_name(e->server->conn), SLICE("localhost")));
    write_pattern(e->client.conn, 1, 0, BULK);
    write_pattern(e->server->conn, 2, 0, BULK);
    WAIT(e->server, buf_len(&e->server->got) == BULK && buf_len(&e->client.got) == BULK);
    assert_true(pattern_is(buf_at(&e->server->got), BULK, 1, 0));
    assert_true(pattern_is(buf_at(&e->client.got), BULK, 2, 0));
    assert_int_equal(conn_pending(e->client.conn), 0);
    ends_free(e);
}

// The transport has read ahead: its bytes come although the socket has none, in as small pieces as
// the owner takes.
static void short_reads_get_all_that_was_read_ahead(void **state)
{
    enum {
        LEN = 60000
    };
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_connect(e, "localhost");
    conn_set_read_max(e->server->conn, 700);
    write_pattern(e->client.conn, 1, 0, LEN);
    WAIT(e->server, buf_len(&e->server->got) == LEN);
    assert_true(pattern_is(buf_at(&e->server->got), LEN, 1, 0));
    ends_free(e);
}

// The same when the owner stops in between.
static void input_read_ahead_waits_for_its_owner(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_connect(e, "localhost");
    conn_set_read_max(e->server->conn, 10);
    e->server->stops = true;
    write_pattern(e->client.conn, 1, 0, 35);
    for (size_t got = 10; got <= 40; got += 10) {
        WAIT(e->server, buf_len(&e->server->got) == (got < 35 ? got : 35));
        serve(e->server);
        assert_int_equal(buf_len(&e->server->got), got < 35 ? got : 35);
        conn_want_read(e->server->conn, true);
    }
    ends_free(e);
}

static void a_close_before_the_handshake_is_at_once(void **state)
{
    static const enum conn_close_mode modes[] = {CONN_CLOSE_FLUSH, CONN_CLOSE_NOW,
                                                 CONN_CLOSE_RESET};
    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct ends *e = ends_new(NULL, NULL);
        int fd = ends_plain_socket(e);
        assert_true(conn_write(e->server->conn, "unsent", 6));
        serve(e->server);
        conn_close(e->server->conn, modes[i]);
        e->server->conn = NULL;
        WAIT(e->server, e->server->closed);
        char byte;
        assert_true(recv(fd, &byte, 1, 0) <= 0);
        assert_int_equal(close(fd), 0);
        ends_free(e);
    }
}

// A close and a send limit wait for what is pending: records that the kernel has not taken are.
static void output_is_pending_until_the_kernel_has_its_records(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    int waits = 0;
    (void)state;
    ends_connect(e, "localhost");
    conn_want_read(e->client.conn, false);
    struct conn *c = e->server->conn;
    for (size_t at = 0; conn_pending(c) == 0; at += BULK) {
        write_pattern(c, 1, at, BULK);
        serve(e->server);
    }
    conn_want_read(e->client.conn, true);
    while (conn_pending(c) > 0 || c->transport->wants_write) {
        waits += c->transport->wants_write;
        assert_true(conn_pending(c) > 0);
        (void)uv_run(&e->server->loop.uv, UV_RUN_ONCE);
    }
    assert_true(waits > 0);
    ends_free(e);
}

static void bytes_queued_before_the_handshake_follow_it(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_dial(e, "localhost");
    WAIT(e->server, e->server->conn);
    assert_int_equal(e->server->connected, 0);
    assert_true(conn_write(e->server->conn, "early", 5));
    WAIT(e->server, buf_len(&e->client.got) == 5);
    assert_got(&e->client, "early");
    ends_free(e);
}

static void a_close_flushes_and_is_told_as_the_end(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_connect(e, "127.0.0.1");
    assert_int_equal(conn_peer_name(e->server->conn).len, 0);
    write_pattern(e->server->conn, 1, 0, BULK);
    conn_close(e->server->conn, CONN_CLOSE_FLUSH);
    WAIT(e->server, e->client.eofs);
    assert_int_equal(buf_len(&e->client.got), BULK);
    assert_true(pattern_is(buf_at(&e->client.got), BULK, 1, 0));
    conn_close(e->client.conn, CONN_CLOSE_FLUSH);
    WAIT(e->server, e->server->closed && e->client.closed);
    assert_int_equal(e->client.failed, 0);
    ends_free(e);
}

static void a_close_that_awaits_the_peer_is_told_behind_its_end(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_connect(e, "127.0.0.1");
    assert_true(conn_write(e->server->conn, "bye", 3));
    conn_close(e->server->conn, CONN_CLOSE_AWAIT);
    WAIT(e->server, buf_len(&e->client.got) == 3);
    serve(e->server);
    assert_int_equal(e->client.eofs, 0);
    assert_int_equal(e->server->closed, 0);
    conn_shutdown(e->client.conn);
    WAIT(e->server, e->server->closed && e->client.eofs);
    assert_int_equal(e->client.failed, 0); // the end came with a close_notify
    ends_free(e);
}

static void data_follow_our_own_end(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_connect(e, "localhost");
    assert_true(conn_write(e->client.conn, "request", 7));
    conn_shutdown(e->client.conn);
    WAIT(e->server, e->server->eofs);
    assert_got(e->server, "request");
    assert_true(conn_write(e->server->conn, "answer", 6));
    conn_shutdown(e->server->conn);
    WAIT(e->server, e->client.eofs);
    assert_got(&e->client, "answer");
    ends_free(e);
}

// The last answer to a client that has ended its side: a close_notify follows it.
static void a_close_behind_the_peers_end_is_told_as_the_end(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_connect(e, "localhost");
    conn_shutdown(e->client.conn);
    WAIT(e->server, e->server->eofs);
    write_pattern(e->server->conn, 1, 0, BULK);
    conn_close(e->server->conn, CONN_CLOSE_FLUSH);
    WAIT(e->server, e->client.eofs || e->client.failed);
    assert_int_equal(e->client.failed, 0);
    assert_int_equal(buf_len(&e->client.got), BULK);
    WAIT(e->server, e->server->closed);
    ends_free(e);
}

// A FIN without close_notify and a RST are failures; only what ended whole is an end.
static void a_cut_connection_fails(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct ends *e = ends_new(NULL, NULL);
        ends_connect(e, "localhost");
        assert_true(conn_write(e->server->conn, "data", 4));
        WAIT(e->server, buf_len(&e->client.got) == 4);
        conn_close(e->server->conn, reset ? CONN_CLOSE_RESET : CONN_CLOSE_NOW);
        e->server->conn = NULL;
        WAIT(e->server, e->client.failed);
        assert_int_equal(e->client.error, reset ? UV_ECONNRESET : UV_EOF);
        assert_int_equal(e->client.eofs, 0);
        ends_free(e);
    }
}

// A client that ends its side by FIN alone gets what is pending, and the server is told that its
// input may be cut short. The server's end is whole only if it has closed.
static void a_cut_input_leaves_output_whole(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct ends *e = ends_new(NULL, NULL);
        ends_connect(e, "localhost");
        conn_want_read(e->client.conn, false);
        write_pattern(e->server->conn, 1, 0, BULK);
        serve(e->server);
        assert_true(conn_pending(e->server->conn) > 0);
        if (closes)
            conn_close(e->server->conn, CONN_CLOSE_FLUSH);
        assert_int_equal(shutdown(conn_fd(e->client.conn), SHUT_WR), 0);
        serve(e->server);
        assert_int_equal(e->server->failed, 0);
        conn_want_read(e->client.conn, true);
        WAIT(e->server, e->client.eofs + e->client.failed == 1 && e->server->closed);
        assert_int_equal(buf_len(&e->client.got), BULK);
        assert_true(pattern_is(buf_at(&e->client.got), BULK, 1, 0));
        assert_int_equal(e->client.eofs, closes);
        assert_int_equal(e->server->eofs, 0);
        assert_int_equal(e->server->failed, !closes);
        assert_int_equal(e->server->error, closes ? 0 : UV_EOF);
        assert_int_equal(e->client.error, closes ? 0 : UV_EOF);
        ends_free(e);
    }
}

static void a_refused_certificate_is_told_to_both(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    char why[TLS_WHY_MAX];
    const struct tls_client_options other = {.ca_file = e->files.path[TLS_OTHER_CA]};
    tls_client_free(e->contexts.client);
    e->contexts.client = tls_client_new(&other, why);
    assert_non_null(e->contexts.client);
    ends_dial(e, "127.0.0.1");
    WAIT(e->server, e->dialled);
    assert_int_equal(e->dial_error, UV_EPROTO);
    assert_null(e->client.conn);
    assert_string_equal(e->target.tls_failure,
                        "the certificate is not accepted: certificate signature failure");
    char at[ADDRESS_TEXT_MAX];
    (void)snprintf(at, sizeof(at), "127.0.0.1:%u", e->target.port);
    assert_string_equal(e->target.failed_at, at);
    WAIT(e->server, e->server->failed);
    assert_int_equal(e->server->error, UV_ECONNABORTED);
    ends_free(e);
}

static void a_service_without_tls_is_named(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_stop_listening(e);
    ends_listen(e, NULL);
    ends_dial(e, "127.0.0.1");
    WAIT(e->server, e->server->conn);
    assert_true(conn_write(e->server->conn, "220 mail.example ESMTP\r\n", 24));
    WAIT(e->server, e->dialled);
    assert_int_equal(e->dial_error, UV_EPROTO);
    assert_string_equal(e->target.tls_failure, "the peer does not speak TLS");
    // The next dial's failure has no TLS in it.
    ends_stop_listening(e);
    ends_dial(e, "127.0.0.1");
    WAIT(e->server, e->dialled);
    assert_int_equal(e->dial_error, UV_ECONNREFUSED);
    assert_string_equal(e->target.tls_failure, "");
    ends_free(e);
}

// Dials of one target may overlap: each tells of its own failure alone.
static void a_failure_of_another_dial_does_not_stay(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_dial(e, "127.0.0.1");
    (void)snprintf(e->target.tls_failure, sizeof(e->target.tls_failure), "another dial failed");
    WAIT(e->server, e->dialled);
    assert_int_equal(e->dial_error, 0);
    assert_string_equal(e->target.tls_failure, "");
    ends_stop_listening(e);
    ends_dial(e, "127.0.0.1");
    (void)snprintf(e->target.tls_failure, sizeof(e->target.tls_failure), "another dial failed");
    WAIT(e->server, e->dialled);
    assert_int_equal(e->dial_error, UV_ECONNREFUSED);
    assert_string_equal(e->target.tls_failure, "");
    ends_free(e);
}

static void plain_http_to_a_tls_port_is_named(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    int fd = ends_plain_socket(e);
    assert_int_equal(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
    WAIT(e->server, e->server->failed);
    assert_int_equal(e->server->error, UV_EPROTO);
    assert_string_equal(e->server->detail, "the peer does not speak TLS");
    assert_int_equal(e->server->connected, 0);
    assert_int_equal(close(fd), 0);
    ends_free(e);
}

// The client's first bytes come one at a time; the time limit goes on from the beginning.
static void a_slow_handshake_ends_at_the_limit(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    static const char hello[] = {22, 3, 1, 2, 0, 1, 0, 1, 0xfc - 256, 3, 3};
    (void)state;
    assert_int_equal(e->server->loop.limits.tls_handshake_ms, 10000);
    e->server->loop.limits.tls_handshake_ms = 1234;
    int fd = ends_plain_socket(e);
    struct conn *c = e->server->conn;
    WAIT(e->server, timeout_runs(&c->timer));
    uint64_t end = c->timer.at_ms;
    assert_int_equal(c->timer.queue->duration_ms, 1234);
    for (size_t i = 0; i < sizeof(hello); i++) {
        assert_int_equal(send(fd, hello + i, 1, MSG_NOSIGNAL), 1);
        serve(e->server);
        assert_int_equal(c->timer.at_ms, end);
    }
    assert_int_equal(e->server->failed, 0);
    c->timer.at_ms = loop_now_ms(&e->server->loop) + LOOP_TICK_MS; // below the limit: it goes on
    serve(e->server);
    assert_int_equal(e->server->failed, 0);
    WAIT(e->server, e->server->failed); // above
    assert_int_equal(e->server->error, UV_ETIMEDOUT);
    assert_true(loop_now_ms(&e->server->loop) >= end - 1234);
    assert_int_equal(close(fd), 0);
    ends_free(e);
}

static void a_handshake_in_time_has_no_limit_behind_it(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_connect(e, "localhost");
    assert_false(timeout_runs(&e->server->conn->timer));
    assert_false(timeout_runs(&e->client.conn->timer));
    let_time_pass(e->server);
    assert_int_equal(e->server->failed + e->client.failed, 0);
    ends_free(e);
}

static void a_dial_waits_for_tls_no_longer_than_its_limit(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    (void)state;
    ends_stop_listening(e);
    ends_listen(e, NULL); // accepts, and is silent
    ends_dial(e, "127.0.0.1");
    WAIT(e->server, e->server->conn && buf_len(&e->server->got) > 0);
    assert_false(e->dialled);
    let_time_pass(e->server);
    WAIT(e->server, e->dialled);
    assert_int_equal(e->dial_error, UV_ETIMEDOUT);
    assert_true(e->target.tls_failure[0] != 0);
    ends_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bulk_passes_both_ways),
        cmocka_unit_test(short_reads_get_all_that_was_read_ahead),
        cmocka_unit_test(input_read_ahead_waits_for_its_owner),
        cmocka_unit_test(a_close_before_the_handshake_is_at_once),
        cmocka_unit_test(output_is_pending_until_the_kernel_has_its_records),
        cmocka_unit_test(bytes_queued_before_the_handshake_follow_it),
        cmocka_unit_test(a_close_flushes_and_is_told_as_the_end),
        cmocka_unit_test(a_close_behind_the_peers_end_is_told_as_the_end),
        cmocka_unit_test(a_close_that_awaits_the_peer_is_told_behind_its_end),
        cmocka_unit_test(data_follow_our_own_end),
        cmocka_unit_test(a_cut_connection_fails),
        cmocka_unit_test(a_cut_input_leaves_output_whole),
        cmocka_unit_test(a_refused_certificate_is_told_to_both),
        cmocka_unit_test(a_service_without_tls_is_named),
        cmocka_unit_test(a_failure_of_another_dial_does_not_stay),
        cmocka_unit_test(plain_http_to_a_tls_port_is_named),
        cmocka_unit_test(a_slow_handshake_ends_at_the_limit),
        cmocka_unit_test(a_handshake_in_time_has_no_limit_behind_it),
        cmocka_unit_test(a_dial_waits_for_tls_no_longer_than_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
