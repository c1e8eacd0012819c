// SPDX-License-Identifier: MIT
// The time of an exchange is split into its parts, whichever end recorded it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/inspect/timing.h"

static void expect(const struct record_exchange *x, const char *wanted)
{
    struct timing t;
    char text[256] = "";
    size_t len = 0;
    timing_split(x, &t);
    int64_t sum = 0;
    for (size_t i = 0; i < t.count; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %d", i ? " " : "",
                                t.part[i].name, (int)t.part[i].ns);
        sum += t.part[i].ns;
    }
    assert_string_equal(text, wanted);
    assert_int_equal(t.total_ns, sum);
}

static struct record_exchange relay_row(void)
{
    return (struct record_exchange){
        .program = SLICE("aditd"),
        .sent_on_ns = 10,
        .connect_ns = -1,
        .answered_ns = 100,
        .duration_ns = 150,
        .peer = {.known = true,
                 .sent_on_ns = 15,
                 .connect_ns = 12,
                 .answered_ns = 60,
                 .duration_ns = 90},
    };
}

static void both_ends_split_the_whole_duration_the_same_way(void **state)
{
    static const char wanted[] = "relay 10 tunnel 30 agent 3 connect 12 service 45 body 50";
    struct record_exchange relay = relay_row();
    struct record_exchange agent = {
        .program = SLICE("adit http"),
        .sent_on_ns = 15,
        .connect_ns = 12,
        .answered_ns = 60,
        .duration_ns = 90,
        .peer = {.known = true,
                 .sent_on_ns = 10,
                 .connect_ns = -1,
                 .answered_ns = 100,
                 .duration_ns = 150},
    };
    (void)state;
    expect(&relay, wanted);
    expect(&agent, wanted);
    relay.peer.connect_ns = -1;
    expect(&relay, "relay 10 tunnel 30 agent 15 connect 0 service 45 body 50");
}

static void what_comes_out_negative_counts_as_nothing(void **state)
{
    struct record_exchange x = relay_row();
    (void)state;
    x.peer.answered_ns = 91;
    expect(&x, "relay 10 tunnel 0 agent 3 connect 12 service 76 body 50");
}

static void one_end_alone_says_what_it_knows(void **state)
{
    struct record_exchange x = relay_row();
    (void)state;
    x.peer.known = false;
    expect(&x, "relay 10 beyond 90 body 50");
    x.program = SLICE("adit proxy");
    x.connect_ns = 4;
    expect(&x, "own 6 connect 4 service 90 body 50");
    x.answered_ns = -1;
    expect(&x, "own 6 connect 4 service 140 body 0");
    x.sent_on_ns = x.connect_ns = -1;
    expect(&x, "own 150 connect 0 service 0 body 0");
    x.duration_ns = -1;
    expect(&x, "");
}

static void a_report_without_an_answer_is_no_base_for_a_split(void **state)
{
    struct record_exchange x = relay_row();
    (void)state;
    x.peer.answered_ns = -1;
    expect(&x, "relay 10 beyond 90 body 50");
}

static void what_an_agent_could_not_pass_on_was_connecting(void **state)
{
    struct record_exchange x = relay_row();
    (void)state;
    x.peer.sent_on_ns = -1;
    x.peer.connect_ns = 50;
    expect(&x, "relay 10 tunnel 30 agent 10 connect 50 service 0 body 50");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_split_the_whole_duration_the_same_way),
        cmocka_unit_test(what_comes_out_negative_counts_as_nothing),
        cmocka_unit_test(one_end_alone_says_what_it_knows),
        cmocka_unit_test(a_report_without_an_answer_is_no_base_for_a_split),
        cmocka_unit_test(what_an_agent_could_not_pass_on_was_connecting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
