// SPDX-License-Identifier: MIT
// An agent's bindings: which one a message or a request is about, and which answers a bind may get.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/binding.h"

struct fixture {
    struct worker worker;
    struct console console;
    struct binding_config config;
    struct bindings bindings;
};

static struct fixture *make(const char *name)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_int_equal(worker_init(&f->worker, &limits_default), 0);
    assert_null(public_name_take(&f->config.wanted, name[0] ? name : "x"));
    if (!name[0])
        f->config.wanted.name[0] = 0;
    assert_null(service_take_url(&f->config.service, "8080"));
    for (int i = 0; i < BINDINGS_MAX; i++)
        assert_true(bindings_add(&f->bindings, &f->config, &f->worker, &f->console));
    return f;
}

static void end(struct fixture *f)
{
    bindings_deinit(&f->bindings);
    worker_end(&f->worker, 1);
    free(f);
}

static struct control_message message(enum control_type type, const char *name)
{
    struct control_message m = {.type = type, .id = 1};
    memcpy(m.name, name, strlen(name) + 1);
    return m;
}

static void an_agent_has_no_more_than_the_most(void **state)
{
    struct fixture *f = make("blue");
    (void)state;
    assert_int_equal(f->bindings.count, BINDINGS_MAX);
    assert_false(bindings_add(&f->bindings, &f->config, &f->worker, &f->console));
    assert_int_equal(f->bindings.count, BINDINGS_MAX);
    end(f);
}

static void a_binding_is_found_by_its_id(void **state)
{
    struct fixture *f = make("blue");
    struct bindings none = {0};
    (void)state;
    for (size_t i = 0; i < BINDINGS_MAX; i++) {
        assert_ptr_equal(bindings_find(&f->bindings, i + 1), &f->bindings.list[i]);
        assert_ptr_equal(bindings_of_request(&f->bindings, i + 1), &f->bindings.list[i]);
    }
    assert_null(bindings_find(&f->bindings, 0));
    assert_null(bindings_find(&f->bindings, BINDINGS_MAX + 1));
    assert_null(bindings_of_request(&f->bindings, BINDINGS_MAX + 1));
    assert_null(bindings_of_request(&none, 0));
    end(f);
}

static void a_request_without_a_bind_is_for_the_only_binding(void **state)
{
    struct bindings one = {.count = 1, .list[0].id = 1};
    (void)state;
    assert_ptr_equal(bindings_of_request(&one, 0), &one.list[0]);
}

static void a_bind_is_answered_once_with_its_own_name(void **state)
{
    struct fixture *f = make("blue");
    struct binding *b = &f->bindings.list[0];
    const struct control_message other = message(CONTROL_BOUND, "red");
    const struct control_message own = message(CONTROL_BOUND, "BLUE");
    const struct control_message refused = message(CONTROL_REFUSED, "");
    (void)state;
    assert_string_equal(b->name, "blue");
    assert_false(binding_expects(b, &other));
    assert_true(binding_expects(b, &refused));
    assert_true(binding_expects(b, &own));
    assert_false(bindings_are_answered(&f->bindings));
    binding_answered(b, &own);
    assert_true(bindings_are_answered(&f->bindings));
    assert_false(binding_expects(b, &own));
    assert_true(binding_expects(b, &refused)); // the name may be taken away later
    assert_string_equal(b->name, "blue");
    bindings_forget_answers(&f->bindings);
    assert_true(binding_expects(b, &own));
    assert_false(bindings_are_answered(&f->bindings));
    end(f);
}

static void any_name_becomes_the_one_to_keep(void **state)
{
    struct fixture *f = make("");
    struct binding *b = &f->bindings.list[0];
    const struct control_message red = message(CONTROL_BOUND, "red");
    const struct control_message blue = message(CONTROL_BOUND, "blue");
    (void)state;
    assert_true(binding_expects(b, &red));
    binding_answered(b, &red);
    assert_string_equal(b->name, "red");
    bindings_forget_answers(&f->bindings);
    assert_false(binding_expects(b, &blue));
    assert_true(binding_expects(b, &red));
    end(f);
}

static void its_service_is_its_own(void **state)
{
    struct fixture *f = make("blue");
    (void)state;
    assert_string_equal(f->bindings.list[0].outbound.upstream.name, "localhost:8080");
    assert_ptr_equal(f->worker.observer, &f->bindings.list[BINDINGS_MAX - 1].watch.observer);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_has_no_more_than_the_most),
        cmocka_unit_test(a_binding_is_found_by_its_id),
        cmocka_unit_test(a_request_without_a_bind_is_for_the_only_binding),
        cmocka_unit_test(a_bind_is_answered_once_with_its_own_name),
        cmocka_unit_test(any_name_becomes_the_one_to_keep),
        cmocka_unit_test(its_service_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
