// SPDX-License-Identifier: MIT
// Each allocation fails in turn in the table of names, its shares and its file, in admission and in
// the small parts of an exchange: the caller is told, and what was there before stays as it was.
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/exchange/forward.h"
#include "common/exchange/host_rewrite.h"
#include "common/exchange/outbound.h"
#include "common/inbound/admission.h"
#include "tests/support/failing_memory.h"
#include "tests/support/name_files.h"

static const struct route_holder first = {OWNER_A, {"192.0.2.1", 9}};
static const struct route_holder second = {OWNER_B, {"192.0.2.2", 9}};

// Counts of the table, which change only by what has succeeded.
static void assert_counts(const struct routes *t, size_t of_first, size_t of_second)
{
    assert_int_equal(t->count, of_first + of_second);
    assert_int_equal(t->owners.count, of_first + of_second);
    assert_int_equal(t->addresses.count, of_first + of_second);
    assert_int_equal(shares_count(&t->owners, slice_str(OWNER_A)), of_first);
    assert_int_equal(shares_count(&t->addresses, first.address), of_first);
    assert_int_equal(shares_count(&t->owners, slice_str(OWNER_B)), of_second);
    assert_int_equal(shares_count(&t->addresses, second.address), of_second);
}

static void trial_of_routes(void *ctx)
{
    struct loop *loop = ctx;
    struct routes t;
    routes_init(&t, loop, 1);
    struct route *one = routes_add(&t, "one", &first);
    struct route *two = routes_add(&t, "two", &second);
    assert_ptr_equal(routes_find(&t, "one"), one);
    assert_ptr_equal(routes_find(&t, "two"), two);
    assert_counts(&t, one != NULL, two != NULL);
    bool given = one && routes_give(one, &second);
    if (one)
        assert_string_equal(one->owner, given ? OWNER_B : OWNER_A);
    assert_counts(&t, one && !given, (size_t)(two ? 1 : 0) + (given ? 1 : 0));
    (void)failing_memory_end();
    assert_true(failing_memory_has_failed() || (one && two && given));
    routes_deinit(&t);
    assert_counts(&t, 0, 0);
    assert_true(!t.owners.buckets && !t.addresses.buckets);
}

static void the_table_of_names_is_as_before(void **state)
{
    struct loop loop;
    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    assert_in_range(failing_memory_each(trial_of_routes, &loop), 8, 100);
    loop_deinit(&loop);
}

// Another value of the owner: counted for it, or as before.
static void trial_of_an_update(void *ctx)
{
    struct routes t;
    routes_init(&t, ctx, 1);
    const struct route_holder other = {OWNER_B, first.address};
    struct route *r = routes_add(&t, "one", &first);
    if (r)
        routes_update_holder(r, &other);
    (void)failing_memory_end();
    bool updated = r && strcmp(r->owner, OWNER_B) == 0;
    assert_true(updated || failing_memory_has_failed());
    assert_int_equal(t.owners.count, r != NULL);
    if (r)
        assert_memory_equal(r->of_owner->key, r->owner, ROUTE_OWNER_DIGITS);
    routes_deinit(&t);
}

static void an_owner_counts_as_before(void **state)
{
    struct loop loop;
    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    assert_in_range(failing_memory_each(trial_of_an_update, &loop), 5, 100);
    loop_deinit(&loop);
}

static void leave(struct name_files *f, const char *name, const char *owner)
{
    const struct route_holder holder = {.owner = owner};
    struct route *r = routes_find(&f->routes, name);
    if (!r)
        r = routes_add(&f->routes, name, &holder);
    if (r)
        routes_agent_left(r, true);
}

// Lets the time until the next write pass.
static void write_now(struct name_store *s)
{
    if (uv_is_active((uv_handle_t *)&s->timer))
        assert_int_equal(uv_timer_start(&s->timer, s->timer.timer_cb, 0, 0), 0);
    loop_run_once(s->routes->loop);
    while (s->busy)
        (void)uv_run(s->timer.loop, UV_RUN_ONCE);
}

