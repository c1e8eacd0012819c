// SPDX-License-Identifier: MIT
// What a connection does with a transport that is not TCP: handshakes, bytes that are ready
// although the socket is silent, writes of the transport's own, pieces of one byte.
#include "fake_transport.h"

// With a fake in its handshake. `f` says how it behaves.
static struct fake *owner_adopt(struct owner *o, const struct fake *f)
{
    struct fake *fake = fake_new(f, &o->peer);
    o->conn = conn_adopt(&o->loop, &fake->transport, &owner_ops, o);
    assert_non_null(o->conn);
    conn_on_closed(o->conn, owner_closed, o);
    return fake;
}

static void input_that_the_transport_holds_comes_without_an_event(void **state)
{
    struct owner *o = owner_new();
    const struct fake f = {.input = "many bytes, one by one", .piece = 1, .ends = true};
    (void)state;
    owner_adopt(o, &f);
    conn_want_read(o->conn, true);
    peer_send(o, "!"); // the only event
    WAIT(o, o->eofs == 1);
    assert_got(o, "many bytes, one by one");
    owner_free(o);
}

static void held_input_waits_for_its_owner_and_comes_when_wanted(void **state)
{
    struct owner *o = owner_new();
    const struct fake f = {.input = "abc", .piece = 1};
    (void)state;
    struct fake *fake = owner_adopt(o, &f);
    o->stops = true;
    conn_want_read(o->conn, true);
    WAIT(o, o->connected == 1);
    fake->transport.has_input = true; // the socket stays silent
    for (size_t i = 1; i <= 3; i++) {
        serve(o);
        conn_want_read(o->conn, true);
        WAIT(o, buf_len(&o->got) == i);
        serve(o);
        assert_int_equal(buf_len(&o->got), i);
        assert_int_equal(conn_is_quiet(o->conn), i == 3);
    }
    assert_got(o, "abc");
    owner_free(o);
}

static void output_leaves_in_pieces_of_one_byte(void **state)
{
    static const char text[] = "a sentence that leaves byte by byte";
    struct owner *o = owner_new();
    const struct fake f = {.piece = 1, .in_turns = true};
    (void)state;
    struct fake *fake = owner_adopt(o, &f);
    assert_true(conn_write(o->conn, text, strlen(text)));
    conn_shutdown(o->conn);
    WAIT(o, conn_pending(o->conn) == 0);
    WAIT(o, fake->shutdowns == 1);
    serve(o);
    assert_int_equal(fake->shutdowns, 1);
    assert_int_equal(buf_len(&fake->written), strlen(text));
    assert_memory_equal(buf_slice(&fake->written).p, text, strlen(text));
    assert_int_equal(o->sent, strlen(text)); // told of each piece
    owner_free(o);
}

static void nothing_flows_before_the_handshake_is_done(void **state)
{
    struct owner *o = owner_new();
    const struct fake f = {.steps = 3, .input = "in", .ends = true};
    (void)state;
    struct fake *fake = owner_adopt(o, &f);
    conn_want_read(o->conn, true);
    assert_true(conn_write(o->conn, "out", 3));
    peer_send(o, "!");
    while (o->connected == 0) {
        assert_int_equal(buf_len(&fake->written) + buf_len(&o->got), 0);
        (void)uv_run(&o->loop.uv, UV_RUN_ONCE);
    }
    WAIT(o, o->eofs == 1 && conn_pending(o->conn) == 0);
    serve(o);
    assert_int_equal(fake->handshakes, 4);
    assert_int_equal(o->connected, 1);
    assert_got(o, "in");
    assert_int_equal(buf_len(&fake->written), 3);
    assert_true(slice_eq(conn_alpn(o->conn), SLICE("name")));
    assert_true(slice_eq(conn_peer_name(o->conn), SLICE("name")));
    owner_free(o);
}

static void a_handshake_fails_with_its_reason_and_without_a_reset(void **state)
{
    struct owner *o = owner_new();
    bool reset = true;
    const struct fake f = {.steps = 1, .handshake_error = UV_EPROTO, .closed_by_reset = &reset};
    (void)state;
    owner_adopt(o, &f);
    assert_true(conn_write(o->conn, "out", 3));
    WAIT(o, o->failed == 1);
    assert_int_equal(o->error, UV_EPROTO);
    assert_string_equal(o->detail, "the reason");
    WAIT(o, o->closed == 1);
    assert_false(reset);
    assert_int_equal(o->connected, 0);
    owner_free(o);
}

static void a_handshake_has_its_time(void **state)
{
    struct owner *o = owner_new();
    const struct fake f = {.steps = 1, .waits_for_input = true};
    (void)state;
    owner_adopt(o, &f);
    serve(o);
    peer_send(o, "!"); // in time
    WAIT(o, o->connected == 1);
    let_time_pass(o); // no limit runs any more
    assert_int_equal(o->failed, 0);
    conn_close(o->conn, CONN_CLOSE_NOW);
    (void)close(o->peer);

    owner_adopt(o, &f);
    serve(o);
    assert_int_equal(o->failed, 0);
    let_time_pass(o);
    WAIT(o, o->failed == 1);
    assert_int_equal(o->error, UV_ETIMEDOUT);
    owner_free(o);
}

