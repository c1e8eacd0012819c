// SPDX-License-Identifier: MIT
// A directory of certificates, changes of files, and what is told of them.
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include "common/io/tls_source.h"
#include "common/io/tls_store.h"
#include "tls_chosen_fixture.h"

struct stored {
    struct chosen c;
    SSL_CTX *context;
    struct tls_store store;
    bool open;
};

static void begin(struct stored *s)
{
    char why[TLS_WHY_MAX];
    *s = (struct stored){0};
    chosen_begin(&s->c);
    s->context = tls_context_new(TLS_server_method(), why);
    assert_non_null(s->context);
}

static void end(struct stored *s)
{
    if (s->open)
        tls_store_deinit(&s->store);
    SSL_CTX_free(s->context);
    chosen_end(&s->c);
}

// Opens the directory `certs`, and, unless NULL, a pair of these names beside it.
static bool open_store(struct stored *s, const char *pair_name, char why[static TLS_WHY_MAX])
{
    char paths[3][TLS_PATH_MAX];
    const struct tls_pair_files pair = {tls_maker_path(&s->c.maker, "pair.pem", paths[0]),
                                        tls_maker_path(&s->c.maker, "pair.key", paths[1])};
    (void)tls_maker_path(&s->c.maker, "certs/x", paths[2]);
    *strrchr(paths[2], '/') = 0;
    if (pair_name)
        tls_maker_pair(&s->c.maker, "pair.pem", "pair.key", &(struct tls_made){.names = pair_name});
    const struct tls_server_options o = {
        .pairs = &pair, .pair_count = pair_name != NULL, .dir = paths[2]};
    s->open = tls_store_init(&s->store, s->context, &o, why);
    return s->open;
}

static void open_well(struct stored *s, const char *pair_name)
{
    char why[TLS_WHY_MAX];
    if (!open_store(s, pair_name, why))
        fail_msg("%s", why);
}

static void look_at(struct stored *s, bool all, int64_t now_s)
{
    s->c.line_count = 0;
    tls_store_look(&s->store, all, now_s, chosen_told, &s->c);
}

static void look(struct stored *s, bool all)
{
    look_at(s, all, (int64_t)time(NULL));
}

static void put(struct stored *s, const char *chain, const char *key, const char *names)
{
    tls_maker_pair(&s->c.maker, chain, key, &(struct tls_made){.names = names});
}

static void take_away(struct stored *s, const char *name)
{
    char path[TLS_PATH_MAX];
    assert_int_equal(unlink(tls_maker_path(&s->c.maker, name, path)), 0);
}

static bool has(const struct stored *s, const char *name)
{
    return tls_names_find(&s->store.names, name, 0).first != NULL;
}

static void three_layouts_of_a_directory_are_read(void **state)
{
    struct stored s;
    char to[TLS_PATH_MAX];
    char from[TLS_PATH_MAX];
    (void)state;
    begin(&s);
    // certbot: links into its archive, and a README beside.
    put(&s, "archive/a/fullchain1.pem", "archive/a/privkey1.pem", "DNS:certbot.example");
    assert_int_equal(symlink(tls_maker_path(&s.c.maker, "archive/a/fullchain1.pem", to),
                             tls_maker_path(&s.c.maker, "certs/a/fullchain.pem", from)),
                     0);
    assert_int_equal(symlink(tls_maker_path(&s.c.maker, "archive/a/privkey1.pem", to),
                             tls_maker_path(&s.c.maker, "certs/a/privkey.pem", from)),
                     0);
    tls_maker_text(&s.c.maker, "certs/a/cert.pem", "the leaf alone");
    tls_maker_text(&s.c.maker, "certs/README", "hello");
    tls_maker_text(&s.c.maker, "certs/.hidden.crt", "hello");
    put(&s, "certs/uacme.example/cert.pem", "certs/private/uacme.example/key.pem",
        "DNS:uacme.example");
    put(&s, "certs/_.lego.example.crt", "certs/_.lego.example.key", "DNS:*.lego.example");
    put(&s, "certs/_.lego.example.issuer.crt", NULL, "DNS:issuer.example");
    open_well(&s, NULL);
    assert_int_equal(s.store.count, 3);
    assert_true(has(&s, "certbot.example"));
    assert_true(has(&s, "uacme.example"));
    assert_true(has(&s, "a.lego.example"));
    look(&s, false);
    assert_int_equal(s.c.line_count, 0);
    end(&s);
}

