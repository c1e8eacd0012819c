// SPDX-License-Identifier: MIT
// Words of a command line as messages repeat them: without secrets.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/option_redact.h"

static void of_a_url_neither_password_nor_query_is_repeated(void **state)
{
    static const char *const values[][2] = {
        {"3000", "3000"},
        {"https://host/x", "https://host/x"},
        {"https://user:s3cret@host/x?token=s3cret", "https://...@host/x..."},
        {"user:s3cret@host#s3cret", "...@host..."},
        {"/a?b#c", "/a?b#c"}, // a path has no query
        {"", ""},
    };
    char out[OPTIONS_SHOWN_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_string_equal(options_redact(values[i][0], out), values[i][1]);
}

static void what_looks_like_a_token_is_replaced(void **state)
{
    static const char *const texts[][2] = {
        {"token: abcdefgh12345678", "token: ..."},
        {"abcdefgh1234567", "abcdefgh1234567"},     // one character fewer
        {"abcdefghijklmnopq", "abcdefghijklmnopq"}, // letters alone
        {"12345678901234567", "12345678901234567"}, // digits alone
        {"a/abcdefgh12345678/b", "a/.../b"},
    };
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        memcpy(text, texts[i][0], strlen(texts[i][0]) + 1);
        options_redact_tokens(text);
        assert_string_equal(text, texts[i][1]);
    }
}

static void of_a_name_or_line_the_name_alone_is_repeated(void **state)
{
    char out[OPTIONS_SHOWN_MAX];
    (void)state;
    assert_string_equal(options_redact_name("relay", out), "relay");
    assert_string_equal(options_redact_name("relay=s3cret", out), "relay...");
    assert_string_equal(options_redact_field("X-Token: s3cret", out), "X-Token");
    assert_string_equal(options_redact_field("s3cret", out), "");
    assert_string_equal(options_redact_field(": s3cret", out), "");
}

static void a_short_row_of_letters_is_a_word(void **state)
{
    (void)state;
    assert_true(options_is_word("requests"));
    assert_true(options_is_word("un-set"));
    assert_false(options_is_word("s3cret"));
    assert_false(options_is_word("thirteenchars"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_url_neither_password_nor_query_is_repeated),
        cmocka_unit_test(what_looks_like_a_token_is_replaced),
        cmocka_unit_test(of_a_name_or_line_the_name_alone_is_repeated),
        cmocka_unit_test(a_short_row_of_letters_is_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
