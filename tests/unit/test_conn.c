// SPDX-License-Identifier: MIT
// Connections over loopback TCP: what arrives, and peers that end, stall or vanish.
#include <netinet/tcp.h>
#include "common/base/limits.h"
#include "conn_fixture.h"

enum {
    BULK = 8 << 20
};

static void fill(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 7 + i / 251);
}

static void pending_bytes_leave_in_order_while_the_peer_reads(void **state)
{
    struct owner *o = owner_of_tcp();
    char *bytes = malloc(BULK);
    char *received = malloc(BULK);
    size_t len = 0;
    (void)state;
    fill(bytes, BULK);
    assert_true(conn_write(o->conn, bytes, BULK));
    serve(o);
    assert_true(conn_pending(o->conn) > 0); // more than the sockets hold
    assert_int_equal(conn_sent(o->conn) + conn_pending(o->conn), BULK);
    while (len < BULK) {
        len += peer_take(o, received + len, BULK - len);
        loop_run_once(&o->loop);
    }
    assert_memory_equal(received, bytes, BULK);
    assert_int_equal(conn_pending(o->conn), 0);
    assert_true(o->sent > 1);
    free(bytes);
    free(received);
    owner_free(o);
}

static void bulk_comes_in_whole_and_in_order(void **state)
{
    struct owner *o = owner_of_tcp();
    char *bytes = malloc(BULK);
    size_t len = 0;
    (void)state;
    fill(bytes, BULK);
    while (buf_len(&o->got) < BULK) {
        ssize_t n = send(o->peer, bytes + len, BULK - len, MSG_NOSIGNAL);
        len += n > 0 ? (size_t)n : 0;
        loop_run_once(&o->loop);
    }
    assert_memory_equal(buf_slice(&o->got).p, bytes, BULK);
    free(bytes);
    owner_free(o);
}

static void input_waits_while_the_owner_does_not_want_it(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    peer_send(o, "first ");
    WAIT(o, buf_len(&o->got) > 0);
    conn_want_read(o->conn, false);
    peer_send(o, "second");
    WAIT(o, !conn_is_quiet(o->conn));
    serve(o);
    assert_got(o, "first ");
    conn_want_read(o->conn, true);
    WAIT(o, buf_len(&o->got) > 6);
    assert_got(o, "first second");
    assert_true(conn_is_quiet(o->conn));
    owner_free(o);
}

static void a_read_is_as_long_as_the_owner_allows(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    o->stops = true;
    conn_set_read_max(o->conn, 3);
    peer_send(o, "0123456789");
    WAIT(o, buf_len(&o->got) > 0);
    serve(o);
    assert_got(o, "012");
    owner_free(o);
}

// They are copied, so there are not many of them.
static void bytes_behind_input_that_was_left_are_read_in_short_reads(void **state)
{
    static const char many[100 * 1024];
    struct owner *o = owner_of_tcp();
    (void)state;
    o->keeps = o->stops = true;
    peer_send(o, "x");
    WAIT(o, conn_in(o->conn).len > 0);
    conn_set_read_max(o->conn, LIMIT_READ_BULK_BYTES);
    assert_int_equal(send(o->peer, many, sizeof(many), MSG_DONTWAIT), sizeof(many));
    conn_want_read(o->conn, true);
    WAIT(o, conn_in(o->conn).len > 1);
    assert_in_range(conn_in(o->conn).len, 2, 1 + LIMIT_READ_BYTES);
    owner_free(o);
}

// Writes until the socket takes no more.
static void block(struct owner *o)
{
    static const char bytes[64 * 1024];
    while (!conn_is_blocked(o->conn)) {
        assert_true(conn_write(o->conn, bytes, sizeof(bytes)));
        conn_flush(o->conn);
    }
}

static int unsent_most(const struct owner *o)
{
    int most = 0;
    socklen_t len = sizeof(most);
    assert_int_equal(getsockopt(conn_fd(o->conn), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, &len), 0);
    return most;
}

