// SPDX-License-Identifier: MIT
// A token is found at any place and in any form, and no other text is found.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <cmocka.h>

#include "common/record/write/token_search.h"

static const char token[] = "s3cret-Token_0123456789/abc+def";

static struct token_search search;

static bool finds(const char *text)
{
    return token_search_finds(&search, slice_str(text));
}

static int begin(void **state)
{
    (void)state;
    token_search_init(&search, slice_str(token));
    return 0;
}

static void it_is_found_at_every_place_and_not_when_a_byte_is_another(void **state)
{
    char text[400];
    const size_t len = strlen(token);
    (void)state;
    for (size_t before = 0; before < 70; before++) {
        for (size_t after = 0; after < 40; after += 13) {
            memset(text, 'a' + (int)(before % 26), sizeof(text));
            memcpy(text + before, token, len);
            assert_true(token_search_finds(&search, slice_of(text, before + len + after)));
            text[before + before % len] = '!';
            assert_false(token_search_finds(&search, slice_of(text, before + len + after)));
        }
    }
    assert_false(token_search_finds(&search, slice_of(token, len - 1)));
    assert_false(finds(""));
}

static void case_does_not_hide_it(void **state)
{
    (void)state;
    assert_true(finds("x S3CRET-TOKEN_0123456789/ABC+DEF x"));
    assert_true(finds("s3cret-token_0123456789/abc+def"));
}

static void percent_encoding_does_not_hide_it(void **state)
{
    char once[200] = "";
    char twice[700] = "";
    (void)state;
    for (size_t i = 0; token[i]; i++) {
        (void)snprintf(once + 3 * i, 4, i % 2 ? "%%%02X" : "%%%02x", (unsigned char)token[i]);
        (void)snprintf(twice + 5 * i, 6, "%%25%02X", (unsigned char)token[i]);
    }
    assert_true(finds(once) && finds(twice));
    assert_true(finds("%73%33cret-Token_0123456789%2fabc%2Bdef"));
    assert_true(finds("%zz%4%s3cret-Token_0123456789/abc+def%"));
    assert_false(finds("%73%33cret-Token_012345678%2fabc%2Bdef"));
    assert_false(finds("%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"));
}

static void base64_does_not_hide_it(void **state)
{
    (void)state;
    for (int before = 0; before < 10; before++) {
        for (int after = 0; after < 4; after++) {
            char plain[100];
            char coded[200];
            int len = snprintf(plain, sizeof(plain), "%.*s%s%.*s", before, "user:user:", token,
                               after, "xyz");
            (void)EVP_EncodeBlock((unsigned char *)coded, (unsigned char *)plain, len);
            assert_true(finds(coded));
            for (char *c = coded; *c; c++)
                *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
            assert_true(finds(coded));
            plain[before + 5]++;
            (void)EVP_EncodeBlock((unsigned char *)coded, (unsigned char *)plain, len);
            assert_false(finds(coded));
        }
    }
}

static void tokens_of_every_length_are_found(void **state)
{
    char longest[TOKEN_SEARCH_MAX + 10];
    (void)state;
    for (size_t i = 0; i < sizeof(longest); i++)
        longest[i] = (char)('!' + i * 7 % 90);
    for (size_t len = 0; len <= sizeof(longest); len++) {
        token_search_init(&search, slice_of(longest, len));
        assert_int_equal(token_search_finds(&search, slice_of(longest, sizeof(longest))),
                         len >= TOKEN_SEARCH_MIN);
    }
    token_search_init(&search, (struct slice){0});
    assert_false(finds(token));
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_found_at_every_place_and_not_when_a_byte_is_another),
        TEST(case_does_not_hide_it),
        TEST(percent_encoding_does_not_hide_it),
        TEST(base64_does_not_hide_it),
        TEST(tokens_of_every_length_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
