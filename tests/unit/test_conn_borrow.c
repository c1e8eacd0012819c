// SPDX-License-Identifier: MIT
// Output that is borrowed from the input of another connection: its order, what becomes of the part
// that does not leave, and bytes that are not lent.
#include "common/io/conn_internal.h"
#include "fake_transport.h"

enum {
    LEN = 40000,
    PIECE = 5000 // large enough to be borrowed
};

// What comes in over TCP goes out over a fake.
struct relay {
    struct owner *in;
    struct conn *out;
    struct fake *fake;
    int peer;
    void (*pass)(struct relay *r, struct slice bytes); // when LEN bytes are there
    int passes;
};

static void ignore(struct conn *c)
{
    (void)c;
}

static void readable(struct conn *c)
{
    struct relay *r = conn_owner(c);
    struct slice in = conn_in(c);
    if (in.len < LEN)
        return;
    assert_int_equal(in.len, LEN);
    r->passes++;
    r->pass(r, in);
    if (r->in->conn)
        conn_consume(c, in.len);
}

static const struct conn_ops in_ops = {readable, ignore, ignore, NULL, NULL};
static const struct conn_ops out_ops = {ignore, ignore, ignore, NULL, NULL};

static char byte_at(int pass, size_t i)
{
    return (char)('a' + (i / 7 + i / 1000 + (size_t)pass) % 26);
}

static void begin(struct relay *r, const struct fake *f, void (*pass)(struct relay *, struct slice))
{
    *r = (struct relay){.in = owner_of_tcp(), .pass = pass};
    r->fake = fake_new(f, &r->peer);
    r->out = conn_adopt(&r->in->loop, &r->fake->transport, &out_ops, NULL);
    assert_non_null(r->out);
    conn_set_owner(r->in->conn, &in_ops, r);
    serve(r->in);
}

// Has the input come that passes number r->passes on.
static void feed(struct relay *r)
{
    char bytes[LEN];
    int before = r->passes;
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = byte_at(before, i);
    assert_int_equal(send(r->in->peer, bytes, LEN, MSG_NOSIGNAL), LEN);
    WAIT(r->in, r->passes > before);
}

static void end(struct relay *r)
{
    owner_free(r->in);
    (void)close(r->peer);
}

static void assert_written(const struct relay *r, size_t at, int pass, size_t from, size_t len)
{
    const char *bytes = buf_slice(&r->fake->written).p + at;
    assert_true(at + len <= buf_len(&r->fake->written));
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], byte_at(pass, from + i));
}

static void borrow(struct relay *r, struct slice bytes, size_t from, size_t len)
{
    assert_true(conn_write_borrowed(r->out, bytes.p + from, len));
}

static void copy(struct relay *r, const char *text)
{
    assert_true(conn_write(r->out, text, strlen(text)));
}

static void pass_whole(struct relay *r, struct slice bytes)
{
    borrow(r, bytes, 0, bytes.len);
}

static void pass_in_chunks(struct relay *r, struct slice bytes)
{
    size_t before = conn_pending(r->out);
    uint64_t sent = conn_sent(r->out);
    copy(r, "<");
    borrow(r, bytes, 0, LEN / 2);
    copy(r, ">");
    copy(r, "<");
    borrow(r, bytes, LEN / 2, LEN / 2);
    copy(r, ">");
    assert_int_equal(conn_pending(r->out), before + LEN + 4);
    assert_int_equal(conn_sent(r->out), sent);
}

static void assert_chunks(const struct relay *r, int pass)
{
    const char *bytes = buf_slice(&r->fake->written).p;
    size_t at = (size_t)pass * (LEN + 4);
    assert_true(buf_len(&r->fake->written) >= at + LEN + 4);
    assert_int_equal(bytes[at], '<');
    assert_written(r, at + 1, pass, 0, LEN / 2);
    assert_memory_equal(bytes + at + 1 + LEN / 2, "><", 2);
    assert_written(r, at + LEN / 2 + 3, pass, LEN / 2, LEN / 2);
    assert_int_equal(bytes[at + LEN + 3], '>');
}

