// SPDX-License-Identifier: MIT
// The sockets of an edge set: as many as LIMIT_LISTENERS, each address once.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/address.h"
#include "common/inbound/listeners.h"

struct fixture {
    struct loop loop;
    struct edge_set edges;
    struct listeners listeners;
};

static struct fixture *make(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_int_equal(loop_init(&f->loop), 0);
    f->edges.loop = &f->loop;
    f->listeners.edges = &f->edges;
    return f;
}

static void end(struct fixture *f)
{
    listeners_close(&f->listeners);
    loop_deinit(&f->loop);
    free(f);
}

static void only_so_many_sockets_are_opened(void **state)
{
    struct fixture *f = make();
    struct sockaddr_storage any;
    struct sockaddr_storage actual;
    (void)state;
    assert_true(address_parse("127.0.0.1:0", &any));
    for (int i = 0; i < LIMIT_LISTENERS; i++)
        assert_int_equal(listeners_add(&f->listeners, &any, &actual), 0);
    assert_int_equal(listeners_add(&f->listeners, &any, &actual), UV_ENOBUFS);
    assert_int_equal(f->listeners.count, LIMIT_LISTENERS);
    end(f);
}

static void a_taken_address_is_an_error_and_takes_no_place(void **state)
{
    struct fixture *f = make();
    struct sockaddr_storage any;
    struct sockaddr_storage actual;
    struct sockaddr_storage other;
    (void)state;
    assert_true(address_parse("127.0.0.1:0", &any));
    assert_int_equal(listeners_add(&f->listeners, &any, &actual), 0);
    assert_int_equal(listeners_add(&f->listeners, &actual, &other), UV_EADDRINUSE);
    assert_int_equal(f->listeners.count, 1);
    listeners_close_last(&f->listeners);
    assert_int_equal(listeners_add(&f->listeners, &actual, &other), 0);
    assert_int_equal(address_port(&other), address_port(&actual));
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_so_many_sockets_are_opened),
        cmocka_unit_test(a_taken_address_is_an_error_and_takes_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