static void the_transport_writes_of_its_own_when_it_wants(void **state)
{
    struct owner *o = owner_new();
    const struct fake f = {.in_turns = false};
    (void)state;
    struct fake *fake = owner_adopt(o, &f);
    conn_want_read(o->conn, true);
    WAIT(o, o->connected == 1);
    fake->transport.wants_write = true; // as a read may have it
    peer_send(o, "!");
    WAIT(o, fake->own_writes == 1);
    serve(o);
    assert_int_equal(fake->own_writes, 1);
    assert_int_equal(o->sent, 0);
    owner_free(o);
}

// The kernel and the peer take a batch of records bit by bit; conn is told when the kernel has all.
static void a_peer_that_takes_part_of_a_batch_is_not_too_slow(void **state)
{
    struct owner *o = owner_new();
    const struct fake f = {.takes_none = true};
    char portion[100 * 20 + 1] = "";
    (void)state;
    struct fake *fake = owner_adopt(o, &f);
    conn_set_send_timeout(o->conn, 60 * 1000);
    assert_int_equal(o->loop.limits.rate * 60 / 3, sizeof(portion) - 1);
    assert_true(conn_write(o->conn, "a batch", 7));
    serve(o);
    for (int i = 0; i < 4; i++) { // in the kernel
        assert_int_equal(send(fake->transport.fd, portion, sizeof(portion), 0), sizeof(portion));
        fake->transport.wire_sent += 100 * sizeof(portion);
        let_time_pass(o);
    }
    let_time_pass(o); // what was acknowledged is noted
    for (int i = 0; i < 4; i++) {
        assert_int_equal(recv(o->peer, portion, sizeof(portion), 0), sizeof(portion));
        let_time_pass(o); // above the limit
        serve(o);
        assert_int_equal(o->failed, 0);
    }
    assert_int_equal(conn_sent(o->conn), 0);
    for (int i = 0; i < 4; i++) { // in gulps, each for two checks
        let_time_pass(o);
        fake->transport.wire_sent += 2 * (sizeof(portion) - 1) + 1;
        let_time_pass(o); // above the limit
        let_time_pass(o); // what was acknowledged is noted
        assert_int_equal(o->failed, 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(o->failed, 0);
        fake->transport.wire_sent += sizeof(portion) - 1;
        let_time_pass(o); // at the limit
    }
    WAIT(o, o->failed == 1);
    assert_int_equal(o->error, UV_ETIMEDOUT);
    owner_free(o);
}

// As with TLS, whose end is a message.
static void a_close_behind_the_peers_end_tells_of_ours(void **state)
{
    (void)state;
    for (int in_turns = 0; in_turns < 2; in_turns++) {
        struct owner *o = owner_new();
        int told = 0;
        bool reset = true;
        const struct fake f = {.input = "in",
                               .ends = true,
                               .in_turns = in_turns,
                               .ends_told = &told,
                               .closed_by_reset = &reset};
        owner_adopt(o, &f);
        conn_want_read(o->conn, true);
        peer_send(o, "!");
        WAIT(o, o->eofs == 1);
        assert_true(conn_write(o->conn, "out", 3));
        conn_close(o->conn, CONN_CLOSE_FLUSH);
        WAIT(o, o->closed == 1);
        assert_int_equal(told, 1);
        assert_false(reset);
        owner_free(o);
    }
}

static void an_end_that_cannot_be_told_is_not_waited_for_long(void **state)
{
    struct owner *o = owner_new();
    int told = 1;
    const struct fake f = {.ends = true, .takes_none = true, .ends_told = &told};
    (void)state;
    owner_adopt(o, &f);
    conn_want_read(o->conn, true);
    peer_send(o, "!");
    WAIT(o, o->eofs == 1);
    conn_close(o->conn, CONN_CLOSE_FLUSH);
    serve(o);
    assert_int_equal(o->closed, 0);
    let_time_pass(o);
    WAIT(o, o->closed == 1);
    assert_int_equal(told, 0);
    owner_free(o);
}

// Ends the peer's stream in a cut while output is pending.
static struct fake *owner_with_cut(struct owner *o, bool *reset)
{
    const struct fake f = {.ends = true, .cut = true, .takes_none = true, .closed_by_reset = reset};
    struct fake *fake = owner_adopt(o, &f);
    conn_want_read(o->conn, true);
    assert_true(conn_write(o->conn, "out", 3));
    peer_send(o, "!");
    serve(o);
    assert_int_equal(o->failed + o->eofs, 0);
    assert_false(conn_got_eof(o->conn)); // it is not whole
    return fake;
}

static void output_leaves_before_a_cut_is_told(void **state)
{
    struct owner *o = owner_new();
    bool reset = true;
    (void)state;
    struct fake *fake = owner_with_cut(o, &reset);
    assert_true(conn_write(o->conn, "more", 4)); // the owner goes on
    fake->takes_none = false;
    WAIT(o, o->failed == 1);
    assert_int_equal(o->error, UV_EOF);
    assert_int_equal(o->sent, 1);
    WAIT(o, o->closed == 1);
    assert_false(reset); // what was sent arrives
    assert_int_equal(o->eofs, 0);
    owner_free(o);
}

static void output_that_stays_behind_a_cut_has_its_time(void **state)
{
    struct owner *o = owner_new();
    bool reset = false;
    (void)state;
    owner_with_cut(o, &reset);
    let_time_pass(o); // to look at what was acknowledged
    assert_int_equal(o->failed, 0);
    let_time_pass(o);
    assert_int_equal(o->failed, 0);
    let_time_pass(o);
    WAIT(o, o->failed == 1);
    assert_int_equal(o->error, UV_ETIMEDOUT);
    WAIT(o, o->closed == 1);
    assert_true(reset);
    owner_free(o);
}

static void a_peer_that_is_gone_behind_a_cut_is_told_as_the_cut(void **state)
{
    struct owner *o = owner_new();
    bool reset = true;
    (void)state;
    struct fake *fake = owner_with_cut(o, &reset);
    fake->write_error = UV_EPIPE;
    WAIT(o, o->failed == 1);
    assert_int_equal(o->error, UV_EOF);
    owner_free(o);
}

static void a_close_behind_a_cut_sends_what_is_pending(void **state)
{
    (void)state;
    for (int cut_first = 0; cut_first < 2; cut_first++) {
        struct owner *o = owner_new();
        int told = 0;
        bool reset = true;
        const struct fake f = {.ends = true,
                               .cut = true,
                               .takes_none = true,
                               .ends_told = &told,
                               .closed_by_reset = &reset};
        struct fake *fake = owner_adopt(o, &f);
        conn_want_read(o->conn, true);
        assert_true(conn_write(o->conn, "out", 3));
        serve(o);
        if (cut_first)
            peer_send(o, "!");
        serve(o);
        conn_close(o->conn, CONN_CLOSE_FLUSH);
        if (!cut_first)
            peer_send(o, "!");
        serve(o);
        assert_int_equal(o->closed, 0);
        fake->takes_none = false;
        WAIT(o, o->closed == 1);
        assert_int_equal(told, 1);
        assert_false(reset);
        owner_free(o);
    }
}

static void a_lingering_close_ends_at_a_cut(void **state)
{
    struct owner *o = owner_new();
    bool reset = true;
    const struct fake f = {.ends = true, .cut = true, .closed_by_reset = &reset};
    (void)state;
    owner_adopt(o, &f);
    WAIT(o, o->connected == 1);
    conn_close(o->conn, CONN_CLOSE_FLUSH);
    serve(o);
    assert_int_equal(o->closed, 0);
    peer_send(o, "!");
    WAIT(o, o->closed == 1);
    assert_false(reset);
    owner_free(o);
}

static void a_connection_that_closes_in_its_handshake_is_gone_at_once(void **state)
{
    struct owner *o = owner_new();
    const struct fake f = {.steps = 1 << 20};
    (void)state;
    owner_adopt(o, &f);
    assert_true(conn_write(o->conn, "out", 3));
    conn_close(o->conn, CONN_CLOSE_FLUSH);
    WAIT(o, o->closed == 1);
    assert_int_equal(o->failed, 0);
    owner_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_that_the_transport_holds_comes_without_an_event),
        cmocka_unit_test(held_input_waits_for_its_owner_and_comes_when_wanted),
        cmocka_unit_test(output_leaves_in_pieces_of_one_byte),
        cmocka_unit_test(nothing_flows_before_the_handshake_is_done),
        cmocka_unit_test(a_handshake_fails_with_its_reason_and_without_a_reset),
        cmocka_unit_test(a_handshake_has_its_time),
        cmocka_unit_test(the_transport_writes_of_its_own_when_it_wants),
        cmocka_unit_test(a_peer_that_takes_part_of_a_batch_is_not_too_slow),
        cmocka_unit_test(a_close_behind_the_peers_end_tells_of_ours),
        cmocka_unit_test(an_end_that_cannot_be_told_is_not_waited_for_long),
        cmocka_unit_test(output_leaves_before_a_cut_is_told),
        cmocka_unit_test(output_that_stays_behind_a_cut_has_its_time),
        cmocka_unit_test(a_peer_that_is_gone_behind_a_cut_is_told_as_the_cut),
        cmocka_unit_test(a_close_behind_a_cut_sends_what_is_pending),
        cmocka_unit_test(a_lingering_close_ends_at_a_cut),
        cmocka_unit_test(a_connection_that_closes_in_its_handshake_is_gone_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