// The peer takes all output. Returns whether `most` bytes might be unsent after some turn.
static bool drain_to(struct owner *o, int most)
{
    static char bytes[64 * 1024];
    bool seen = false;
    while (conn_pending(o->conn) > 0 || conn_is_blocked(o->conn)) {
        (void)recv(o->peer, bytes, sizeof(bytes), MSG_DONTWAIT);
        loop_run_once(&o->loop);
        seen = seen || unsent_most(o) == most;
    }
    return seen;
}

// A busy machine may take longer than LIMIT_QUICK_MS, and the kernel may move bytes on while time
// passes: then both try again.
static void a_quick_peer_gets_more_bytes_at_once(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    assert_int_equal(unsent_most(o), LIMIT_NOTSENT_BYTES);
    do
        block(o);
    while (!drain_to(o, LIMIT_NOTSENT_QUICK_BYTES));
    do {
        uint64_t begin = loop_now_ms(&o->loop);
        block(o);
        WAIT(o, loop_now_ms(&o->loop) > begin + LIMIT_QUICK_MS);
    } while (!drain_to(o, LIMIT_NOTSENT_BYTES));
    owner_free(o);
}

static void the_end_is_told_once_behind_input_that_was_left(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    o->keeps = o->stops = true;
    peer_send(o, "request");
    WAIT(o, conn_in(o->conn).len > 0);
    peer_close(o, false);
    conn_want_read(o->conn, true);
    WAIT(o, conn_got_eof(o->conn));
    serve(o);
    assert_int_equal(o->eofs, 0);
    o->keeps = false;
    conn_recheck(o->conn);
    WAIT(o, o->eofs > 0);
    conn_recheck(o->conn);
    serve(o);
    assert_int_equal(o->eofs, 1);
    assert_got(o, "request");
    assert_int_equal(o->failed, 0);
    owner_free(o);
}

static void the_end_is_told_behind_a_message_that_stays_incomplete(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    o->keeps = true;
    peer_send(o, "GET / HT");
    peer_close(o, false);
    WAIT(o, o->eofs > 0);
    assert_int_equal(conn_in(o->conn).len, 8);
    owner_free(o);
}

static void a_reset_is_an_error_behind_the_bytes_before_it(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    peer_send(o, "half a body");
    peer_close(o, true);
    WAIT(o, o->failed > 0);
    assert_int_equal(o->error, UV_ECONNRESET);
    assert_int_equal(o->eofs, 0);
    owner_free(o);
}

// The peer has sent FIN, then RST for what we wrote. The write meets the RST; the read would be
// told of an end as if the stream were whole.
static void a_reset_that_a_write_has_met_makes_no_whole_stream(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    conn_want_read(o->conn, false);
    peer_send(o, "answer");
    assert_true(conn_write(o->conn, "unread", 6));
    serve(o);
    peer_close(o, false); // with unread input: RST
    WAIT(o, conn_peer_left(o->conn, true));
    assert_true(conn_write(o->conn, "more", 4));
    serve(o);
    assert_int_equal(o->failed, 0); // the answer may be read
    assert_int_equal(conn_pending(o->conn), 0);
    assert_int_equal(conn_sent(o->conn), 6); // what it dropped was not sent
    conn_want_read(o->conn, true);
    WAIT(o, o->failed > 0);
    assert_got(o, "answer");
    assert_int_equal(o->eofs, 0);
    owner_free(o);
}

static void a_peer_that_left_shows_behind_unread_input(void **state)
{
    struct owner *o = owner_of_tcp();
    (void)state;
    conn_want_read(o->conn, false);
    peer_send(o, "unread");
    serve(o);
    assert_false(conn_peer_left(o->conn, false));
    assert_int_equal(shutdown(o->peer, SHUT_WR), 0);
    WAIT(o, conn_peer_left(o->conn, false));
    assert_false(conn_peer_left(o->conn, true));
    assert_int_equal(o->eofs, 0);
    peer_close(o, true);
    WAIT(o, conn_peer_left(o->conn, true));
    serve(o);
    assert_int_equal(o->failed, 0); // nothing of it was asked for
    owner_free(o);
}