// Changes that meet no memory are written later: the file says at the end what the table said.
static void trial_of_the_store(void *ctx)
{
    struct name_files *f = ctx;
    failing_memory_pause();
    name_files_clear(f);
    name_files_open(f);
    assert_non_null(f->store.routes);
    failing_memory_resume();
    leave(f, "one", OWNER_A);
    leave(f, "two", OWNER_B);
    write_now(&f->store);
    leave(f, "three", OWNER_A);
    if (routes_find(&f->routes, "one"))
        routes_forget(routes_find(&f->routes, "one"));
    (void)failing_memory_end();
    bool two = routes_find(&f->routes, "two");
    bool three = routes_find(&f->routes, "three");
    assert_true(failing_memory_has_failed() || (two && three));
    name_files_close(f);
    name_files_open(f);
    assert_false(routes_find(&f->routes, "one"));
    assert_int_equal(name_files_holds(f, "two", OWNER_B), two);
    assert_int_equal(name_files_holds(f, "three", OWNER_A), three);
    name_files_close(f);
}

static void a_change_of_names_is_written_later(void **state)
{
    assert_in_range(failing_memory_each(trial_of_the_store, *state), 5, 200);
}

// A start without memory holds no name for another owner, and leaves a file that the next start
// reads.
static void trial_of_a_start(void *ctx)
{
    struct name_files *f = ctx;
    failing_memory_pause();
    name_files_clear(f);
    name_files_open(f);
    leave(f, "one", OWNER_A);
    leave(f, "two", OWNER_B);
    name_files_close(f);
    assert_int_equal(loop_init(&f->loop), 0);
    f->loop.limits.gone_ms = NAME_FILES_GONE_S * 1000;
    routes_init(&f->routes, &f->loop, 1);
    failing_memory_resume();
    name_store_open(&f->store, &f->routes, f->dir);
    (void)failing_memory_end();
    name_files_check(f);
    bool all = name_files_holds(f, "one", OWNER_A) && name_files_holds(f, "two", OWNER_B);
    assert_true(all || failing_memory_has_failed());
    assert_true(!routes_find(&f->routes, "one") || name_files_holds(f, "one", OWNER_A));
    assert_true(!routes_find(&f->routes, "two") || name_files_holds(f, "two", OWNER_B));
    bool nothing_is_kept = !f->store.routes;
    name_files_close(f);
    name_files_open(f);
    name_files_check(f);
    assert_true(!nothing_is_kept || f->routes.count == 2); // and nothing was overwritten
    name_files_close(f);
}

static void a_start_holds_names_for_their_owners_alone(void **state)
{
    assert_in_range(failing_memory_each(trial_of_a_start, *state), 5, 100);
}

// A name that changed hands is the last owner's, or nobody's.
static void trial_of_two_owners(void *ctx)
{
    struct name_files *f = ctx;
    char text[NAME_FILES_TEXT_MAX];
    failing_memory_pause();
    name_files_clear(f);
    (void)snprintf(text, sizeof(text),
                   "adit names 1 %019" PRId64 "\nhere one " OWNER_A "\nhere one " OWNER_B "\n",
                   wall_clock_ns());
    name_files_put_text(f, text);
    assert_int_equal(loop_init(&f->loop), 0);
    f->loop.limits.gone_ms = NAME_FILES_GONE_S * 1000;
    routes_init(&f->routes, &f->loop, 1);
    failing_memory_resume();
    name_store_open(&f->store, &f->routes, f->dir);
    (void)failing_memory_end();
    bool held = name_files_holds(f, "one", OWNER_B);
    assert_true(held || failing_memory_has_failed());
    assert_int_equal(f->routes.count, held);
    name_files_close(f);
}