static void without_any_certificate_the_server_does_not_begin(void **state)
{
    struct stored s;
    char why[TLS_WHY_MAX];
    char path[TLS_PATH_MAX];
    (void)state;
    begin(&s);
    assert_false(open_store(&s, NULL, why));
    assert_non_null(strstr(why, "certs: it holds none"));
    put(&s, "certs/a.crt", NULL, "DNS:a.example");
    assert_false(open_store(&s, NULL, why));
    assert_non_null(strstr(why, "key file "));
    assert_non_null(strstr(why, "certs/a.key: No such file"));
    assert_true(open_store(&s, "DNS:pair.example", why));
    tls_store_deinit(&s.store);
    s.open = false;
    take_away(&s, "certs/a.crt");
    assert_int_equal(rmdir((tls_maker_path(&s.c.maker, "certs", path))), 0);
    const struct tls_server_options o = {.dir = path};
    assert_false(tls_store_init(&s.store, s.context, &o, why));
    assert_non_null(strstr(why, "certs: No such file"));
    assert_false(tls_store_init(&s.store, s.context, &(struct tls_server_options){0}, why));
    assert_string_equal(why, "TLS needs a certificate");
    end(&s);
}

static void one_that_cannot_be_used_stops_no_other(void **state)
{
    struct stored s;
    char path[TLS_PATH_MAX];
    (void)state;
    begin(&s);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:a.example");
    put(&s, "certs/b.crt", "certs/b.key", "DNS:b.example");
    put(&s, "certs/c.crt", "certs/c.key", "DNS:c.example");
    put(&s, "certs/e/fullchain.pem", NULL, "DNS:e.example");
    tls_maker_text(&s.c.maker, "certs/d.crt", "text");
    tls_maker_text(&s.c.maker, "certs/d.key", "text");
    assert_int_equal(chmod(tls_maker_path(&s.c.maker, "certs/b.key", path), 0666), 0);
    assert_int_equal(chmod(tls_maker_path(&s.c.maker, "certs/c.key", path), 0644), 0);
    assert_int_equal(mkfifo(tls_maker_path(&s.c.maker, "certs/e/privkey.pem", path), 0600), 0);
    open_well(&s, NULL);
    look(&s, false);
    assert_int_equal(s.c.line_count, 4);
    assert_told(&s.c, 0, true, "b.key: others may write it: chmod go-w it: not used");
    assert_told(&s.c, 1, true, "d.crt: nothing of this kind");
    assert_told(&s.c, 2, true, "privkey.pem: it is no regular file: not used");
    assert_told(&s.c, 3, true, "c.key: everyone on this machine can read it");
    assert_true(has(&s, "a.example") && has(&s, "c.example"));
    assert_false(has(&s, "b.example") || has(&s, "e.example"));
    look(&s, false); // told once
    assert_int_equal(s.c.line_count, 0);
    look(&s, true); // or when asked
    assert_int_equal(s.c.line_count, 3);
    end(&s);
}

static void a_changed_pair_takes_the_place_of_the_one_before(void **state)
{
    struct stored s;
    (void)state;
    begin(&s);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:a.example");
    open_well(&s, "DNS:pair.example");
    put(&s, "certs/a.crt", "certs/a.key", "DNS:b.example");
    put(&s, "certs/c.crt", "certs/c.key", "DNS:c.example,DNS:d.example");
    put(&s, "pair.pem", "pair.key", "DNS:other.example");
    look(&s, false);
    assert_int_equal(s.c.line_count, 3);
    assert_told(&s.c, 0, false, "certificate for c.example and 1 more in ");
    assert_told(&s.c, 1, false, "certificate for b.example in ");
    assert_told(&s.c, 2, false, "certificate for other.example in ");
    assert_told(&s.c, 2, false, "pair.pem is in use from now on, until 20");
    assert_false(has(&s, "a.example") || has(&s, "pair.example"));
    assert_true(has(&s, "b.example") && has(&s, "d.example") && has(&s, "other.example"));
    look(&s, true); // nothing is new
    assert_int_equal(s.c.line_count, 0);
    end(&s);
}

