// SPDX-License-Identifier: MIT
// Digests of bodies: XXH3-128 as the library's plain functions compute it, whatever the processor's
// vectors and the pieces are.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <xxhash.h>
#include <cmocka.h>

#include "proto/digest.h"

enum {
    LENGTHS = 5000,  // XXH3 works in blocks of 1,024 bytes, and its state holds 256
    LARGE = 70000,   // more than the largest piece that a connection reads
    ALIGNMENTS = 64, // of vectors
    ROUNDS = 200
};

static char body[LARGE + ALIGNMENTS];

static int fill(void **state)
{
    uint32_t x = 1;
    (void)state;
    for (size_t i = 0; i < sizeof(body); i++) {
        x = x * 1664525 + 1013904223;
        body[i] = (char)(x >> 24);
    }
    return 0;
}

static void assert_digest_of(const struct digest *d, struct slice bytes)
{
    XXH128_canonical_t expected;
    uint8_t value[DIGEST_BYTES];
    XXH128_canonicalFromHash(&expected, XXH3_128bits(bytes.p, bytes.len));
    assert_true(digest_value(d, value));
    assert_memory_equal(value, expected.digest, DIGEST_BYTES);
}

static void a_body_in_one_piece_has_the_librarys_digest(void **state)
{
    (void)state;
    for (size_t len = 1; len <= LENGTHS; len++) {
        const struct slice bytes = slice_of(body + len % ALIGNMENTS, len);
        struct digest d = {0};
        digest_add(&d, bytes, true);
        assert_null(d.state);
        assert_digest_of(&d, bytes);
    }
}

static void a_cut_at_any_place_does_not_change_the_digest(void **state)
{
    (void)state;
    srand(1);
    for (size_t len = 0; len <= LENGTHS; len++) {
        const size_t cut = (size_t)rand() % (len + 1);
        const struct slice bytes = slice_of(body + len % ALIGNMENTS, len);
        struct digest d = {0};
        digest_add(&d, slice_of(bytes.p, cut), false);
        digest_add(&d, slice_of(bytes.p + cut, len - cut), false);
        assert_digest_of(&d, bytes);
        digest_deinit(&d);
    }
}

// The value is asked for after each piece: asking changes nothing.
static void pieces_of_any_size_have_the_digest_of_what_came_so_far(void **state)
{
    static const size_t most[] = {1, 64, 300, 1024, 16384, LARGE};
    (void)state;
    srand(1);
    for (size_t round = 0; round < ROUNDS; round++) {
        const char *at = body + round % ALIGNMENTS;
        const size_t largest = most[round % (sizeof(most) / sizeof(most[0]))];
        struct digest d = {0};
        size_t pieces = 0;
        for (size_t len = 0; len < LARGE && pieces < LENGTHS; pieces++) {
            size_t n = 1 + (size_t)rand() % largest;
            n = n < LARGE - len ? n : LARGE - len;
            digest_add(&d, slice_of(at + len, n), false);
            len += n;
            if (pieces % 16 == 0 || len == LARGE)
                assert_digest_of(&d, slice_of(at, len));
        }
        digest_deinit(&d);
    }
}

// The canonical XXH3-128 of no bytes, as xxhsum -H2 prints it.
static void the_digest_of_nothing_is_xxh3s(void **state)
{
    static const uint8_t nothing[DIGEST_BYTES] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
                                                  0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
    struct digest d = {0};
    uint8_t value[DIGEST_BYTES];
    (void)state;
    assert_true(digest_value(&d, value));
    assert_memory_equal(value, nothing, DIGEST_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_in_one_piece_has_the_librarys_digest),
        cmocka_unit_test(a_cut_at_any_place_does_not_change_the_digest),
        cmocka_unit_test(pieces_of_any_size_have_the_digest_of_what_came_so_far),
        cmocka_unit_test(the_digest_of_nothing_is_xxh3s),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
