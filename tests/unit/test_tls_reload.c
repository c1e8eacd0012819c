// SPDX-License-Identifier: MIT
// A reload leaves connections what they have; and a long file of a user's is read as it is.
#include <stdio.h>
#include <sys/stat.h>
#include "common/base/private_read.h"
#include "tls_chosen_fixture.h"

static void connections_outlive_the_certificate_that_they_were_shown(void **state)
{
    struct chosen c;
    char chain[TLS_PATH_MAX];
    char key[TLS_PATH_MAX];
    char shown[LINE_BYTES];
    (void)state;
    chosen_begin(&c);
    const struct tls_pair_files pair = {tls_maker_path(&c.maker, "a.pem", chain),
                                        tls_maker_path(&c.maker, "a.key", key)};
    tls_maker_pair(&c.maker, "a.pem", "a.key", &(struct tls_made){.names = "DNS:old.example"});
    chosen_serve(&c, &(struct tls_server_options){.pairs = &pair, .pair_count = 1});
    tls_server_reload(c.pair.server, false, chosen_told, &c);
    assert_int_equal(c.line_count, 0);
    (void)chosen_open(&c, "old.example", shown);
    struct tls_peer before[2] = {c.pair.peer[TLS_CLIENT], c.pair.peer[TLS_SERVER]};

    tls_maker_pair(&c.maker, "a.pem", "a.key", &(struct tls_made){.names = "DNS:new.example"});
    tls_server_reload(c.pair.server, false, chosen_told, &c);
    assert_int_equal(c.line_count, 1);
    assert_told(&c, 0, false, "certificate for new.example in ");
    assert_shown(&c, "new.example", "new.example");
    assert_false(tls_server_covers(c.pair.server, "old.example"));

    c.pair.peer[TLS_CLIENT] = before[TLS_CLIENT];
    c.pair.peer[TLS_SERVER] = before[TLS_SERVER];
    assert_true(is_covered(&c, "old.example"));
    assert_false(is_covered(&c, "new.example"));
    tls_pair_carry(&c.pair, TLS_SERVER, "still here", 10);
    tls_pair_carry(&c.pair, TLS_CLIENT, "as am I", 7);
    tls_pair_close(&c.pair);
    chosen_end(&c);
}

// The handshake that has begun takes the certificate in force when its ClientHello is complete.
static void a_handshake_amid_a_reload_succeeds(void **state)
{
    struct chosen c;
    char chain[TLS_PATH_MAX];
    char key[TLS_PATH_MAX];
    (void)state;
    for (size_t turns = 0; turns < 6; turns++) {
        chosen_begin(&c);
        const struct tls_pair_files pair = {tls_maker_path(&c.maker, "a.pem", chain),
                                            tls_maker_path(&c.maker, "a.key", key)};
        const struct tls_made made = {.names = "DNS:a.example"};
        tls_maker_pair(&c.maker, "a.pem", "a.key", &made);
        chosen_serve(&c, &(struct tls_server_options){.pairs = &pair, .pair_count = 1});
        tls_pair_open(&c.pair, "a.example");
        for (size_t i = 0; i < turns; i++) {
            for (int side = TLS_CLIENT; side <= TLS_SERVER; side++) {
                struct transport *t = c.pair.peer[side].t;
                c.pair.peer[side].handshake = t->ops->handshake(t);
            }
            (void)tls_pair_move(&c.pair);
        }
        tls_maker_pair(&c.maker, "a.pem", "a.key", &made);
        tls_server_reload(c.pair.server, true, chosen_told, &c);
        assert_int_equal(c.line_count, 1);
        tls_pair_handshake(&c.pair);
        assert_int_equal(c.pair.peer[TLS_CLIENT].handshake, 0);
        assert_int_equal(c.pair.peer[TLS_SERVER].handshake, 0);
        tls_pair_close(&c.pair);
        chosen_end(&c);
    }
}

static void a_file_is_read_whole_or_refused(void **state)
{
    struct tls_maker m;
    struct stat st;
    char path[TLS_PATH_MAX];
    char link[TLS_PATH_MAX];
    char *bytes = NULL;
    size_t len = 0;
    (void)state;
    tls_maker_begin(&m);
    tls_maker_text(&m, "text", "12345678");
    assert_int_equal(symlink(tls_maker_path(&m, "text", path), tls_maker_path(&m, "link", link)),
                     0);
    for (size_t cap = 7; cap <= 9; cap++) {
        const char *why = private_read(link, cap, &bytes, &len, &st);
        if (cap < 8) {
            assert_string_equal(why, "it is too long");
            continue;
        }
        assert_null(why);
        assert_int_equal(len, 8);
        assert_string_equal(bytes, "12345678");
        assert_int_equal(st.st_size, 8);
        free(bytes);
    }
    tls_maker_text(&m, "text", "");
    assert_string_equal(private_read(path, 8, &bytes, &len, &st), "it is empty");
    assert_string_equal(private_read("/dev/zero", 8, &bytes, &len, &st), "it is no regular file");
    assert_string_equal(private_read(m.directory, 8, &bytes, &len, &st), "Is a directory");
    assert_string_equal(private_read("/nowhere/x", 8, &bytes, &len, &st),
                        "No such file or directory");
    tls_maker_end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_outlive_the_certificate_that_they_were_shown),
        cmocka_unit_test(a_handshake_amid_a_reload_succeeds),
        cmocka_unit_test(a_file_is_read_whole_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
