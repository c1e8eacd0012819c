// SPDX-License-Identifier: MIT
// The local authority: its files, its certificates, and their bound.
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include "common/io/tls_authority.h"
#include "common/io/tls_dev.h"
#include "tls_chosen_fixture.h"

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

static void serve(struct chosen *c, const char *domain)
{
    chosen_serve(c,
                 &(struct tls_server_options){.dev_dir = c->maker.directory, .dev_domain = domain});
}

// Replaces the client by one that trusts the authority alone.
static void trust(struct chosen *c)
{
    char path[TLS_PATH_MAX];
    char why[TLS_WHY_MAX];
    const struct tls_client_options options = {
        .ca_file = tls_maker_path(&c->maker, TLS_AUTHORITY_FILE, path)};
    tls_client_free(c->pair.client);
    c->pair.client = tls_client_new(&options, why);
    assert_non_null(c->pair.client);
}

static void each_name_of_the_domain_gets_its_certificate(void **state)
{
    static const char own[] = "localhost,dev.example,*.dev.example";
    static const struct {
        const char *name, *shown;
        bool trusted;
    } cases[] = {
        {"dev.example", "dev.example", true},
        {"A.dev.example", "a.dev.example", true},
        {"a.b.dev.example", "a.b.dev.example", true},
        {"localhost", "localhost", true},
        {"a.localhost", "a.localhost", true},
        {"127.0.0.1", own, true},
        {"::1", own, true},
        {"adev.example", own, false},
        {"example", own, false},
        {"other.test", own, false},
    };
    struct chosen c;
    (void)state;
    chosen_begin(&c);
    serve(&c, "Dev.example");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(tls_server_covers(c.pair.server, cases[i].name), cases[i].trusted);
        assert_shown(&c, cases[i].name, cases[i].shown);
    }
    trust(&c);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tls_pair_open(&c.pair, cases[i].name);
        tls_pair_handshake(&c.pair);
        assert_int_equal(c.pair.peer[TLS_CLIENT].handshake == 0, cases[i].trusted);
        tls_pair_close(&c.pair);
    }
    chosen_end(&c);
}

// Writes a leaf for a name by the authority, whatever the name, and has openssl check it.
static bool openssl_accepts(struct chosen *c, const char *names)
{
    struct tls_authority a;
    const struct tls_authority_scope scope = {"dev.example", false};
    char why[TLS_WHY_MAX];
    char ca[TLS_PATH_MAX];
    char path[TLS_PATH_MAX];
    if (!tls_authority_open(&a, c->maker.directory, &scope, now_s(), why))
        fail_msg("%s", why);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = tls_authority_certify(&a, key, names, now_s() - 60, now_s() + 60 * 60);
    assert_non_null(x);
    FILE *file = fopen(tls_maker_path(&c->maker, "leaf.pem", path), "we");
    assert_true(file && PEM_write_X509(file, x) == 1 && fclose(file) == 0);
    X509_free(x);
    EVP_PKEY_free(key);
    tls_authority_close(&a);
    (void)tls_maker_path(&c->maker, TLS_AUTHORITY_FILE, ca);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stdout);
        (void)!freopen("/dev/null", "w", stderr);
        (void)execlp("openssl", "openssl", "verify", "-x509_strict", "-purpose", "sslserver",
                     "-CAfile", ca, path, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 127);
    return WEXITSTATUS(status) == 0;
}

static void the_authority_holds_for_its_domain_alone(void **state)
{
    struct chosen c;
    (void)state;
    chosen_begin(&c);
    assert_true(openssl_accepts(&c, "DNS:a.dev.example,DNS:x.localhost,IP:127.0.0.9,IP:::1"));
    assert_false(openssl_accepts(&c, "DNS:a.example"));
    assert_false(openssl_accepts(&c, "DNS:a.dev.example,DNS:bank.test"));
    assert_false(openssl_accepts(&c, "IP:192.0.2.1"));
    chosen_end(&c);
}