static void lent_bytes_leave_in_order_by_one_write(void **state)
{
    struct relay r;
    const struct fake f = {.steps = 0};
    (void)state;
    begin(&r, &f, pass_in_chunks);
    for (int i = 0; i < 3; i++) {
        feed(&r);
        assert_int_equal(r.fake->writes, i + 1); // when the callback returned
        assert_chunks(&r, i);
        serve(r.in);
        assert_int_equal(r.fake->writes, i + 1);
    }
    end(&r);
}

// Each pass overwrites the input of the one before it.
static void lent_bytes_that_do_not_leave_are_copied(void **state)
{
    const struct fake fakes[] = {
        {.piece = 1},       {.piece = LEN / 2}, {.piece = LEN / 2 + 2},
        {.piece = LEN + 3}, {.in_turns = true}, {.piece = 999, .in_turns = true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
        struct relay r;
        begin(&r, &fakes[i], pass_in_chunks);
        for (int pass = 0; pass < 3; pass++)
            feed(&r);
        WAIT(r.in, conn_pending(r.out) == 0);
        for (int pass = 0; pass < 3; pass++)
            assert_chunks(&r, pass);
        end(&r);
    }
}

static void pass_many_slices(struct relay *r, struct slice bytes)
{
    for (int i = 0; i < 100; i++) {
        copy(r, ".");
        borrow(r, bytes, (size_t)i, PIECE);
    }
}

static void more_slices_than_one_write_takes_keep_their_order(void **state)
{
    struct relay r;
    const struct fake f = {.piece = 123456};
    (void)state;
    begin(&r, &f, pass_many_slices);
    feed(&r);
    WAIT(r.in, conn_pending(r.out) == 0);
    for (size_t i = 0; i < 100; i++)
        assert_written(&r, i * (PIECE + 1) + 1, 0, i, PIECE);
    end(&r);
}

static void pass_own_memory(struct relay *r, struct slice bytes)
{
    char own[LEN];
    memcpy(own, bytes.p, bytes.len);
    assert_true(conn_write_borrowed(r->out, own, LEN));
    assert_false(loop_lends(&r->in->loop, own, LEN));
    assert_true(loop_lends(&r->in->loop, bytes.p, LEN));
    assert_true(loop_lends(&r->in->loop, bytes.p + LEN - 1, 1));
    assert_false(loop_lends(&r->in->loop, bytes.p, LEN + 1));
    assert_false(loop_lends(&r->in->loop, bytes.p - 1, 2));
    assert_false(loop_lends(&r->in->loop, bytes.p + LEN, 1));
    memset(own, '-', LEN);
}

static void bytes_that_are_not_of_the_input_are_copied_at_once(void **state)
{
    struct relay r;
    const struct fake f = {.steps = 0};
    (void)state;
    begin(&r, &f, pass_own_memory);
    feed(&r);
    WAIT(r.in, conn_pending(r.out) == 0);
    assert_written(&r, 0, 0, 0, LEN);
    end(&r);
}

static void never_settles(struct loop_task *task)
{
    (void)task;
    fail();
}

// Nothing is written from the bytes behind the input.
static void pass_at_the_limit(struct relay *r, struct slice bytes)
{
    static const size_t most = UINT32_MAX / CONN_PARTS_MAX;
    assert_false(conn_borrow(r->out, bytes.p, most + 1, never_settles));
    assert_null(r->out->borrowed); // what is copied next follows nothing
    copy(r, "copied");
    assert_true(conn_borrow(r->out, bytes.p, most, never_settles));
    assert_false(conn_borrow(r->out, bytes.p, most + 1, never_settles));
    conn_drop_borrowed(r->out);
}

static void a_piece_beyond_the_limit_is_not_borrowed(void **state)
{
    struct relay r;
    const struct fake f = {.steps = 0};
    (void)state;
    begin(&r, &f, pass_at_the_limit);
    feed(&r);
    WAIT(r.in, conn_pending(r.out) == 0);
    assert_int_equal(buf_len(&r.fake->written), 6);
    end(&r);
}

static void pass_to_a_writer_that_fails(struct relay *r, struct slice bytes)
{
    copy(r, "<");
    borrow(r, bytes, 0, LEN);
    copy(r, ">");
    r->fake->write_error = UV_EPIPE;
}

static void output_that_a_failed_write_drops_was_not_sent(void **state)
{
    struct relay r;
    const struct fake f = {.piece = 100};
    (void)state;
    begin(&r, &f, pass_to_a_writer_that_fails);
    assert_true(conn_write(r.out, "before", 6));
    WAIT(r.in, conn_pending(r.out) == 0);
    feed(&r);
    serve(r.in);
    assert_int_equal(conn_pending(r.out), 0);
    assert_int_equal(conn_sent(r.out), 6);
    end(&r);
}

static void pass_small_pieces(struct relay *r, struct slice bytes)
{
    for (size_t i = 0; i < LEN; i += 1000)
        borrow(r, bytes, i, 1000);
    assert_int_equal(r->fake->writes, 0);
}

static void small_pieces_leave_by_one_write_for_the_turn(void **state)
{
    struct relay r;
    const struct fake f = {.steps = 0};
    (void)state;
    begin(&r, &f, pass_small_pieces);
    feed(&r);
    WAIT(r.in, conn_pending(r.out) == 0);
    assert_int_equal(r.fake->writes, 1);
    assert_written(&r, 0, 0, 0, LEN);
    end(&r);
}

// Has the input come in two portions: the first is kept, so that all is lent from where it was
// kept.
static void feed_in_two(struct relay *r)
{
    char bytes[LEN];
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = byte_at(0, i);
    assert_int_equal(send(r->in->peer, bytes, 100, MSG_NOSIGNAL), 100);
    WAIT(r->in, conn_in(r->in->conn).len == 100);
    assert_int_equal(send(r->in->peer, bytes + 100, LEN - 100, MSG_NOSIGNAL), LEN - 100);
    WAIT(r->in, r->passes == 1);
}

static void input_that_was_kept_stays_while_it_is_lent(void **state)
{
    struct relay r;
    const struct fake f = {.piece = 100};
    (void)state;
    begin(&r, &f, pass_in_chunks);
    feed_in_two(&r);
    feed(&r);
    WAIT(r.in, conn_pending(r.out) == 0);
    assert_chunks(&r, 0);
    assert_chunks(&r, 1);
    end(&r);
}

static void pass_and_leave(struct relay *r, struct slice bytes)
{
    pass_whole(r, bytes);
    conn_close(r->in->conn, CONN_CLOSE_FLUSH); // frees its input
    r->in->conn = NULL;
}

static void the_lender_may_close_in_its_callback(void **state)
{
    struct relay r;
    const struct fake f = {.piece = 100};
    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        begin(&r, &f, pass_and_leave);
        if (kept)
            feed_in_two(&r);
        else
            feed(&r);
        WAIT(r.in, conn_pending(r.out) == 0);
        assert_written(&r, 0, 0, 0, LEN);
        end(&r);
    }
}

