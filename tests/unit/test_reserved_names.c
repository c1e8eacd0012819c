// SPDX-License-Identifier: MIT
// Which names are reserved: the built-in words, and those of a file.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/relay_options.h"
#include "server/reserved_names.h"

static const struct reserved_names built_in = {.built_in = true};

static void check(const struct reserved_names *n, const char *name, bool reserved)
{
    if (reserved_names_have(n, name) != reserved)
        fail_msg("%s is %sreserved", name, reserved ? "not " : "");
}

static void what_is_looked_for_or_believed_is_reserved(void **state)
{
    static const char *const names[] = {
        "wpad",     "isatap",         "autodiscover", "autoconfig",    "mta-sts",    "www",
        "mail",     "admin",          "login",        "localhost",     "postmaster", "ns1",
        "ns",       "mx10",           "www2",         "smtp",          "imap4",      "pop3",
        "log-in",   "sign-in",        "signin",       "auto-discover", "mtasts",     "a-d-m-i-n",
        "adm1n",    "1ogin",          "ma11",         "acc0unt",       "www-1",      "mail-01",
        "oauth2",   "xn--80ak6aa92e", "xn--p1ai",     "ab--cd",        "127-0-0-1",  "10-0-0-255",
        "adit",     "aditd",          "openpgpkey",   "ssl",           "ocsp",       "noreply",
        "no-reply", "ip6-localhost"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check(&built_in, names[i], true);
}

static void what_people_call_their_own_is_not(void **state)
{
    static const char *const names[] = {"myapp",       "a",
                                        "0",           "123",
                                        "test",        "dev",
                                        "shop",        "blog",
                                        "admins-cat",  "wwwhat",
                                        "mailbox",     "mail-merge",
                                        "www-x",       "x-www",
                                        "loginn",      "1-2-3",
                                        "1-2-3-4-5",   "a-1-2-3-4",
                                        "1234-1-1-1",  "127-0-0",
                                        "a--b",        "abc--d",
                                        "status-page", "nsa",
                                        "apis",        "amber-anchor-00000000"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check(&built_in, names[i], false);
}

static void zero_reserves_nothing(void **state)
{
    const struct reserved_names none = {0};
    (void)state;
    check(&none, "www", false);
    check(&none, "xn--p1ai", false);
}

// Reads a file with these bytes. Returns NULL, or what is wrong with it.
static const char *read_bytes(struct reserved_names *n, const char *bytes, size_t len)
{
    static char message[RESERVED_MESSAGE_MAX];
    char path[] = "/tmp/reserved-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    (void)close(fd);
    const char *why = reserved_names_read(n, path, message);
    (void)unlink(path);
    return why;
}

static void a_file_says_what_is_reserved(void **state)
{
    static const char text[] = "# ours\n\nTeam  # of ten\r\n\tlab*\nroom-?\nend";
    struct reserved_names n = {.built_in = true};
    (void)state;
    assert_null(read_bytes(&n, text, sizeof(text) - 1));
    static const char *const in[] = {"team", "team7", "te-am", "lab", "labour", "room-7", "end"};
    static const char *const out[] = {"www", "ours", "of", "a-lab", "room-77", "room7", "default"};
    for (size_t i = 0; i < 7; i++) {
        check(&n, in[i], true);
        check(&n, out[i], false);
    }
    reserved_names_free(&n);
}

static void default_in_a_file_stands_for_the_built_in_ones(void **state)
{
    struct reserved_names n = {0};
    (void)state;
    assert_null(read_bytes(&n, SLICE("mine\ndefault\n").p, 13));
    check(&n, "mine", true);
    check(&n, "www", true);
    check(&n, "xn--p1ai", true);
    reserved_names_free(&n);
}

static void an_empty_file_reserves_nothing(void **state)
{
    static const char *const texts[] = {"", "\n", "# nothing", "  \n\n\t"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct reserved_names n = {.built_in = true};
        assert_null(read_bytes(&n, texts[i], strlen(texts[i])));
        check(&n, "www", false);
        check(&n, "a", false);
        reserved_names_free(&n);
    }
}

static void what_is_no_name_is_told_with_its_line(void **state)
{
    static const char *const texts[] = {"a\nb c\n",
                                        "a\nunder_score\n",
                                        "a\na.b",
                                        "a\n*b\n",
                                        "a\n-\n",
                                        "a\n*\n",
                                        "a\n\xc3\xbc\n",
                                        "a\n--*\n",
                                        ("a\nthis-name-has-sixty-four-characters-and-so-is-"
                                         "one-too-long-for-dns-\n")};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reserved_names n = {0};
        const char *why = read_bytes(&n, texts[i], strlen(texts[i]));
        if (!why || !strstr(why, "line 2 "))
            fail_msg("%s: %s", texts[i], why ? why : "taken");
        assert_null(n.words);
    }
}

static void a_file_that_is_no_list_is_told(void **state)
{
    char message[RESERVED_MESSAGE_MAX];
    struct reserved_names n = {0};
    (void)state;
    assert_string_equal(reserved_names_read(&n, "/proc/nonexistent", message),
                        "No such file or directory");
    assert_string_equal(reserved_names_read(&n, "/tmp", message), "Is a directory");
    assert_non_null(strstr(read_bytes(&n, "a\0b", 3), "no text"));
    char *large = malloc(RESERVED_FILE_MAX + 1);
    assert_non_null(large);
    for (size_t i = 0; i <= RESERVED_FILE_MAX; i++)
        large[i] = i % 2 ? '\n' : 'a';
    large[RESERVED_FILE_MAX - 1] = 'z'; // the last line has no LF
    assert_null(read_bytes(&n, large, RESERVED_FILE_MAX));
    check(&n, "a", true);
    check(&n, "b", false);
    assert_non_null(strstr(read_bytes(&n, large, RESERVED_FILE_MAX + 1), "64 KiB"));
    free(large);
    reserved_names_free(&n);
}

static void the_table_in_the_documentation_is_the_one_in_force(void **state)
{
    char path[1024] = __FILE__;
    char doc[65536] = "";
    const char *words = NULL;
    size_t rows = 0;
    (void)state;
    char *at = strstr(path, "tests/unit/");
    assert_non_null(at);
    (void)snprintf(at, sizeof(path) - (size_t)(at - path), "docs/operations.md");
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    doc[fread(doc, 1, sizeof(doc) - 1, file)] = 0;
    (void)fclose(file);
    char *table = strstr(doc, "| why | names |\n| --- | --- |\n");
    assert_non_null(table);
    table = strchr(strchr(table, '\n') + 1, '\n') + 1;
    for (const char *why = NULL; (why = reserved_names_group(rows, &words)) != NULL; rows++) {
        char row[2048];
        size_t len = (size_t)snprintf(row, sizeof(row), "| %s | `", why);
        for (; *words; words++)
            len += (size_t)snprintf(row + len, sizeof(row) - len, *words == ' ' ? "` `" : "%c",
                                    *words);
        len += (size_t)snprintf(row + len, sizeof(row) - len, "` |\n");
        if (strncmp(table, row, len) != 0)
            fail_msg("docs/operations.md needs this row:\n%s", row);
        table += len;
    }
    assert_int_not_equal(*table, '|');
}

static void only_localhost_and_what_is_below_it_is_local(void **state)
{
    static const char *const local[] = {"localhost", "a.localhost", "a.b.localhost"};
    static const char *const other[] = {"example.com", "xlocalhost", "localhost.example", "host"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct relay_config c = {0};
        (void)snprintf(c.domain, sizeof(c.domain), "%s", local[i % 3]);
        assert_true(relay_is_local(&c));
        (void)snprintf(c.domain, sizeof(c.domain), "%s", other[i]);
        assert_false(relay_is_local(&c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_looked_for_or_believed_is_reserved),
        cmocka_unit_test(what_people_call_their_own_is_not),
        cmocka_unit_test(zero_reserves_nothing),
        cmocka_unit_test(a_file_says_what_is_reserved),
        cmocka_unit_test(default_in_a_file_stands_for_the_built_in_ones),
        cmocka_unit_test(an_empty_file_reserves_nothing),
        cmocka_unit_test(what_is_no_name_is_told_with_its_line),
        cmocka_unit_test(a_file_that_is_no_list_is_told),
        cmocka_unit_test(the_table_in_the_documentation_is_the_one_in_force),
        cmocka_unit_test(only_localhost_and_what_is_below_it_is_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
