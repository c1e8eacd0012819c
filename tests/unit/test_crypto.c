// SPDX-License-Identifier: MIT
// SHA-1 and base64 against published vectors.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/crypto.h"

// FIPS 180, appendix A, and the digest of nothing.
static void sha1_gives_the_published_digests(void **state)
{
    static const struct {
        const char *text;
        uint8_t digest[CRYPTO_SHA1_BYTES];
    } cases[] = {
        {"", {0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55,
              0xbf, 0xef, 0x95, 0x60, 0x18, 0x90, 0xaf, 0xd8, 0x07, 0x09}},
        {"abc", {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
                 0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d}},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         {0x84, 0x98, 0x3e, 0x44, 0x1c, 0x3b, 0xd2, 0x6e, 0xba, 0xae,
          0x4a, 0xa1, 0xf9, 0x51, 0x29, 0xe5, 0xe5, 0x46, 0x70, 0xf1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t digest[CRYPTO_SHA1_BYTES];
        assert_true(crypto_sha1(slice_str(cases[i].text), digest));
        assert_memory_equal(digest, cases[i].digest, sizeof(digest));
    }
}

// RFC 4648 §10.
static void base64_gives_the_published_texts(void **state)
{
    static const struct {
        const char *text, *base64;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[CRYPTO_BASE64_MAX(6)];
        size_t len = strlen(cases[i].text);
        assert_int_equal(crypto_base64(slice_of(cases[i].text, len), out), strlen(cases[i].base64));
        assert_string_equal(out, cases[i].base64);
        assert_true(strlen(out) < CRYPTO_BASE64_MAX(len));
    }
}

// RFC 6455 §1.3: the handshake, which needs both.
static void the_handshake_of_the_rfc_has_its_accept(void **state)
{
    uint8_t digest[CRYPTO_SHA1_BYTES];
    char out[CRYPTO_BASE64_MAX(CRYPTO_SHA1_BYTES)];
    (void)state;
    assert_true(
        crypto_sha1(SLICE("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), digest));
    (void)crypto_base64(slice_of((const char *)digest, sizeof(digest)), out);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha1_gives_the_published_digests),
        cmocka_unit_test(base64_gives_the_published_texts),
        cmocka_unit_test(the_handshake_of_the_rfc_has_its_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