static void its_files_are_kept_and_its_key_is_ours_alone(void **state)
{
    static const char *const files[] = {TLS_AUTHORITY_FILE, TLS_AUTHORITY_KEY_FILE};
    struct stat before[2];
    struct stat after;
    struct chosen c;
    char path[TLS_PATH_MAX];
    (void)state;
    chosen_begin(&c);
    mode_t mask = umask(0);
    serve(&c, "dev.example");
    (void)umask(mask);
    trust(&c);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stat(tls_maker_path(&c.maker, files[i], path), &before[i]), 0);
        assert_int_equal(before[i].st_mode & 07777, 0600);
    }
    serve(&c, "dev.example");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stat(tls_maker_path(&c.maker, files[i], path), &after), 0);
        assert_int_equal(after.st_ino, before[i].st_ino);
    }
    assert_shown(&c, "a.dev.example", "a.dev.example"); // by the client of the first run
    chosen_end(&c);
}

static void refuses(struct chosen *c, const char *domain, const char *part)
{
    const struct tls_server_options o = {.dev_dir = c->maker.directory, .dev_domain = domain};
    char why[TLS_WHY_MAX];
    struct tls_server *s = tls_server_new(&o, 0, why);
    if (s || !strstr(why, part))
        fail_msg("\"%s\" has no \"%s\"", s ? "" : why, part);
}

static void files_that_cannot_be_used_are_refused(void **state)
{
    struct chosen c;
    char key[TLS_PATH_MAX];
    char path[TLS_PATH_MAX];
    (void)state;
    chosen_begin(&c);
    serve(&c, "dev.example");
    (void)tls_maker_path(&c.maker, TLS_AUTHORITY_KEY_FILE, key);
    (void)tls_maker_path(&c.maker, TLS_AUTHORITY_FILE, path);
    refuses(&c, "other.example", "is an authority for another domain than other.example: delete");
    refuses(&c, "a b", "a b is no domain");
    assert_int_equal(chmod(key, 0640), 0);
    refuses(&c, "dev.example", "dev-ca-key.pem: others may read it: chmod 600 it");
    tls_maker_text(&c.maker, TLS_AUTHORITY_KEY_FILE, "text");
    refuses(&c, "dev.example", "dev-ca-key.pem: it holds no key");
    tls_maker_pair(&c.maker, NULL, TLS_AUTHORITY_KEY_FILE, &(struct tls_made){0});
    refuses(&c, "dev.example", "dev-ca-key.pem: the key does not belong");
    assert_int_equal(unlink(key), 0);
    refuses(&c, "dev.example", "its key, dev-ca-key.pem, is missing");
    tls_maker_text(&c.maker, TLS_AUTHORITY_FILE, "text");
    refuses(&c, "dev.example", "dev-ca.pem: it holds no certificate");
    assert_int_equal(unlink(path), 0);
    serve(&c, "dev.example"); // made anew
    assert_int_equal(unlink(path), 0);
    serve(&c, "other.example"); // killed before it wrote the certificate: the key is used
    tls_maker_pair(&c.maker, TLS_AUTHORITY_FILE, TLS_AUTHORITY_KEY_FILE,
                   &(struct tls_made){.begins_s = -2 * TLS_DAY_S, .ends_s = -TLS_DAY_S});
    refuses(&c, "dev.example", "the authority has ended");
    refuses(&(struct chosen){.maker = {.directory = "/nowhere"}}, "dev.example",
            "/nowhere/dev-ca-key.pem: No such file");
    chosen_end(&c);
}

