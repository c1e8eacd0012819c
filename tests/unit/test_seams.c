// SPDX-License-Identifier: MIT
// An inbound, an outbound and a filter of new kinds, each in one file of tests/support, work
// together and with what exists (tests/arch/seams shows that nothing else knows of them).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/inbound/edge_set.h"
#include "tests/support/check.h"
#include "tests/support/sample_filter.h"
#include "tests/support/sample_inbound.h"
#include "tests/support/sample_outbound.h"

struct site {
    struct loop loop;
    struct sample_outbound echo;
    struct sample_filter filter;
    struct filter_chain chain;
    struct inbound_handler handler;
};

static void on_request(void *ctx, struct exchange *x, struct http_head *head,
                       const struct body_framing *framing)
{
    struct site *s = ctx;
    outbound_forward(&s->echo.outbound, &s->chain, x, head, framing);
}

static struct site *site_new(size_t most)
{
    struct site *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    assert_int_equal(loop_init(&s->loop), 0);
    s->echo = sample_outbound_of(&s->loop, most);
    sample_filter_init(&s->filter);
    filter_chain_add(&s->chain, &s->filter.filter);
    s->handler = (struct inbound_handler){.request = on_request, .ctx = s};
    return s;
}

static void site_free(struct site *s)
{
    assert_int_equal(s->echo.running, 0);
    loop_run_once(&s->loop);
    loop_deinit(&s->loop);
    free(s);
}

static void open_stream(struct site *s, struct sample_inbound *in)
{
    assert_true(sample_inbound_open(in, &s->handler, "db.example:5432", NULL));
}

static void assert_got(const struct sample_inbound *in, const char *text)
{
    assert_int_equal(buf_len(&in->got), strlen(text));
    assert_memory_equal(buf_slice(&in->got).p, text, strlen(text));
}

static void a_byte_stream_passes_both_ways_and_ends(void **state)
{
    struct site *s = site_new(1);
    struct sample_inbound in;
    (void)state;
    open_stream(s, &in);
    assert_true(in.open);
    assert_true(sample_inbound_send(&in, "hello", 5));
    assert_got(&in, "HELLO");
    sample_inbound_end(&in);
    assert_true(in.ended && in.closed);
    assert_int_equal(in.why, EXCHANGE_COMPLETE);
    sample_inbound_free(&in);
    site_free(s);
}

static void a_stream_longer_than_its_credit_passes_whole(void **state)
{
    enum {
        SIZE = 3 * LIMIT_CREDIT_BYTES + 7
    };
    struct site *s = site_new(1);
    struct sample_inbound in;
    char *bytes = malloc(SIZE);
    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'X', SIZE);
    open_stream(s, &in);
    assert_true(sample_inbound_send(&in, bytes, SIZE));
    assert_int_equal(buf_len(&in.got), SIZE);
    sample_inbound_free(&in);
    free(bytes);
    site_free(s);
}

static void an_outbound_without_room_is_answered(void **state)
{
    struct site *s = site_new(0);
    struct sample_inbound in;
    (void)state;
    open_stream(s, &in);
    assert_int_equal(in.status, 503);
    assert_true(in.closed && !in.open);
    sample_inbound_free(&in);
    site_free(s);
}

static void what_is_held_goes_on_later_and_one_more_is_answered(void **state)
{
    struct site *s = site_new(2);
    struct sample_inbound in[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        open_stream(s, &in[i]);
    assert_true(in[0].open && !in[1].open && !in[1].closed);
    assert_int_equal(in[2].status, 429);
    assert_int_equal(s->echo.running, 1); // none is made for what is held
    assert_true(sample_inbound_send(&in[1], "later", 5));
    sample_inbound_end(&in[0]);
    sample_inbound_send(&in[1], "", 0);
    assert_true(in[0].closed && in[1].open);
    assert_got(&in[1], "LATER");
    for (int i = 0; i < 3; i++)
        sample_inbound_free(&in[i]);
    site_free(s);
}

static void what_is_held_when_its_outbound_ends_is_answered(void **state)
{
    struct site *s = site_new(2);
    struct sample_inbound in[2];
    (void)state;
    open_stream(s, &in[0]);
    open_stream(s, &in[1]);
    outbound_end(&s->echo.outbound, ANSWER_AGENT_GONE);
    assert_int_equal(in[1].status, 503);
    assert_true(in[1].closed && !in[0].closed);
    sample_inbound_free(&in[0]);
    sample_inbound_free(&in[1]);
    site_free(s);
}

// A visitor's connection, by the inbound that exists.
static void visit(struct site *s, const char *request, const char *response)
{
    struct edge_set edges = {.loop = &s->loop, .handler = s->handler, .scheme = "http"};
    struct sockaddr_storage nobody = {.ss_family = AF_INET};
    struct listener from = {.loop = &s->loop};
    char got[2048] = "";
    size_t len = 0;
    int fd[2];
    exchange_ids_init(&edges.ids, 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
    edge_set_accept(&edges, &from, fd[0], &nobody);
    assert_int_equal(write(fd[1], request, strlen(request)), strlen(request));
    while (!strstr(got, response)) {
        loop_run_once(&s->loop);
        ssize_t n = read(fd[1], got + len, sizeof(got) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
        CHECK(n != 0 && len < sizeof(got) - 1);
    }
    edge_set_close(&edges);
    loop_run_once(&s->loop);
    assert_int_equal(close(fd[1]), 0);
}

static void visitors_over_http_get_what_the_new_outbound_and_filter_do(void **state)
{
    struct site *s = site_new(1);
    (void)state;
    visit(s,
          "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n0\r\nT: 1\r\n\r\n",
          "3\r\nABC\r\n0\r\nT: 1\r\n\r\n");
    visit(s, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "X-Number: 2\r\n");
    site_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_stream_passes_both_ways_and_ends),
        cmocka_unit_test(a_stream_longer_than_its_credit_passes_whole),
        cmocka_unit_test(an_outbound_without_room_is_answered),
        cmocka_unit_test(what_is_held_goes_on_later_and_one_more_is_answered),
        cmocka_unit_test(what_is_held_when_its_outbound_ends_is_answered),
        cmocka_unit_test(visitors_over_http_get_what_the_new_outbound_and_filter_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
