// SPDX-License-Identifier: MIT
// All contexts of TLS have these in common: bounds beside those of the system's configuration, and
// the list of protocols.
#include <openssl/conf.h>
#include <stdio.h>
#include "transport_tls_fixture.h"

// Sets the system's configuration, from now on.
static void configure(const struct fixture *f, const char *level, const char *max)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/openssl.cnf", f->files.directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "openssl_conf = all\n[all]\nssl_conf = ssl\n"
                        "[ssl]\nsystem_default = strict\n"
                        "[strict]\nCipherString = DEFAULT:@SECLEVEL=%s\nMaxProtocol = %s\n",
                        level, max) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(CONF_modules_load_file(path, NULL, 0), 1);
    assert_int_equal(unlink(path), 0);
}

static void stricter_bounds_of_the_system_stay(void **state)
{
    const struct tls_client_options options = {.verify_nothing = true};
    char why[TLS_WHY_MAX];
    configure(*state, "3", "TLSv1.2");
    struct tls_client *c = tls_client_new(&options, why);
    assert_non_null(c);
    assert_int_equal(SSL_CTX_get_security_level(c->context), 3);
    assert_int_equal(SSL_CTX_get_max_proto_version(c->context), TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_get_min_proto_version(c->context), TLS1_2_VERSION);
    assert_no_errors_left();
    tls_client_free(c);
}

static bool client_takes(const char *alpn, char why[static TLS_WHY_MAX])
{
    const struct tls_client_options options = {.verify_nothing = true, .alpn = alpn};
    struct tls_client *c = tls_client_new(&options, why);
    bool taken = c != NULL;
    tls_client_free(c);
    return taken;
}

static void a_system_without_our_versions_is_refused(void **state)
{
    char why[TLS_WHY_MAX];
    configure(*state, "1", "TLSv1.1");
    assert_false(client_takes(NULL, why));
    assert_string_equal(why, "TLS cannot be set up: no protocols available");
    assert_no_errors_left();
    configure(*state, "1", "TLSv1.3");
    assert_true(client_takes(NULL, why));
}

static bool server_takes(const struct fixture *f, const char *alpn, char why[static TLS_WHY_MAX])
{
    const struct tls_pair_files pair = {f->files.path[TLS_CHAIN], f->files.path[TLS_KEY]};
    const struct tls_server_options options = {.pairs = &pair, .pair_count = 1, .alpn = alpn};
    struct tls_server *s = tls_server_new(&options, 0, why);
    bool taken = s != NULL;
    tls_server_free(s);
    return taken;
}

// As sent, a protocol takes a byte more than its name.
static void a_list_of_protocols_that_is_too_long_is_refused(void **state)
{
    char list[TLS_ALPN_MAX + 1] = "h2,";
    for (int len = TLS_ALPN_MAX - 2; len <= TLS_ALPN_MAX; len++) {
        char why[TLS_WHY_MAX];
        memset(list + 3, 'x', (size_t)len - 3);
        list[len] = 0;
        bool fits = 1 + len <= TLS_ALPN_MAX;
        assert_int_equal(client_takes(list, why), fits);
        if (!fits)
            assert_non_null(strstr(why, "list of protocols (ALPN) is longer than 64 bytes"));
        assert_int_equal(server_takes(*state, list, why), fits);
        if (!fits)
            assert_non_null(strstr(why, "list of protocols (ALPN) is longer than 64 bytes"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stricter_bounds_of_the_system_stay),
        cmocka_unit_test(a_system_without_our_versions_is_refused),
        cmocka_unit_test(a_list_of_protocols_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
