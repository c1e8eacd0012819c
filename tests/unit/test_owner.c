// SPDX-License-Identifier: MIT
// Owner keys: kept in one private file; a different value for each relay.
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/owner.h"
#include "common/base/secret.h"

#define K1 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define K2 "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char dir[64];
static char path[96];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/adit-owner-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/owner.key", dir);
    return 0;
}

static size_t remove_all(void)
{
    char each[400];
    size_t count = 0;
    DIR *list = opendir(dir);
    for (struct dirent *e = readdir(list); e; e = readdir(list)) {
        if (e->d_name[0] == '.')
            continue;
        count++;
        (void)snprintf(each, sizeof(each), "%s/%s", dir, e->d_name);
        if (unlink(each))
            assert_int_equal(rmdir(each), 0);
    }
    (void)closedir(list);
    return count;
}

static int teardown(void **state)
{
    (void)state;
    (void)remove_all();
    return rmdir(dir);
}

static void put(const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void each_relay_gets_another_value_that_says_nothing_of_the_key(void **state)
{
    static const char *const hosts[] = {"example.com",   "example.org",  "a.example.com",
                                        "192.0.2.1",     "192.0.2.2",    "2001:db8::1",
                                        "localhost",     "0.0.0.0",      "x",
                                        "localhost.com", "notlocalhost", "::"};
    enum {
        COUNT = sizeof(hosts) / sizeof(hosts[0])
    };
    owner_value values[2 * COUNT + 1] = {K1};
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(owner_for_relay(K1, hosts[i], values[2 * i + 1]));
        assert_true(owner_proof(K1, hosts[i], values[2 * i + 2])); // another purpose
    }
    for (size_t i = 0; i < 2 * COUNT + 1; i++) {
        assert_int_equal(strspn(values[i], "0123456789abcdef"), OWNER_DIGITS);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(values[i], values[k]);
    }
    assert_true(owner_for_relay(K2, hosts[0], values[0]));
    assert_string_not_equal(values[0], values[1]);
}

static void spellings_of_one_host_are_one(void **state)
{
    static const char *const same[][2] = {
        {"example.com", "EXAMPLE.Com"}, {"example.com", "example.com."},
        {"localhost", "LOCALHOST."},    {"localhost", "127.0.0.1"},
        {"localhost", "127.255.0.9"},   {"localhost", "::1"},
        {"localhost", "a.localhost"},   {"localhost", "::ffff:127.0.0.1"},
        {"2001:db8::a", "2001:DB8::A"}};
    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        owner_value one;
        owner_value other;
        assert_true(owner_for_relay(K1, same[i][0], one));
        assert_true(owner_for_relay(K1, same[i][1], other));
        assert_string_equal(one, other);
    }
}