static void after_our_fin_the_peer_may_still_send(void **state)
{
    struct owner *o = owner_of_tcp();
    char end;
    (void)state;
    conn_shutdown(o->conn);
    serve(o);
    assert_int_equal(recv(o->peer, &end, 1, 0), 0);
    peer_send(o, "late");
    WAIT(o, buf_len(&o->got) == 4);
    assert_got(o, "late");
    owner_free(o);
}

static void a_peer_that_takes_nothing_fails_after_its_time(void **state)
{
    struct owner *o = owner_of_tcp();
    char *bytes = calloc(1, BULK);
    (void)state;
    conn_set_send_timeout(o->conn, 60 * 1000);
    assert_true(conn_write(o->conn, bytes, BULK));
    serve(o);
    let_time_pass(o); // to look at what was acknowledged
    let_time_pass(o); // nothing since
    assert_int_equal(o->failed, 0);
    let_time_pass(o); // nor now
    WAIT(o, o->failed == 1);
    assert_int_equal(o->error, UV_ETIMEDOUT);
    free(bytes);
    owner_free(o);
}

static void a_peer_that_takes_its_portions_does_not_fail(void **state)
{
    struct owner *o = owner_of_tcp();
    char *bytes = calloc(1, BULK);
    (void)state;
    conn_set_send_timeout(o->conn, 60 * 1000);
    assert_true(conn_write(o->conn, bytes, BULK));
    for (int i = 0; i < 4; i++) {
        (void)peer_take(o, bytes, BULK / 8);
        serve(o);
        let_time_pass(o);
    }
    assert_int_equal(o->failed, 0);
    assert_true(conn_pending(o->conn) > 0);
    free(bytes);
    owner_free(o);
}

static void connects_or_says_why_not(void **state)
{
    struct owner *o = owner_new();
    struct sockaddr_in at;
    int error = 0;
    int listener = listening_socket(&at);
    (void)state;
    o->conn = conn_connect(&o->loop, (struct sockaddr *)&at, &owner_ops, o, &error);
    assert_non_null(o->conn);
    assert_true(conn_write(o->conn, "early", 5)); // leaves once it is connected
    WAIT(o, o->connected == 1);
    o->peer = accept(listener, NULL, NULL);
    char bytes[5];
    WAIT(o, conn_pending(o->conn) == 0);
    assert_int_equal(recv(o->peer, bytes, 5, MSG_WAITALL), 5);
    (void)close(listener);
    conn_close(o->conn, CONN_CLOSE_NOW);
    o->conn = conn_connect(&o->loop, (struct sockaddr *)&at, &owner_ops, o, &error);
    if (o->conn)
        WAIT(o, o->failed == 1);
    assert_int_equal(o->conn ? 0 : error ? error : o->error, UV_ECONNREFUSED);
    owner_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pending_bytes_leave_in_order_while_the_peer_reads),
        cmocka_unit_test(bulk_comes_in_whole_and_in_order),
        cmocka_unit_test(input_waits_while_the_owner_does_not_want_it),
        cmocka_unit_test(a_read_is_as_long_as_the_owner_allows),
        cmocka_unit_test(bytes_behind_input_that_was_left_are_read_in_short_reads),
        cmocka_unit_test(a_quick_peer_gets_more_bytes_at_once),
        cmocka_unit_test(the_end_is_told_once_behind_input_that_was_left),
        cmocka_unit_test(the_end_is_told_behind_a_message_that_stays_incomplete),
        cmocka_unit_test(a_reset_is_an_error_behind_the_bytes_before_it),
        cmocka_unit_test(a_reset_that_a_write_has_met_makes_no_whole_stream),
        cmocka_unit_test(a_peer_that_left_shows_behind_unread_input),
        cmocka_unit_test(after_our_fin_the_peer_may_still_send),
        cmocka_unit_test(a_peer_that_takes_nothing_fails_after_its_time),
        cmocka_unit_test(a_peer_that_takes_its_portions_does_not_fail),
        cmocka_unit_test(connects_or_says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