// The times of a file may be as coarse as two seconds: until they have passed, a look reads again.
static void a_young_file_is_read_again(void **state)
{
    struct stored s;
    (void)state;
    begin(&s);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:a.example");
    open_well(&s, NULL);
    int64_t now_s = (int64_t)time(NULL);
    look_at(&s, false, now_s);
    assert_false(s.store.sources[0].settled);
    look_at(&s, false, now_s + 4);
    assert_true(s.store.sources[0].settled);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:b.example");
    look_at(&s, false, now_s + 4);
    assert_true(has(&s, "b.example"));
    end(&s);
}

// A renewal writes two files, and is met between them.
static void half_a_renewal_is_told_only_if_it_lasts(void **state)
{
    struct stored s;
    (void)state;
    begin(&s);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:a.example");
    open_well(&s, NULL);
    const struct tls_cert *before = s.store.first;
    put(&s, "certs/a.crt", NULL, "DNS:a.example");
    look(&s, false);
    assert_int_equal(s.c.line_count, 0);
    assert_ptr_equal(s.store.first, before);
    look(&s, false);
    assert_int_equal(s.c.line_count, 1);
    assert_told(&s.c, 0, true, "the key does not belong to the certificate in ");
    assert_told(&s.c, 0, true, "a.crt: the certificate read before stays in use");
    look(&s, false);
    assert_int_equal(s.c.line_count, 0);
    assert_true(has(&s, "a.example"));
    put(&s, "certs/a.crt", "certs/a.key", "DNS:b.example");
    look(&s, false);
    assert_int_equal(s.c.line_count, 1);
    assert_told(&s.c, 0, false, "certificate for b.example in ");
    put(&s, "certs/a.crt", NULL, "DNS:a.example"); // and one that asks hears at once
    look(&s, true);
    assert_told(&s.c, 0, true, "stays in use");
    end(&s);
}

static void what_is_gone_for_two_looks_is_no_longer_used(void **state)
{
    struct stored s;
    (void)state;
    begin(&s);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:a.example");
    put(&s, "certs/b.crt", "certs/b.key", "DNS:b.example");
    open_well(&s, NULL);
    take_away(&s, "certs/a.crt");
    look(&s, false);
    assert_int_equal(s.c.line_count, 0);
    assert_true(has(&s, "a.example"));
    look(&s, false);
    assert_int_equal(s.c.line_count, 1);
    assert_told(&s.c, 0, false, "a.crt is gone: the certificate is no longer used");
    assert_false(has(&s, "a.example"));
    // The last one stays.
    take_away(&s, "certs/b.crt");
    take_away(&s, "certs/b.key");
    for (int i = 0; i < 4; i++) {
        look(&s, false);
        assert_int_equal(s.c.line_count, i == 1);
    }
    look(&s, true);
    assert_told(&s.c, 0, true, "b.crt: it is gone: the certificate read before stays in use");
    assert_true(has(&s, "b.example") && s.store.first);
    put(&s, "certs/c.crt", "certs/c.key", "DNS:c.example");
    look(&s, false);
    assert_int_equal(s.c.line_count, 2);
    assert_true(has(&s, "c.example") && !has(&s, "b.example"));
    end(&s);
}

static void a_directory_that_goes_leaves_its_certificates(void **state)
{
    struct stored s;
    char path[TLS_PATH_MAX];
    char away[TLS_PATH_MAX];
    (void)state;
    begin(&s);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:a.example");
    open_well(&s, NULL);
    assert_int_equal(
        rename(tls_maker_path(&s.c.maker, "certs", path), tls_maker_path(&s.c.maker, "away", away)),
        0);
    look(&s, false);
    assert_int_equal(s.c.line_count, 0);
    look(&s, false);
    assert_int_equal(s.c.line_count, 2);
    assert_told(&s.c, 0, true, "certs: No such file or directory: those read before stay in use");
    assert_told(&s.c, 1, true, "a.crt: No such file or directory: the certificate read before");
    assert_true(has(&s, "a.example"));
    assert_int_equal(rename(away, path), 0);
    look(&s, false);
    assert_int_equal(s.c.line_count, 1);
    assert_told(&s.c, 0, false, "certificate for a.example in ");
    end(&s);
}

