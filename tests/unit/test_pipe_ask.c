// SPDX-License-Identifier: MIT
// What may be unacknowledged, and asking for acknowledgement (docs/protocol.md §3).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/tunnel/pipe.h"

// Receives a message that may come in pieces, without its end.
static void receive(struct pipe *p, const uint8_t *bytes, size_t len)
{
    struct pipe_event e;
    for (size_t at = 0; at < len;) {
        int n = pipe_recv(p, bytes + at, len - at, &e);
        assert_in_range(n, 1, len - at);
        at += (size_t)n;
    }
}

static void receive_end(struct pipe *p)
{
    struct pipe_event e;
    assert_int_equal(pipe_recv_end(p, &e), 0);
}

// Receives an acknowledgement of the bytes before `offset`.
static void receive_ack(struct pipe *p, uint64_t offset)
{
    struct pipe peer = {.received = offset};
    uint8_t ack[PIPE_ACK_SIZE];
    pipe_write_ack(&peer, ack);
    receive(p, ack, sizeof(ack));
    receive_end(p);
}

// Writes a message with one record of one byte, which asks if `ask`.
static size_t write_message(uint8_t *out, uint64_t offset, bool ask)
{
    struct pipe peer = {.sent = offset};
    pipe_write_data_head(&peer, out, PIPE_RECORD_HEAD + 1);
    out[0] = ask ? PIPE_DATA_ASK : PIPE_DATA;
    pipe_write_record_head(out + PIPE_DATA_HEAD, PIPE_RECORD_MUX, 1);
    out[PIPE_DATA_HEAD + PIPE_RECORD_HEAD] = 'x';
    return PIPE_DATA_HEAD + PIPE_RECORD_HEAD + 1;
}

static void a_message_that_asks_is_acknowledged_when_it_is_whole(void **state)
{
    struct pipe p;
    uint8_t message[64];
    uint8_t ack[PIPE_ACK_SIZE];
    (void)state;
    pipe_init(&p);
    receive(&p, message, write_message(message, 0, true));
    assert_false(pipe_owes_ack(&p, false));
    receive_end(&p);
    assert_true(pipe_owes_ack(&p, false));
    pipe_write_ack(&p, ack);
    assert_int_equal(ack[8], PIPE_RECORD_HEAD + 1);
    assert_false(pipe_owes_ack(&p, false));
    receive(&p, message, write_message(message, p.received, false));
    receive_end(&p);
    assert_false(pipe_owes_ack(&p, false));
    pipe_deinit(&p);
}

static void a_message_without_a_byte_asks_for_nothing(void **state)
{
    struct pipe p;
    uint8_t message[64];
    (void)state;
    pipe_init(&p);
    (void)write_message(message, 0, true);
    receive(&p, message, PIPE_DATA_HEAD);
    receive_end(&p);
    assert_false(pipe_owes_ack(&p, false));
    pipe_deinit(&p);
}

// Sends a message of `len` bytes. Returns whether it asks to be acknowledged.
static bool send_asks(struct pipe *p, size_t len)
{
    uint8_t head[PIPE_DATA_HEAD];
    pipe_write_data_head(p, head, len);
    return head[0] == PIPE_DATA_ASK;
}

static void acknowledgement_is_asked_by_amount_by_time_and_before_a_pause(void **state)
{
    const size_t part = RATE_IN_FLIGHT_START / PIPE_PARTS;
    const size_t least = part / 2; // room
    struct pipe p;
    (void)state;
    pipe_init(&p);
    p.can_ask = true;
    assert_false(send_asks(&p, 1)); // without a clock nothing is measured
    pipe_set_now(&p, PIPE_ASK_US - 1);
    assert_false(send_asks(&p, 1));
    pipe_set_now(&p, PIPE_ASK_US);
    assert_true(send_asks(&p, 1));
    pipe_set_now(&p, 1); // clocks do not go back
    assert_int_equal(p.now_us, PIPE_ASK_US);
    assert_false(send_asks(&p, part - 1));
    assert_true(send_asks(&p, 1));
    p.acked = p.sent;
    p.sent = p.asked = p.acked + RATE_IN_FLIGHT_START - 2 * least;
    assert_false(send_asks(&p, least));
    assert_int_equal(pipe_room(&p), least);
    assert_true(send_asks(&p, 1));
    assert_int_equal(pipe_room(&p), 0);
    p.can_ask = false; // a peer that does not know the kind
    p.acked = p.sent;
    pipe_set_now(&p, 10 * PIPE_ASK_US);
    assert_false(send_asks(&p, part));
    pipe_deinit(&p);
}