static void a_name_that_changed_hands_is_not_held_for_its_former_owner(void **state)
{
    assert_in_range(failing_memory_each(trial_of_two_owners, *state), 4, 50);
}

// Catches standard error, to which the log goes, until log_of.
static int catch_log(int *file)
{
    int saved = dup(STDERR_FILENO);
    *file = memfd_create("log", MFD_CLOEXEC);
    assert_true(saved >= 0 && *file >= 0);
    assert_true(dup2(*file, STDERR_FILENO) >= 0);
    log_init("test", LOG_WARN);
    return saved;
}

static void assert_logged(int file, int saved, const char *words)
{
    char text[1024] = "";
    log_end();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    assert_true(pread(file, text, sizeof(text) - 1, 0) >= 0);
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in the log: %s", words, text);
    assert_int_equal(close(saved) | close(file), 0);
}

// A stop that cannot write the names tells of it, and leaves the file as it was.
static void names_that_cannot_be_written_at_the_end_are_told_of(void **state)
{
    struct name_files *f = *state;
    int file = -1;
    name_files_open(f);
    leave(f, "one", OWNER_A);
    name_files_close(f);
    name_files_open(f);
    leave(f, "two", OWNER_B);
    int saved = catch_log(&file);
    failing_memory_begin(1, UINT_MAX);
    name_files_close(f);
    assert_true(failing_memory_end() > 0);
    assert_logged(file, saved, "cannot be kept over a restart: Cannot allocate memory");
    name_files_open(f);
    assert_true(name_files_holds(f, "one", OWNER_A));
    assert_null(routes_find(&f->routes, "two"));
    name_files_close(f);
}

static void a_start_that_cannot_read_the_names_tells_of_it(void **state)
{
    struct name_files *f = *state;
    int file = -1;
    name_files_open(f);
    name_files_close(f);
    assert_int_equal(loop_init(&f->loop), 0);
    routes_init(&f->routes, &f->loop, 1);
    int saved = catch_log(&file);
    failing_memory_begin(1, 1);
    name_store_open(&f->store, &f->routes, f->dir);
    (void)failing_memory_end();
    assert_null(f->store.routes);
    assert_logged(file, saved, "they are not kept over a restart: Cannot allocate memory");
    name_files_close(f);
}

static void trial_of_admission(void *ctx)
{
    struct admission a = {0};
    struct client_address client = {0};
    struct sockaddr_storage at = {.ss_family = AF_INET};
    (void)ctx;
    client_address_of(&at, &client);
    struct admission_place *of_one = admission_enter(&a, &limits_default, &client);
    struct admission_place *of_all = admission_enter(&a, &limits_default, NULL);
    (void)failing_memory_end();
    assert_int_equal(a.shares.count, (of_one != NULL) + (of_all != NULL));
    assert_true(failing_memory_has_failed() || (of_one && of_all));
    admission_leave(of_one);
    admission_leave(of_all);
    assert_int_equal(a.shares.count, 0);
    assert_null(a.shares.buckets);
    assert_null(a.idle.first);
}

static void admission_counts_only_those_that_have_a_place(void **state)
{
    (void)state;
    assert_in_range(failing_memory_each(trial_of_admission, NULL), 4, 50);
}

static void trial_of_a_rewrite(void *ctx)
{
    struct http_head request = {.scheme = SLICE("https"), .authority = SLICE("name.example")};
    struct http_head response = {.status = 302};
    char *values[2] = {NULL, NULL};
    (void)ctx;
    assert_true(head_add(&request, SLICE("Origin"), SLICE("https://name.example")));
    assert_true(head_add(&response, SLICE("Location"), SLICE("http://localhost:80/a")));
    char *origin = host_rewrite_public(&request);
    const struct slice host = SLICE("localhost:80");
    const struct host_rewrite_origin own = {SLICE("http"), host};
    bool asked = origin && host_rewrite_request(&request, origin, &own, &values[0]);
    bool answered = origin && host_rewrite_response(&response, origin, host, &values[1]);
    (void)failing_memory_end();
    assert_true(failing_memory_has_failed() || (asked && answered));
    const char *said = asked ? "http://localhost:80" : "https://name.example";
    const char *at = answered ? "https://name.example/a" : "http://localhost:80/a";
    assert_true(slice_eq(request.fields[0].value, slice_str(said)));
    assert_true(slice_eq(response.fields[0].value, slice_str(at)));
    free(origin);
    free(values[0]);
    free(values[1]);
}

