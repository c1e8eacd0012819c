// SPDX-License-Identifier: MIT
// Token files: tokens at, below and above their limits, and the messages of refusals.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/secret.h"

static char path[] = "/tmp/adit-secret-XXXXXX";

static void put_file(const void *text, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

// Writes a line of `len` characters with a line end, and reads it back.
static const char *read_line_of(size_t len, const char *end, char out[static SECRET_MAX])
{
    char text[600];
    memset(text, 'x', len);
    (void)snprintf(text + len, sizeof(text) - len, "%s", end);
    put_file(text, strlen(text));
    return secret_read_file(path, out);
}

static void tokens_have_16_to_255_characters(void **state)
{
    static const char *const ends[] = {"", "\n", "\r\n", "\nmore\n"};
    char out[SECRET_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        for (size_t len = 1; len <= 300; len++) {
            const char *why = read_line_of(len, ends[i], out);
            if (len < 16 || len > 255) {
                assert_non_null(why);
            } else {
                assert_null(why);
                assert_int_equal(strlen(out), len);
            }
        }
        assert_non_null(strstr(read_line_of(256, ends[i], out), "longer than 255"));
        assert_non_null(strstr(read_line_of(500, ends[i], out), "longer than 255"));
    }
}

static void a_refused_line_leaves_nothing(void **state)
{
    char out[SECRET_MAX] = "before";
    (void)state;
    assert_non_null(read_line_of(256, "\n", out));
    assert_int_equal(out[0], 0);
}

static void tokens_are_visible_ascii(void **state)
{
    char out[SECRET_MAX];
    char text[] = "0123456789abcdef_";
    (void)state;
    for (int c = 0; c < 256; c++) {
        text[8] = (char)c;
        put_file(text, sizeof(text) - 1);
        bool sound = secret_read_file(path, out) == NULL;
        assert_int_equal(sound, c > ' ' && c < 0x7f);
    }
}

static void what_is_no_token_file_is_told(void **state)
{
    char out[SECRET_MAX];
    (void)state;
    assert_string_equal(secret_read_file("/nowhere/token", out), "does not exist");
    assert_string_equal(secret_read_file("/tmp", out), "is a directory");
    put_file("", 0);
    assert_non_null(strstr(secret_read_file(path, out), "empty"));
    put_file("\n0123456789abcdef\n", 18);
    assert_non_null(strstr(secret_read_file(path, out), "empty"));
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_have_16_to_255_characters),
        cmocka_unit_test(a_refused_line_leaves_nothing),
        cmocka_unit_test(tokens_are_visible_ascii),
        cmocka_unit_test(what_is_no_token_file_is_told),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