static void pass_and_close(struct relay *r, struct slice bytes)
{
    pass_whole(r, bytes);
    conn_close(r->out, r->passes == 1 ? CONN_CLOSE_FLUSH : CONN_CLOSE_NOW);
}

static void the_borrower_may_close_in_the_callback(void **state)
{
    struct relay r;
    const struct fake f = {.steps = 0};
    (void)state;
    begin(&r, &f, pass_and_close);
    feed(&r);
    assert_written(&r, 0, 0, 0, LEN); // it lingers
    end(&r);

    begin(&r, &f, pass_and_close);
    r.passes = 1;
    feed(&r); // dropped: its memory is checked
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lent_bytes_leave_in_order_by_one_write),
        cmocka_unit_test(lent_bytes_that_do_not_leave_are_copied),
        cmocka_unit_test(more_slices_than_one_write_takes_keep_their_order),
        cmocka_unit_test(bytes_that_are_not_of_the_input_are_copied_at_once),
        cmocka_unit_test(a_piece_beyond_the_limit_is_not_borrowed),
        cmocka_unit_test(output_that_a_failed_write_drops_was_not_sent),
        cmocka_unit_test(small_pieces_leave_by_one_write_for_the_turn),
        cmocka_unit_test(input_that_was_kept_stays_while_it_is_lent),
        cmocka_unit_test(the_lender_may_close_in_its_callback),
        cmocka_unit_test(the_borrower_may_close_in_the_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