static void a_head_is_rewritten_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_in_range(failing_memory_each(trial_of_a_rewrite, NULL), 4, 20);
}

// The endpoint of a visitor, which counts what it gets.
struct visitor {
    struct exchange_endpoint endpoint;
    uint16_t status;
    bool finished;
};

static void on_head(struct exchange_endpoint *e, const struct http_head *head,
                    const struct body_framing *framing)
{
    (void)framing;
    ((struct visitor *)(void *)e)->status = head->status;
}

static void on_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    (void)e;
    (void)bytes;
    (void)len;
}

static void on_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    (void)trailers;
    ((struct visitor *)(void *)e)->finished = true;
}

static void on_unwanted(struct exchange_endpoint *e)
{
    (void)e;
}

static const struct exchange_ops visitor_ops = {
    .head = on_head, .data = on_data, .finish = on_finish, .unwanted = on_unwanted};

static bool have_no_room(struct outbound *o, struct exchange *x, enum answer *why)
{
    (void)o;
    (void)x;
    *why = ANSWER_BUSY;
    return false;
}

static const struct outbound_ops nobody_ops = {have_no_room};

// All that an exchange needs is its own memory: it forwards, answers and ends without any more.
static void an_exchange_answers_without_memory(void **state)
{
    static const char *const vias[] = {"1.1 adit-0123456789abcdef", "1.1 other"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct visitor v = {.endpoint.ops = &visitor_ops};
        struct http_head get = {
            .method = SLICE("GET"), .target = SLICE("/"), .authority = SLICE("name.example")};
        const struct body_framing none = {BODY_NONE, 0};
        struct outbound nobody = {.ops = &nobody_ops};
        struct forward forward;
        struct filter_chain chain = {0};
        forward_init(&forward, vias[0] + 4);
        filter_chain_add(&chain, &forward.filter);
        assert_true(head_add(&get, SLICE("Via"), slice_str(vias[i])));
        failing_memory_begin(1, 1);
        assert_null(exchange_new(&v.endpoint, &get, NULL));
        (void)failing_memory_end();
        assert_null(v.endpoint.x);
        struct exchange *x = exchange_new(&v.endpoint, &get, NULL);
        assert_non_null(x);
        failing_memory_begin(1, 1);
        outbound_forward(&nobody, &chain, x, &get, &none);
        assert_int_equal(v.status, i == 1 ? 503 : 508);
        assert_true(v.finished);
        exchange_discard(x);
        assert_int_equal(failing_memory_end(), 0);
    }
}

int main(void)
{
#define OF_FILES(name) cmocka_unit_test_setup_teardown(name, name_files_setup, name_files_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_names_is_as_before),
        cmocka_unit_test(an_owner_counts_as_before),
        OF_FILES(a_change_of_names_is_written_later),
        OF_FILES(a_start_holds_names_for_their_owners_alone),
        OF_FILES(a_name_that_changed_hands_is_not_held_for_its_former_owner),
        OF_FILES(names_that_cannot_be_written_at_the_end_are_told_of),
        OF_FILES(a_start_that_cannot_read_the_names_tells_of_it),
        cmocka_unit_test(admission_counts_only_those_that_have_a_place),
        cmocka_unit_test(a_head_is_rewritten_whole_or_not_at_all),
        cmocka_unit_test(an_exchange_answers_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
