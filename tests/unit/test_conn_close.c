// SPDX-License-Identifier: MIT
// Connections over loopback TCP that their owners close.
#include "common/base/limits.h"
#include "conn_fixture.h"

enum {
    BULK = 8 << 20
};

static void a_close_sends_what_is_pending_and_waits_for_the_peer(void **state)
{
    struct owner *o = owner_of_tcp();
    char *received = malloc(BULK);
    size_t len = 0;
    ssize_t n = 0;
    (void)state;
    memset(received, 'x', BULK);
    assert_true(conn_write(o->conn, received, BULK));
    conn_close(o->conn, CONN_CLOSE_FLUSH);
    while (len < BULK) {
        len += peer_take(o, received, BULK);
        loop_run_once(&o->loop);
    }
    while ((n = recv(o->peer, received, 1, 0)) < 0) // FIN, no RST
        loop_run_once(&o->loop);
    assert_int_equal(n, 0);
    peer_send(o, "the rest of a request");
    serve(o);
    assert_int_equal(o->closed, 0);
    peer_close(o, false);
    WAIT(o, o->closed == 1);
    assert_int_equal(buf_len(&o->got) + (size_t)o->eofs, 0); // the owner hears nothing
    free(received);
    owner_free(o);
}

static void a_close_takes_input_while_output_is_pending(void **state)
{
    struct owner *o = owner_of_tcp();
    char *bytes = calloc(1, BULK);
    size_t len = 0;
    (void)state;
    assert_true(conn_write(o->conn, bytes, BULK));
    conn_close(o->conn, CONN_CLOSE_FLUSH);
    while (len < BULK) { // of a peer that reads nothing before it has sent all
        ssize_t n = send(o->peer, bytes + len, BULK - len, MSG_NOSIGNAL);
        assert_true(n > 0 || errno == EAGAIN);
        len += n > 0 ? (size_t)n : 0;
        loop_run_once(&o->loop);
    }
    for (len = 0; len < BULK; loop_run_once(&o->loop))
        len += peer_take(o, bytes, BULK);
    assert_int_equal(buf_len(&o->got), 0);
    free(bytes);
    owner_free(o);
}

static void a_close_that_awaits_the_peer_ends_behind_it(void **state)
{
    struct owner *o = owner_of_tcp();
    char got[8];
    (void)state;
    assert_true(conn_write(o->conn, "bye", 3));
    conn_close(o->conn, CONN_CLOSE_AWAIT);
    peer_send(o, "what was on its way");
    serve(o);
    assert_int_equal(recv(o->peer, got, sizeof(got), 0), 3);
    assert_int_equal(recv(o->peer, got, sizeof(got), 0), -1);
    assert_int_equal(errno, EAGAIN); // no FIN
    assert_int_equal(o->closed, 0);
    assert_int_equal(shutdown(o->peer, SHUT_WR), 0);
    WAIT(o, o->closed == 1);
    assert_int_equal(recv(o->peer, got, sizeof(got), 0), 0);
    assert_int_equal(buf_len(&o->got) + (size_t)o->eofs, 0); // the owner hears nothing
    owner_free(o);
}

static void a_lingering_close_ends_when_the_peer_is_silent(void **state)
{
    static const enum conn_close_mode modes[] = {CONN_CLOSE_FLUSH, CONN_CLOSE_AWAIT};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct owner *o = owner_of_tcp();
        conn_close(o->conn, modes[i]);
        serve(o);
        assert_int_equal(o->closed, 0);
        let_time_pass(o);
        WAIT(o, o->closed == 1);
        owner_free(o);
    }
}

static void a_loop_that_stops_waits_for_closing_peers(void **state)
{
    static const enum conn_close_mode modes[] = {CONN_CLOSE_FLUSH, CONN_CLOSE_AWAIT};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct owner *o = owner_of_tcp();
        conn_close(o->conn, modes[i]);
        conn_flush_closing(&o->loop, 1); // the peer takes longer
        assert_int_equal(o->closed, 0);
        peer_close(o, false);
        conn_flush_closing(&o->loop, UINT32_MAX);
        assert_null(o->loop.conns.first);
        owner_free(o);
    }
}

static void a_loop_that_stops_waits_for_connections_that_leave(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    conn_flush_closing(&o->loop, UINT32_MAX); // an open connection is not waited for
    conn_set_leaving(o->conn);
    peer_send(o, "the last bytes");
    conn_flush_closing(&o->loop, 1);
    while (buf_len(&o->got) == 0)
        conn_flush_closing(&o->loop, 1);
    assert_got(o, "the last bytes");
    assert_int_equal(o->closed, 0);
    conn_close(o->conn, CONN_CLOSE_AWAIT);
    peer_close(o, false);
    conn_flush_closing(&o->loop, UINT32_MAX);
    assert_null(o->loop.conns.first);
    owner_free(o);
}

static void a_lingering_close_can_be_cut_short(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    conn_close(o->conn, CONN_CLOSE_FLUSH);
    conn_drop(o->conn);
    WAIT(o, o->closed == 1);
    owner_free(o);
}

static void a_close_by_reset_is_an_error_for_the_peer(void **state)
{
    struct owner *o = owner_of_tcp();
    char byte;
    (void)state;
    conn_close(o->conn, CONN_CLOSE_RESET);
    WAIT(o, o->closed == 1);
    assert_int_equal(recv(o->peer, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    owner_free(o);
}

static void ignore_event(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events;
}

static void closing_all_connections_spares_the_handles_of_others(void **state)
{
    struct owner *o = owner_of_tcp();
    int pair[2];
    uv_poll_t other;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(uv_poll_init(&o->loop.uv, &other, pair[0]), 0);
    assert_int_equal(uv_poll_start(&other, UV_READABLE, ignore_event), 0);
    assert_false(conn_has_handle(&o->loop, (uv_handle_t *)&other));
    assert_true(conn_has_handle(&o->loop, (uv_handle_t *)&o->conn->poll));
    conn_close_all(&o->loop);
    assert_false(conn_has_handle(&o->loop, (uv_handle_t *)&o->conn->poll));
    WAIT(o, o->closed == 1);
    assert_true(uv_is_active((uv_handle_t *)&other));
    uv_close((uv_handle_t *)&other, NULL);
    (void)close(pair[0]);
    (void)close(pair[1]);
    owner_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_close_sends_what_is_pending_and_waits_for_the_peer),
        cmocka_unit_test(a_close_takes_input_while_output_is_pending),
        cmocka_unit_test(a_close_that_awaits_the_peer_ends_behind_it),
        cmocka_unit_test(a_lingering_close_ends_when_the_peer_is_silent),
        cmocka_unit_test(a_loop_that_stops_waits_for_closing_peers),
        cmocka_unit_test(a_loop_that_stops_waits_for_connections_that_leave),
        cmocka_unit_test(a_lingering_close_can_be_cut_short),
        cmocka_unit_test(a_close_by_reset_is_an_error_for_the_peer),
        cmocka_unit_test(closing_all_connections_spares_the_handles_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
