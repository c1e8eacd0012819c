// SPDX-License-Identifier: MIT
// A server's certificates while allocations fail: it begins or gives a reason; a look leaves what
// is in force until it can put all that it has read in force.
#include <stdio.h>
#include "common/io/tls_dev.h"
#include "tests/support/failing_memory.h"
#include "tls_chosen_fixture.h"

struct trial {
    struct tls_maker maker;
    struct tls_server_options options;
};

static void ignore(void *ctx, bool trouble, const char *line)
{
    (void)trouble;
    (void)line;
    ++*(unsigned *)ctx;
}

static void put(struct trial *t, const char *first, const char *second)
{
    tls_maker_pair(&t->maker, "pair.pem", "pair.key", &(struct tls_made){.names = first});
    tls_maker_pair(&t->maker, "certs/a.crt", "certs/a.key", &(struct tls_made){.names = second});
}

static void a_server_begins_or_says_why(void *ctx)
{
    struct trial *t = ctx;
    char why[TLS_WHY_MAX] = "";
    struct tls_server *s = tls_server_new(&t->options, 0, why);
    bool failed = failing_memory_has_failed();
    (void)failing_memory_end();
    if (!s) {
        assert_true(failed);
        assert_true(why[0]);
        return;
    }
    assert_true(tls_server_covers(s, "pair.example"));
    tls_server_free(s);
}

static void a_look_leaves_what_is_in_force(void *ctx)
{
    struct trial *t = ctx;
    char why[TLS_WHY_MAX] = "";
    unsigned lines = 0;
    failing_memory_pause();
    put(t, "DNS:pair.example", "DNS:a.example");
    struct tls_server *s = tls_server_new(&t->options, 0, why);
    assert_non_null(s);
    put(t, "DNS:pair.example,DNS:pair.new.example", "DNS:a.example,DNS:a.new.example");
    tls_maker_pair(&t->maker, "certs/b.crt", "certs/b.key",
                   &(struct tls_made){.names = "DNS:b.example"});
    failing_memory_resume();
    tls_server_reload(s, false, ignore, &lines);
    bool failed = failing_memory_has_failed();
    (void)failing_memory_end();
    assert_true(tls_server_covers(s, "pair.example") && tls_server_covers(s, "a.example"));
    assert_true(failed || tls_server_covers(s, "b.example"));
    tls_server_reload(s, false, ignore, &lines);
    assert_true(tls_server_covers(s, "pair.new.example") && tls_server_covers(s, "b.example"));
    assert_true(tls_server_covers(s, "a.new.example"));
    tls_server_free(s);
    char path[TLS_PATH_MAX];
    assert_int_equal(unlink(tls_maker_path(&t->maker, "certs/b.crt", path)), 0);
}

static void a_handshake_fails_or_succeeds(void *ctx)
{
    struct trial *t = ctx;
    char why[TLS_WHY_MAX];
    struct tls_pair p = {.piece = SIZE_MAX};
    failing_memory_pause();
    p.client = tls_client_new(&(struct tls_client_options){.verify_nothing = true}, why);
    p.server = tls_server_new(&t->options, 0, why);
    assert_true(p.client && p.server);
    tls_pair_open(&p, "minted.dev.example");
    failing_memory_resume();
    tls_pair_handshake(&p);
    bool failed = failing_memory_has_failed();
    (void)failing_memory_end();
    struct transport *server = p.peer[TLS_SERVER].t;
    bool done = p.peer[TLS_SERVER].handshake == 0;
    assert_true(done || failed);
    if (done)
        assert_true(server->ops->covers(server, SLICE("minted.dev.example")) || failed);
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

static void each_allocation_may_fail(void **state)
{
    struct trial t = {0};
    char paths[3][TLS_PATH_MAX];
    (void)state;
    tls_maker_begin(&t.maker);
    put(&t, "DNS:pair.example", "DNS:a.example");
    const struct tls_pair_files pair = {tls_maker_path(&t.maker, "pair.pem", paths[0]),
                                        tls_maker_path(&t.maker, "pair.key", paths[1])};
    t.options = (struct tls_server_options){.pairs = &pair,
                                            .pair_count = 1,
                                            .dir = tls_maker_path(&t.maker, "certs", paths[2]),
                                            .dev_dir = t.maker.directory,
                                            .dev_domain = "dev.example",
                                            .alpn = "h2,http/1.1"};
    assert_true(failing_memory_each(a_server_begins_or_says_why, &t) > 5);
    assert_true(failing_memory_each(a_look_leaves_what_is_in_force, &t) > 5);
    assert_true(failing_memory_each(a_handshake_fails_or_succeeds, &t) > 2);
    tls_maker_end(&t.maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