// The derivation is fixed: with another one, names would lose their owners.
static void the_value_is_the_hmac_that_the_protocol_says(void **state)
{
    owner_value value;
    owner_value expected;
    (void)state;
    assert_true(owner_for_relay(K1, "example.com", value));
    assert_true(secret_hmac_hex(SLICE(K1), SLICE("adit owner\nexample.com"), expected));
    assert_string_equal(value, expected);
    // RFC 4231 §4.3.
    assert_true(secret_hmac_hex(SLICE("Jefe"), SLICE("what do ya want for nothing?"), expected));
    assert_string_equal(expected,
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void a_key_is_made_once_and_private_whatever_the_umask(void **state)
{
    static const mode_t masks[] = {0, 022, 077, 0777};
    char why[OWNER_WHY_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        struct owner_keys one;
        struct owner_keys two;
        struct stat st;
        mode_t before = umask(masks[i]);
        assert_true(owner_keys_read(dir, &one, why));
        (void)umask(before);
        assert_true(owner_keys_read(dir, &two, why));
        assert_memory_equal(&one, &two, sizeof(one));
        assert_int_equal(strlen(one.key), OWNER_DIGITS);
        assert_int_equal(one.previous[0], 0);
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
        assert_int_equal(remove_all(), 1);
    }
}

static void programs_that_start_at_once_agree_on_a_key(void **state)
{
    enum {
        PROGRAMS = 8
    };
    (void)state;
    for (int old = 0; old < 2; old++) {
        int ends[2];
        owner_value keys[PROGRAMS];
        if (old)
            put(K1, 0600);
        assert_int_equal(pipe(ends), 0);
        for (int i = 0; i < PROGRAMS; i++) {
            if (fork() > 0)
                continue;
            struct owner_keys k;
            char why[OWNER_WHY_MAX];
            bool ok = owner_keys_read(dir, &k, why) && write(ends[1], k.key, sizeof(k.key)) > 0 &&
                      strcmp(k.previous, old ? K1 : "") == 0;
            _exit(ok ? 0 : 1);
        }
        for (int i = 0; i < PROGRAMS; i++) {
            int status = 1;
            assert_true(wait(&status) > 0);
            assert_int_equal(status, 0);
            assert_int_equal(read(ends[0], keys[i], sizeof(keys[i])), sizeof(keys[i]));
            assert_string_equal(keys[i], keys[0]);
        }
        (void)close(ends[0]);
        (void)close(ends[1]);
        assert_int_equal(remove_all(), old ? 2 : 1); // no other files
    }
}

// Each relay used so far knows the previous key, so a new one replaces it.
static void a_key_of_before_is_not_used_on(void **state)
{
    struct owner_keys k;
    struct owner_keys again;
    char why[OWNER_WHY_MAX];
    (void)state;
    put(K1, 0600);
    assert_true(owner_keys_read(dir, &k, why));
    assert_string_equal(k.previous, K1);
    assert_string_not_equal(k.key, K1);
    assert_true(owner_keys_read(dir, &again, why));
    assert_memory_equal(&k, &again, sizeof(k));
    assert_int_equal(unlink(path), 0);
    put(K2, 0600);
    assert_false(owner_keys_read(dir, &k, why)); // neither file is changed
    assert_non_null(strstr(why, "remove one"));
}

// The earlier version accepted the line end that an editor adds.
static void a_key_of_before_may_end_its_line(void **state)
{
    static const char *const texts[] = {K1 "\n", K1 "\r\n"};
    char why[OWNER_WHY_MAX];
    struct owner_keys k;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put(texts[i], 0600);
        for (int start = 0; start < 2; start++) { // second, from the file put aside
            assert_true(owner_keys_read(dir, &k, why));
            assert_string_equal(k.previous, K1);
        }
        assert_int_equal(remove_all(), 2);
    }
}

static void what_is_no_key_of_ours_is_refused_and_stays(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *why;
    } cases[] = {
        {K1 "0", 0600, "damaged"},
        {K1 "\n\n", 0600, "damaged"},
        {K1 "\n" K1, 0600, "damaged"},
        {"", 0600, "damaged"},
        {"adit owner key 2\n" K1, 0600, "damaged"},
        {"adit owner key 2\n" K1 "\n\n", 0600, "damaged"},
        {"adit owner key 3\n" K1 "\n", 0600, "damaged"},
        {"adit owner key 2\n" K1 "\n", 0640, "chmod 600"},
        {"adit owner key 2\n" K1 "\n", 0604, "chmod 600"},
        {"adit owner key 2\n" K1 "\n", 0620, "chmod 600"},
        {K1, 0644, "chmod 600"},
    };
    char why[OWNER_WHY_MAX];
    struct owner_keys k;
    struct stat st;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put(cases[i].text, cases[i].mode);
        assert_false(owner_keys_read(dir, &k, why));
        assert_true(strstr(why, "owner.key: ") == why && strstr(why, cases[i].why));
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_size, strlen(cases[i].text));
        assert_int_equal(remove_all(), 1);
    }
}

static void links_and_pipes_are_no_keys(void **state)
{
    char other[128];
    char why[OWNER_WHY_MAX];
    struct owner_keys k;
    (void)state;
    (void)snprintf(other, sizeof(other), "%s/other", dir);
    for (int kind = 0; kind < 5; kind++) {
        put("adit owner key 2\n" K1 "\n", 0600);
        assert_int_equal(rename(path, other), 0);
        switch (kind) {
        case 0: assert_int_equal(symlink(other, path), 0); break;
        case 1: assert_int_equal(link(other, path), 0); break;
        case 2: assert_int_equal(mkfifo(path, 0600), 0); break;
        case 3: assert_int_equal(mkdir(path, 0700), 0); break;
        default: assert_int_equal(symlink("/nowhere/key", path), 0); break;
        }
        assert_false(owner_keys_read(dir, &k, why));
        assert_int_equal(access(other, F_OK), 0);
        assert_int_equal(remove_all(), 2);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_relay_gets_another_value_that_says_nothing_of_the_key),
        TEST(spellings_of_one_host_are_one),
        TEST(the_value_is_the_hmac_that_the_protocol_says),
        TEST(a_key_is_made_once_and_private_whatever_the_umask),
        TEST(programs_that_start_at_once_agree_on_a_key),
        TEST(a_key_of_before_is_not_used_on),
        TEST(a_key_of_before_may_end_its_line),
        TEST(what_is_no_key_of_ours_is_refused_and_stays),
        TEST(links_and_pipes_are_no_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