static void the_end_of_a_certificate_is_told_once_a_day(void **state)
{
    static const struct {
        long begins_s, ends_s;
        long in_s; // from now on
        const char *told;
    } cases[] = {
        {-40 * TLS_DAY_S, 60 * TLS_DAY_S, 29 * TLS_DAY_S, NULL},
        {-40 * TLS_DAY_S, 60 * TLS_DAY_S, 30 * TLS_DAY_S + 60, " ends in 29 days"},
        {-40 * TLS_DAY_S, 60 * TLS_DAY_S, 58 * TLS_DAY_S + 60, " ends in 1 day"},
        {-40 * TLS_DAY_S, 60 * TLS_DAY_S, 59 * TLS_DAY_S + 60, " ends in less than a day"},
        {-40 * TLS_DAY_S, 60 * TLS_DAY_S, 61 * TLS_DAY_S, " has ended on "},
        {-2 * TLS_DAY_S, 4 * TLS_DAY_S, TLS_DAY_S, NULL}, // a short life: its last third
        {-2 * TLS_DAY_S, 4 * TLS_DAY_S, 2 * TLS_DAY_S + 60, " ends in 1 day"},
        {2 * TLS_DAY_S, 90 * TLS_DAY_S, 0, " is not valid before "},
        {2 * TLS_DAY_S, 90 * TLS_DAY_S, 3 * TLS_DAY_S, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stored s;
        begin(&s);
        const struct tls_made made = {
            .names = "DNS:a.example", .begins_s = cases[i].begins_s, .ends_s = cases[i].ends_s};
        tls_maker_pair(&s.c.maker, "certs/a.crt", "certs/a.key", &made);
        open_well(&s, NULL);
        assert_true(has(&s, "a.example")); // whatever the time
        int64_t now_s = (int64_t)time(NULL) + cases[i].in_s;
        for (int hour = 0; hour <= 24; hour += 6) {
            look_at(&s, false, now_s + hour * 60L * 60);
            bool due = cases[i].told && (hour == 0 || hour == 24);
            if (s.c.line_count != due && (hour == 0 || hour < 24))
                fail_msg("%zu: %zu lines after %d hours", i, s.c.line_count, hour);
            if (due && hour == 0)
                assert_told(&s.c, 0, true, cases[i].told);
            if (due && hour == 24)
                assert_int_equal(s.c.line_count, 1);
        }
        end(&s);
    }
}

// Of those of a directory with one name the one that lasts longer is shown; a named pair always is.
static void the_later_end_is_preferred(void **state)
{
    struct stored s;
    (void)state;
    begin(&s);
    tls_maker_pair(&s.c.maker, "certs/a.crt", "certs/a.key",
                   &(struct tls_made){.names = "DNS:a.example", .ends_s = 50 * TLS_DAY_S});
    tls_maker_pair(
        &s.c.maker, "certs/b.crt", "certs/b.key",
        &(struct tls_made){.names = "DNS:a.example,DNS:pair.example", .ends_s = 70 * TLS_DAY_S});
    open_well(&s, "DNS:pair.example");
    assert_int_equal(tls_names_find(&s.store.names, "a.example", 0).first->name_count, 2);
    assert_int_equal(tls_names_find(&s.store.names, "pair.example", 0).first->name_count, 1);
    assert_string_equal(s.store.first->names[0], "pair.example");
    end(&s);
}

static void a_file_has_so_many_bytes(void **state)
{
    struct stored s;
    char path[TLS_PATH_MAX];
    (void)state;
    begin(&s);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:a.example");
    open_well(&s, NULL);
    (void)tls_maker_path(&s.c.maker, "certs/a.crt", path);
    static const long sizes[] = {TLS_FILE_MAX - 1, TLS_FILE_MAX, TLS_FILE_MAX + 1};
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    for (int i = 0; i < 3; i++) {
        FILE *file = fopen(path, "ae");
        assert_non_null(file);
        for (long at = i == 0 ? (long)st.st_size : sizes[i - 1]; at < sizes[i]; at++)
            assert_int_equal(fputc('\n', file), '\n');
        assert_int_equal(fclose(file), 0);
        look(&s, true);
        assert_int_equal(s.c.line_count, 1);
        assert_told(&s.c, 0, i == 2, i == 2 ? "a.crt: it is too long" : "is in use from now on");
    }
    end(&s);
}

static void a_chain_has_so_many_certificates(void **state)
{
    struct stored s;
    char path[TLS_PATH_MAX];
    char one[4096];
    (void)state;
    begin(&s);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:a.example");
    open_well(&s, NULL);
    FILE *file = fopen(tls_maker_path(&s.c.maker, "certs/a.crt", path), "r+e");
    assert_non_null(file);
    size_t len = fread(one, 1, sizeof(one), file);
    assert_true(len > 0 && len < sizeof(one));
    for (int count = 2; count <= TLS_CHAIN_MAX + 1; count++) {
        assert_true(fseek(file, 0, SEEK_END) == 0 && fwrite(one, 1, len, file) == len);
        assert_int_equal(fflush(file), 0);
        if (count < TLS_CHAIN_MAX - 1)
            continue;
        look(&s, true);
        assert_int_equal(s.c.line_count, 1);
        bool over = count > TLS_CHAIN_MAX;
        assert_told(&s.c, 0, over, over ? "a.crt: it holds more than 10 cert" : "is in use from");
    }
    assert_int_equal(sk_X509_num(s.store.first->chain), TLS_CHAIN_MAX - 1);
    assert_int_equal(fclose(file), 0);
    end(&s);
}

static void a_directory_has_so_many(void **state)
{
    struct stored s;
    struct tls_dir d;
    char path[TLS_PATH_MAX];
    (void)state;
    begin(&s);
    put(&s, "certs/a.crt", "certs/a.key", "DNS:a.example");
    open_well(&s, NULL);
    for (int count = 2; count <= TLS_PAIRS_MAX + 1; count++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "certs/n%04d.crt", count);
        FILE *file = fopen(tls_maker_path(&s.c.maker, name, path), "we");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
        if (count < TLS_PAIRS_MAX - 1)
            continue;
        assert_null(tls_dir_list(s.store.dir, &d));
        assert_int_equal(d.count, count < TLS_PAIRS_MAX ? count : TLS_PAIRS_MAX);
        assert_int_equal(d.more, count > TLS_PAIRS_MAX);
        tls_dir_free(&d);
    }
    look(&s, false);
    assert_int_equal(s.c.line_count, 1);
    assert_told(&s.c, 0, true, "certs holds more than 1000: the rest is not used");
    end(&s);
}