static void domains_of_every_form_have_an_authority(void **state)
{
    static const struct {
        const char *domain, *covered, *uncovered;
    } cases[] = {
        {NULL, "a.localhost", "example.com"},
        {"localhost", "localhost", "example.com"},
        {"tunnel.localhost", "a.tunnel.localhost", "example.com"},
        {"intranet", "a.intranet", "example.com"},
        {"192.0.2.7", "192.0.2.7", "192.0.2.8"},
        {"2001:DB8::7", "2001:db8::7", "2001:db8::8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chosen c;
        chosen_begin(&c);
        serve(&c, cases[i].domain);
        assert_true(tls_server_covers(c.pair.server, cases[i].covered));
        assert_false(tls_server_covers(c.pair.server, cases[i].uncovered));
        trust(&c);
        tls_pair_connect(&c.pair, cases[i].covered);
        assert_true(is_covered(&c, cases[i].covered));
        assert_false(is_covered(&c, cases[i].uncovered));
        tls_pair_close(&c.pair);
        chosen_end(&c);
    }
}

static void pairs_come_before_it(void **state)
{
    struct chosen c;
    char chain[TLS_PATH_MAX];
    char key[TLS_PATH_MAX];
    (void)state;
    chosen_begin(&c);
    tls_maker_pair(&c.maker, "a.pem", "a.key",
                   &(struct tls_made){.names = "DNS:dev.example,DNS:*.a.dev.example"});
    const struct tls_pair_files pair = {tls_maker_path(&c.maker, "a.pem", chain),
                                        tls_maker_path(&c.maker, "a.key", key)};
    chosen_serve(&c, &(struct tls_server_options){.pairs = &pair,
                                                  .pair_count = 1,
                                                  .dev_dir = c.maker.directory,
                                                  .dev_domain = "dev.example"});
    assert_shown(&c, "dev.example", "dev.example,*.a.dev.example");
    assert_shown(&c, "x.a.dev.example", "dev.example,*.a.dev.example");
    assert_shown(&c, "b.dev.example", "b.dev.example");
    assert_shown(&c, "other.test", "dev.example,*.a.dev.example");
    chosen_end(&c);
}

static void as_many_certificates_are_kept_and_not_too_long(void **state)
{
    struct chosen c;
    char why[TLS_WHY_MAX];
    char name[32];
    int64_t begin_s = now_s();
    (void)state;
    chosen_begin(&c);
    struct tls_dev *d = tls_dev_new(c.maker.directory, "dev.example", begin_s, why);
    assert_non_null(d);
    X509 *first = tls_dev_leaf(d, "first.dev.example", begin_s)->leaf;
    assert_true(X509_up_ref(first));
    for (int i = 2; i <= TLS_DEV_LEAVES; i++) {
        (void)snprintf(name, sizeof(name), "n%d.dev.example", i);
        assert_non_null(tls_dev_leaf(d, name, begin_s));
        assert_ptr_equal(tls_dev_leaf(d, "first.dev.example", begin_s)->leaf, first);
    }
    X509 *second = tls_dev_leaf(d, "n2.dev.example", begin_s)->leaf;
    assert_non_null(tls_dev_leaf(d, "over.dev.example", begin_s)); // in the place of the first one
    assert_ptr_equal(tls_dev_leaf(d, "n2.dev.example", begin_s)->leaf, second);
    assert_ptr_not_equal(tls_dev_leaf(d, "first.dev.example", begin_s)->leaf, first);
    X509_free(first);

    const int64_t half_s = (int64_t)TLS_DEV_DAYS / 2 * TLS_DAY_S;
    const struct tls_cert *leaf = tls_dev_leaf(d, "over.dev.example", begin_s + half_s - 1);
    assert_int_equal(leaf->ends_s - leaf->begins_s, (int64_t)TLS_DEV_DAYS * TLS_DAY_S);
    assert_true(leaf->begins_s < begin_s && leaf->ends_s > begin_s + half_s);
    leaf = tls_dev_leaf(d, "over.dev.example", begin_s + half_s);
    assert_true(leaf->ends_s > begin_s + 2 * half_s);
    leaf = tls_dev_leaf(d, NULL, begin_s + 4 * half_s);
    assert_true(leaf->ends_s > begin_s + 5 * half_s);
    tls_dev_free(d);
    chosen_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_of_the_domain_gets_its_certificate),
        cmocka_unit_test(the_authority_holds_for_its_domain_alone),
        cmocka_unit_test(its_files_are_kept_and_its_key_is_ours_alone),
        cmocka_unit_test(files_that_cannot_be_used_are_refused),
        cmocka_unit_test(domains_of_every_form_have_an_authority),
        cmocka_unit_test(pairs_come_before_it),
        cmocka_unit_test(as_many_certificates_are_kept_and_not_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
