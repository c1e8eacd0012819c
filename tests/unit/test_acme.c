// SPDX-License-Identifier: MIT
// Orders of certificates with a lego of our own on PATH: what is published, and what is said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/base/private_file.h"
#include "common/io/certificate.h"
#include "server/acme.h"
#include "tests/support/tls_files.h"

struct scene {
    struct tls_files files;
    struct loop loop;
    struct acme acme;
    struct acme_config config;
    char data[64];
    char path[128]; // of the directory with lego
    char before[4096];
    int changes;
};

static void on_changed(void *ctx)
{
    struct scene *s = ctx;
    s->changes++;
}

// Runs a script in the directory of state.
static void shell(const struct scene *s, const char *script)
{
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (chdir(s->data) == 0)
            (void)execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void put_lego(const struct scene *s, const char *script)
{
    char path[192];
    char text[1024];
    (void)snprintf(path, sizeof(path), "%s/lego", s->path);
    int len = snprintf(text, sizeof(text), "#!/bin/sh\nset -e\n%s\n", script);
    assert_int_equal(private_write(path, text, (size_t)len, PRIVATE_REPLACE, NULL), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    char path[8192];
    tls_files_make(&s->files);
    (void)snprintf(s->data, sizeof(s->data), "/tmp/adit-test-XXXXXX");
    assert_non_null(mkdtemp(s->data));
    (void)snprintf(s->path, sizeof(s->path), "%s/bin", s->data);
    assert_int_equal(mkdir(s->path, 0700), 0);
    (void)snprintf(s->before, sizeof(s->before), "%s", getenv("PATH"));
    (void)snprintf(path, sizeof(path), "%s:%s", s->path, s->before);
    (void)setenv("PATH", path, 1);
    (void)setenv("CHAIN", s->files.path[TLS_CHAIN], 1);
    (void)setenv("KEY", s->files.path[TLS_KEY], 1);
    (void)setenv("OTHER_KEY", s->files.path[TLS_OTHER_KEY], 1);
    s->config = (struct acme_config){
        .on = true, .email = "a@example.com", .dns = "exec"}; // the files have a wildcard
    s->acme = (struct acme){.config = &s->config,
                            .loop = &s->loop,
                            .domain = "example.com",
                            .data = s->data,
                            .changed = on_changed,
                            .ctx = s};
    *state = s;
    return loop_init(&s->loop);
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    acme_end(&s->acme);
    assert_true(loop_settle(&s->loop));
    loop_deinit(&s->loop);
    (void)setenv("PATH", s->before, 1);
    shell(s, "rm -rf bin acme certificates acme-challenge");
    (void)rmdir(s->data);
    tls_files_remove(&s->files);
    free(s);
    return 0;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

// Turns the loop until no order runs.
static void run(struct scene *s)
{
    uv_timer_t tick; // so that a turn waits
    assert_int_equal(uv_timer_init(&s->loop.uv, &tick), 0);
    assert_int_equal(uv_timer_start(&tick, on_tick, 5, 5), 0);
    while (s->acme.running || s->acme.child.started)
        (void)uv_run(&s->loop.uv, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&s->loop.uv, UV_RUN_NOWAIT);
}

static bool is_published(const struct scene *s)
{
    char chain[PRIVATE_PATH_MAX];
    char key[PRIVATE_PATH_MAX];
    char why[TLS_WHY_MAX];
    struct certificate_life life;
    (void)snprintf(chain, sizeof(chain), "%s/example.com.crt", s->acme.certificates);
    (void)snprintf(key, sizeof(key), "%s/example.com.key", s->acme.certificates);
    return certificate_read(chain, key, "*.example.com", &life, why);
}

// Gives what is at $1 and $2 as the certificate and key of example.com.
#define LEGO_GIVES                                                               \
    "umask 077; for a in \"$@\"; do [ \"$p\" = --path ] && d=$a; p=$a; done\n"   \
    "give() { mkdir -p $d/certificates; cp $1 $d/certificates/example.com.crt; " \
    "cp $2 $d/certificates/example.com.key; }\n"

static void a_certificate_comes_and_is_published(void **state)
{
    struct scene *s = *state;
    put_lego(s, LEGO_GIVES "give $CHAIN $KEY");
    assert_null(acme_begin(&s->acme));
    assert_false(is_published(s));
    acme_start(&s->acme);
    run(s);
    assert_true(is_published(s));
    assert_int_equal(s->changes, 1);
    assert_true(s->acme.orders[0].until_s > 0);
    assert_int_equal(s->acme.orders[0].failures, 0);
}

static void one_that_is_not_due_is_not_ordered(void **state)
{
    struct scene *s = *state;
    put_lego(s, "exit 1");
    assert_null(acme_begin(&s->acme));
    shell(
        s,
        "umask 077; cp $CHAIN certificates/example.com.crt; cp $KEY certificates/example.com.key");
    assert_null(acme_begin(&s->acme));
    int64_t now = wall_clock_ns() / 1000000000;
    s->acme.orders[0].from_s = now - 10;
    s->acme.orders[0].until_s = now + 1000;
    acme_start(&s->acme);
    assert_null(s->acme.running);
}

static void what_is_not_whole_is_not_published(void **state)
{
    static const char *const legos[] = {
        LEGO_GIVES "give $CHAIN $OTHER_KEY",
        LEGO_GIVES "give $CHAIN $KEY; head -c 300 $CHAIN > $d/certificates/example.com.crt",
        LEGO_GIVES "give $CHAIN $KEY; head -c 100 $KEY > $d/certificates/example.com.key",
        LEGO_GIVES "give $CHAIN /dev/null",
        "exit 0",
        "echo '2026/12/01 00:52:07 error: denied'; exit 1",
    };
    struct scene *s = *state;
    assert_null(acme_begin(&s->acme));
    for (unsigned i = 0; i < sizeof(legos) / sizeof(legos[0]); i++) {
        shell(s, "rm -rf acme/certificates");
        put_lego(s, legos[i]);
        acme_hurry(&s->acme);
        assert_non_null(s->acme.running);
        run(s);
        assert_false(is_published(s));
        assert_int_equal(s->acme.orders[0].failures, i + 1);
        acme_start(&s->acme); // it is not tried before its time
        assert_null(s->acme.running);
    }
    assert_int_equal(s->changes, 0);
    assert_string_equal(s->acme.said, "error: denied");
}

static void a_cut_copy_does_not_replace_a_good_one(void **state)
{
    struct scene *s = *state;
    put_lego(s, LEGO_GIVES "give $CHAIN $KEY");
    assert_null(acme_begin(&s->acme));
    acme_start(&s->acme);
    run(s);
    put_lego(s,
             LEGO_GIVES ": > $d/certificates/example.com.crt; echo 'error: no space left'; exit 1");
    s->acme.orders[0].until_s = 1; // due
    s->acme.orders[0].next_ms = 0;
    acme_start(&s->acme);
    run(s);
    assert_true(is_published(s));
    assert_int_equal(s->acme.orders[0].failures, 1);
}

// A relay that was killed between the two files finishes at its next start.
static void what_was_half_published_is_published_at_the_start(void **state)
{
    struct scene *s = *state;
    assert_null(acme_begin(&s->acme));
    shell(s,
          "umask 077; mkdir acme/certificates; cp $CHAIN acme/certificates/example.com.crt; "
          "cp $KEY acme/certificates/example.com.key; cp $OTHER_KEY certificates/example.com.key");
    assert_null(acme_begin(&s->acme));
    assert_true(is_published(s));
}

static void a_missing_lego_is_said(void **state)
{
    struct scene *s = *state;
    put_lego(s, "exit 127");
    assert_null(acme_begin(&s->acme));
    acme_start(&s->acme);
    run(s);
    assert_int_equal(s->acme.orders[0].failures, 1);
}

static void what_nobody_orders_any_more_is_removed(void **state)
{
    struct scene *s = *state;
    assert_null(acme_begin(&s->acme));
    shell(s, "umask 077; cd certificates; for n in example.com shop.example.com xexample.com; do "
             "cp $CHAIN $n.crt; cp $KEY $n.key; done");
    assert_null(acme_begin(&s->acme));
    shell(s, "cd certificates; set -- *; [ \"$*\" = 'example.com.crt example.com.key' ]");
}

static void another_authority_is_asked_at_once(void **state)
{
    struct scene *s = *state;
    put_lego(s, LEGO_GIVES "give $CHAIN $KEY");
    assert_null(acme_begin(&s->acme));
    acme_start(&s->acme);
    run(s);
    assert_null(acme_begin(&s->acme));
    assert_true(s->acme.orders[0].until_s > 0);
    s->config.directory = "https://ca.example.net/dir";
    assert_null(acme_begin(&s->acme));
    assert_int_equal(s->acme.orders[0].until_s, 0);
    assert_true(is_published(s)); // in force until the new one comes
}

// A certificate that has come but could not be written is written later, without another order.
static void an_order_is_not_repeated_for_want_of_a_disk(void **state)
{
    struct scene *s = *state;
    put_lego(s, LEGO_GIVES "echo once >> $d/ran; give $CHAIN $KEY");
    assert_null(acme_begin(&s->acme));
    shell(s, "mkdir certificates/example.com.crt");
    acme_start(&s->acme);
    run(s);
    assert_int_equal(s->acme.orders[0].failures, 1);
    acme_hurry(&s->acme);
    assert_null(s->acme.running);
    shell(s, "rmdir certificates/example.com.crt");
    acme_hurry(&s->acme);
    assert_null(s->acme.running);
    assert_true(is_published(s));
    shell(s, "[ \"$(cat acme/ran)\" = once ]");
}

static void a_lost_account_is_made_anew(void **state)
{
    struct scene *s = *state;
    put_lego(s,
             LEGO_GIVES "[ -d $d/accounts ] || exec true\n"
                        "echo 'acme: error: 400 :: urn:ietf:params:acme:error:accountDoesNotExist "
                        ":: no'; exit 1");
    assert_null(acme_begin(&s->acme));
    shell(s, "mkdir -m 700 acme/accounts; echo key > acme/accounts/key");
    acme_start(&s->acme);
    run(s);
    shell(s, "[ ! -e acme/accounts ] && [ -s acme/accounts-*/key ] && rm -r acme/accounts-*");
}

static void a_stop_ends_it(void **state)
{
    struct scene *s = *state;
    put_lego(s, "sleep 600");
    assert_null(acme_begin(&s->acme));
    acme_start(&s->acme);
    assert_non_null(s->acme.running);
    acme_stop(&s->acme);
    run(s);
    assert_int_equal(s->changes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_comes_and_is_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_not_due_is_not_ordered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_whole_is_not_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_copy_does_not_replace_a_good_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_half_published_is_published_at_the_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_missing_lego_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_nobody_orders_any_more_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_authority_is_asked_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_order_is_not_repeated_for_want_of_a_disk, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_lost_account_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_ends_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