// A renewal by wildcard must not be hidden by what is left of a single name.
static void one_that_has_ended_yields_to_a_wildcard(void **state)
{
    struct stored s;
    (void)state;
    begin(&s);
    tls_maker_pair(&s.c.maker, "certs/a.crt", "certs/a.key",
                   &(struct tls_made){.names = "DNS:a.b.example", .ends_s = 10 * TLS_DAY_S});
    tls_maker_pair(&s.c.maker, "certs/b.crt", "certs/b.key",
                   &(struct tls_made){.names = "DNS:*.b.example", .ends_s = 70 * TLS_DAY_S});
    open_well(&s, NULL);
    int64_t now_s = (int64_t)time(NULL);
    const struct tls_names *names = &s.store.names;
    assert_string_equal(tls_names_find(names, "a.b.example", now_s).first->names[0], "a.b.example");
    assert_string_equal(
        tls_names_find(names, "a.b.example", now_s + 11 * TLS_DAY_S).first->names[0],
        "*.b.example");
    // Better than none.
    assert_string_equal(
        tls_names_find(names, "a.b.example", now_s + 80 * TLS_DAY_S).first->names[0],
        "a.b.example");
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_layouts_of_a_directory_are_read),
        cmocka_unit_test(without_any_certificate_the_server_does_not_begin),
        cmocka_unit_test(one_that_cannot_be_used_stops_no_other),
        cmocka_unit_test(a_changed_pair_takes_the_place_of_the_one_before),
        cmocka_unit_test(a_young_file_is_read_again),
        cmocka_unit_test(half_a_renewal_is_told_only_if_it_lasts),
        cmocka_unit_test(what_is_gone_for_two_looks_is_no_longer_used),
        cmocka_unit_test(a_directory_that_goes_leaves_its_certificates),
        cmocka_unit_test(the_end_of_a_certificate_is_told_once_a_day),
        cmocka_unit_test(the_later_end_is_preferred),
        cmocka_unit_test(a_file_has_so_many_bytes),
        cmocka_unit_test(a_chain_has_so_many_certificates),
        cmocka_unit_test(a_directory_has_so_many),
        cmocka_unit_test(one_that_has_ended_yields_to_a_wildcard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