static void a_peer_that_cannot_be_asked_may_owe_a_fixed_number_of_bytes(void **state)
{
    struct pipe p;
    (void)state;
    pipe_init(&p);
    pipe_set_now(&p, 1);
    assert_int_equal(pipe_room(&p), PIPE_MESSAGE_MAX);
    p.sent = PIPE_UNACKED_UNASKED - PIPE_MESSAGE_MAX;
    assert_int_equal(pipe_room(&p), PIPE_MESSAGE_MAX);
    p.sent++; // with less room, messages would become small
    assert_int_equal(pipe_room(&p), 0);
    receive_ack(&p, 1);
    assert_int_equal(pipe_room(&p), PIPE_MESSAGE_MAX);
    pipe_deinit(&p);
}

static void a_peer_that_can_be_asked_may_owe_what_was_measured(void **state)
{
    struct pipe p;
    (void)state;
    pipe_init(&p);
    p.can_ask = true;
    p.sent = RATE_IN_FLIGHT_START;
    assert_int_equal(pipe_room(&p), PIPE_MESSAGE_MAX); // no clock
    p.asked = p.sent;
    pipe_set_now(&p, 1);
    assert_int_equal(pipe_room(&p), 0);
    receive_ack(&p, RATE_IN_FLIGHT_START);
    assert_int_equal(pipe_room(&p), RATE_IN_FLIGHT_START * 2 / PIPE_PARTS);
    p.rate.best = UINT32_MAX; // however fast the peer is
    p.sent = p.acked + PIPE_UNACKED_MAX - PIPE_MESSAGE_MAX;
    assert_int_equal(pipe_room(&p), PIPE_MESSAGE_MAX);
    p.asked = ++p.sent;
    assert_int_equal(pipe_room(&p), 0);
    p.rate.best = 1; // however slow it is
    p.rate.full_rounds = RATE_FULL_ROUNDS;
    p.acked = p.sent;
    assert_int_equal(pipe_room(&p), RATE_IN_FLIGHT_SPARE * 2 / PIPE_PARTS);
    p.sent += RATE_IN_FLIGHT_SPARE - PIPE_ROOM_MIN;
    assert_int_equal(pipe_room(&p), PIPE_ROOM_MIN);
    p.asked = ++p.sent;
    assert_int_equal(pipe_room(&p), 0);
    pipe_deinit(&p);
}

// Bytes that leave before the bound shrinks may ask for nothing: without one more message that
// does, sending would wait for the peer's own acknowledgement.
static void a_bound_that_shrinks_leaves_room_for_one_message_that_asks(void **state)
{
    struct pipe p;
    (void)state;
    pipe_init(&p);
    p.can_ask = true;
    pipe_set_now(&p, PIPE_ASK_US);
    assert_true(send_asks(&p, 1));
    receive_ack(&p, 1);
    assert_false(send_asks(&p, RATE_IN_FLIGHT_START / PIPE_PARTS - 1));
    p.rate.best = 1;
    p.rate.full_rounds = RATE_FULL_ROUNDS;
    p.rate.round_trip_us = 1;
    p.sent += RATE_IN_FLIGHT_SPARE;
    assert_int_equal(pipe_room(&p), PIPE_ROOM_MIN);
    assert_true(send_asks(&p, 1));
    assert_int_equal(pipe_room(&p), 0);
    pipe_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_asks_is_acknowledged_when_it_is_whole),
        cmocka_unit_test(a_message_without_a_byte_asks_for_nothing),
        cmocka_unit_test(acknowledgement_is_asked_by_amount_by_time_and_before_a_pause),
        cmocka_unit_test(a_peer_that_cannot_be_asked_may_owe_a_fixed_number_of_bytes),
        cmocka_unit_test(a_peer_that_can_be_asked_may_owe_what_was_measured),
        cmocka_unit_test(a_bound_that_shrinks_leaves_room_for_one_message_that_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
