// SPDX-License-Identifier: MIT
// Content codings: complete, truncated and invalid bodies.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "common/record/read/decode.h"

enum {
    PLAIN_BYTES = 100000, // several steps of a decoder
    PACKED_BYTES = PLAIN_BYTES + 1024,
    MAX = 1 << 20,
    WINDOW_ZLIB = 15,
    WINDOW_GZIP = 31,
    WINDOW_RAW = -15
};

struct bytes {
    size_t len;
    char p[PACKED_BYTES];
};

struct fixture {
    struct bytes plain, packed, twice;
    struct buf work[2];
};

static struct slice all(const struct bytes *b)
{
    return slice_of(b->p, b->len);
}

static void pack_zlib(struct slice in, struct bytes *out, int window)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (z_const Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.len;
    z.next_out = (Bytef *)out->p;
    z.avail_out = sizeof(out->p);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len = z.total_out;
    (void)deflateEnd(&z);
}

static void pack_gzip(struct slice in, struct bytes *out)
{
    pack_zlib(in, out, WINDOW_GZIP);
}

static void pack_deflate(struct slice in, struct bytes *out)
{
    pack_zlib(in, out, WINDOW_ZLIB);
}

static void pack_raw(struct slice in, struct bytes *out)
{
    pack_zlib(in, out, WINDOW_RAW);
}

static void pack_brotli(struct slice in, struct bytes *out)
{
    out->len = sizeof(out->p);
    assert_true(BrotliEncoderCompress(4, 20, BROTLI_MODE_GENERIC, in.len, (const uint8_t *)in.p,
                                      &out->len, (uint8_t *)out->p));
}

static void pack_zstd(struct slice in, struct bytes *out)
{
    out->len = ZSTD_compress(out->p, sizeof(out->p), in.p, in.len, 1);
    assert_false(ZSTD_isError(out->len));
}

static const struct coding {
    const char *name;
    void (*pack)(struct slice in, struct bytes *out);
} codings[] = {
    {"gzip", pack_gzip},   {"x-gzip", pack_gzip}, {"deflate", pack_deflate},
    {"deflate", pack_raw}, {"br", pack_brotli},   {"ZSTD", pack_zstd},
};
enum {
    CODINGS = sizeof(codings) / sizeof(codings[0])
};

// Makes text that compresses moderately.
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    unsigned seed = 7;
    assert_non_null(f);
    for (; f->plain.len < PLAIN_BYTES; f->plain.len++) {
        seed = seed * 1103515245 + 12345;
        f->plain.p[f->plain.len] = (char)('a' + (seed >> 16) % 8);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    buf_free(&f->work[0]);
    buf_free(&f->work[1]);
    free(f);
    return 0;
}

static struct decoded decode_as(struct fixture *f, struct decode_codings c, struct slice in,
                                size_t max)
{
    struct decoded d = {0};
    assert_true(decode_body(&c, in, max, f->work, &d));
    return d;
}

static struct decoded decode(struct fixture *f, const char *names, struct slice in, size_t max)
{
    struct decode_codings c = {0};
    decode_add(&c, slice_str(names));
    return decode_as(f, c, in, max);
}

// Decodes a body of which only the beginning was kept.
static struct decoded decode_part(struct fixture *f, const char *names, struct slice in)
{
    struct decode_codings c = {.partial = true};
    decode_add(&c, slice_str(names));
    return decode_as(f, c, in, MAX);
}

static void assert_slice(struct slice got, struct slice expected)
{
    assert_int_equal(got.len, expected.len);
    assert_true(slice_eq(got, expected));
}

static void every_coding_is_undone(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < CODINGS; i++) {
        codings[i].pack(all(&f->plain), &f->packed);
        struct decoded d = decode(f, codings[i].name, all(&f->packed), MAX);
        assert_true(d.decoded && d.whole);
        assert_slice(d.body, all(&f->plain));
        codings[i].pack(SLICE(""), &f->packed);
        d = decode(f, codings[i].name, all(&f->packed), MAX);
        assert_true(d.decoded && d.whole && d.body.len == 0);
    }
}

static void codings_in_a_row_are_undone_from_the_last_on(void **state)
{
    struct fixture *f = *state;
    pack_gzip(all(&f->plain), &f->packed);
    pack_brotli(all(&f->packed), &f->twice);
    pack_zstd(all(&f->twice), &f->packed);
    struct decoded d = decode(f, "gzip, identity, br ,zstd", all(&f->packed), MAX);
    assert_true(d.decoded && d.whole);
    assert_slice(d.body, all(&f->plain));
}

static void what_is_cut_short_is_decoded_as_far_as_it_goes(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < CODINGS; i++) {
        codings[i].pack(all(&f->plain), &f->packed);
        // Near the end of a stream, each length is tried.
        for (size_t cut = 1; cut < f->packed.len; cut += cut < 16 ? 1 : 10007) {
            struct slice in = slice_of(f->packed.p, f->packed.len - cut);
            struct decoded d = decode_part(f, codings[i].name, in);
            assert_true(d.decoded && !d.whole && d.wrong.len == 0);
            assert_true(d.body.len <= f->plain.len);
            assert_slice(d.body, slice_of(f->plain.p, d.body.len));
            if (cut < 16 && strcmp(codings[i].name, "ZSTD") != 0)
                assert_true(d.body.len > f->plain.len / 2);
        }
    }
}

static void assert_as_it_came(struct decoded d, struct slice in, const char *wrong)
{
    assert_true(!d.decoded && d.whole);
    assert_slice(d.wrong, slice_str(wrong));
    assert_ptr_equal(d.body.p, in.p);
    assert_int_equal(d.body.len, in.len);
}

static void what_is_not_coded_as_it_says_is_as_it_came(void **state)
{
    static const char *const texts[] = {
        "hello",
        "{\"a\":1}",
        "[]",
        "<p>x</p>",
        "a=b&c=d",
        "x",
        "\x1f\x8b",
        "\x1f\x8b\x08",
        "x\x9c",
        "0",
        "3.14",
        "\x06rest",
        "plain text that is somewhat longer than the others",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < CODINGS; i++) {
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
            struct slice in = slice_str(texts[k]);
            assert_as_it_came(decode(f, codings[i].name, in, MAX), in, codings[i].name);
        }
        assert_as_it_came(decode(f, codings[i].name, all(&f->plain), MAX), all(&f->plain),
                          codings[i].name);
        // Coded once, declared twice.
        codings[i].pack(all(&f->plain), &f->packed);
        for (size_t k = 0; k < CODINGS; k++) {
            char names[32];
            (void)snprintf(names, sizeof(names), "%s, %s", codings[k].name, codings[i].name);
            assert_as_it_came(decode(f, names, all(&f->packed), MAX), all(&f->packed),
                              codings[k].name);
        }
    }
}

static void what_becomes_wrong_in_the_middle_is_as_it_came(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < CODINGS; i++) {
        if (codings[i].pack != pack_gzip && codings[i].pack != pack_deflate)
            continue; // codings without checksum may accept changed bytes
        codings[i].pack(all(&f->plain), &f->packed);
        f->packed.p[f->packed.len / 2] ^= 0x55;
        assert_as_it_came(decode(f, codings[i].name, all(&f->packed), MAX), all(&f->packed),
                          codings[i].name);
        assert_as_it_came(decode_part(f, codings[i].name, all(&f->packed)), all(&f->packed),
                          codings[i].name);
    }
}

static void a_stream_that_is_never_ended_is_decoded_when_it_has_a_mark(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < CODINGS; i++) {
        codings[i].pack(all(&f->plain), &f->packed);
        struct slice in = slice_of(f->packed.p, f->packed.len / 2);
        struct decoded d = decode(f, codings[i].name, in, MAX);
        if (codings[i].pack == pack_brotli || codings[i].pack == pack_raw)
            assert_as_it_came(d, in, codings[i].name);
        else if (d.decoded)
            assert_slice(d.body, slice_of(f->plain.p, d.body.len));
    }
}

static void what_is_broken_ends_and_is_not_whole(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < CODINGS; i++) {
        codings[i].pack(all(&f->plain), &f->twice);
        for (size_t at = 0; at < 32; at++) {
            f->packed = f->twice;
            for (size_t k = at; k < f->packed.len; k += 997)
                f->packed.p[k] = (char)(f->packed.p[k] ^ 0x55);
            struct decoded d = decode(f, codings[i].name, all(&f->packed), MAX);
            assert_true(d.decoded == (d.wrong.len == 0) && d.body.len <= MAX);
            // Only these have a checksum.
            if (codings[i].pack == pack_gzip || codings[i].pack == pack_deflate)
                assert_true(d.wrong.len > 0 || !d.whole);
        }
        f->packed = f->twice;
        f->packed.p[f->packed.len++] = 'x';
        struct decoded d = decode(f, codings[i].name, all(&f->packed), MAX);
        assert_true(d.decoded && !d.whole);
        assert_slice(d.body, all(&f->plain));
    }
}

static void no_more_comes_out_than_asked_for(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < CODINGS; i++) {
        codings[i].pack(all(&f->plain), &f->packed);
        struct decoded d = decode(f, codings[i].name, all(&f->packed), 1000);
        assert_true(d.decoded && !d.whole);
        assert_slice(d.body, slice_of(f->plain.p, 1000));
        d = decode(f, codings[i].name, all(&f->packed), f->plain.len);
        assert_true(d.decoded && d.whole);
        assert_slice(d.body, all(&f->plain));
    }
}

static void members_and_frames_follow_each_other(void **state)
{
    struct fixture *f = *state;
    struct slice half = slice_of(f->plain.p, 1000);
    for (size_t i = 0; i < CODINGS; i++) {
        if (codings[i].pack != pack_gzip && codings[i].pack != pack_zstd)
            continue;
        codings[i].pack(half, &f->twice);
        memcpy(f->packed.p, f->twice.p, f->twice.len);
        memcpy(f->packed.p + f->twice.len, f->twice.p, f->twice.len);
        f->packed.len = 2 * f->twice.len;
        struct decoded d = decode(f, codings[i].name, all(&f->packed), MAX);
        assert_true(d.decoded && d.whole && d.body.len == 2 * half.len);
        assert_memory_equal(d.body.p + half.len, half.p, half.len);
    }
}

static void what_is_not_known_stays_as_it_is(void **state)
{
    static const char *const names[] = {
        "",
        "identity",
        "compress",
        "gzip, compress",
        "compress, gzip",
        "gzip;q=1",
        "br,br,br,br,br,br,br,br,br",
    };
    struct fixture *f = *state;
    pack_gzip(all(&f->plain), &f->packed);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct decoded d = decode(f, names[i], all(&f->packed), MAX);
        assert_true(!d.decoded && d.whole);
        assert_slice(d.body, all(&f->packed));
    }
}

static void an_answer_without_a_body_has_nothing_to_decode(void **state)
{
    struct decoded d = decode(*state, "gzip", SLICE(""), MAX);
    assert_true(!d.decoded && d.whole && d.body.len == 0);
}

static void what_comes_out_of_bodies_is_bounded(void **state)
{
    struct decode_budget b = {0};
    const size_t most = DECODE_MAX_BYTES + 1000 * DECODE_MAX_RATIO;
    const size_t sure = DECODE_FREE_BYTES + 1000 * DECODE_FREE_RATIO;
    (void)state;
    assert_int_equal(decode_allowance(&b, 1000, 1 << 30), most);
    assert_int_equal(decode_allowance(&b, 1000, 5000), 5000);
    decode_charge(&b, 1000, sure);
    assert_int_equal(b.used, 0);
    while (b.used < DECODE_BUDGET_BYTES) {
        assert_true(decode_allowance(&b, 1000, 1 << 30) > sure);
        decode_charge(&b, 1000, decode_allowance(&b, 1000, 1 << 30));
    }
    assert_int_equal(b.used, DECODE_BUDGET_BYTES);
    assert_int_equal(decode_allowance(&b, 1000, 1 << 30), sure);
    b.unbounded = true;
    assert_int_equal(decode_allowance(&b, 1000, 1 << 30), 1 << 30);
}

// The output of each coding counts, not only the last one's.
static void all_codings_together_make_at_most_so_much(void **state)
{
    struct fixture *f = *state;
    f->plain.len = PLAIN_BYTES;
    memset(f->plain.p, 'x', PLAIN_BYTES);
    pack_gzip(all(&f->plain), &f->packed);
    pack_gzip(all(&f->packed), &f->twice);
    struct decoded d = decode(f, "gzip, gzip", all(&f->twice), PLAIN_BYTES + f->packed.len);
    assert_true(d.whole && !d.over && d.work == PLAIN_BYTES + f->packed.len);
    d = decode(f, "gzip, gzip", all(&f->twice), PLAIN_BYTES);
    assert_true(!d.whole && d.over && d.work == PLAIN_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_out_of_bodies_is_bounded),
        cmocka_unit_test(every_coding_is_undone),
        cmocka_unit_test(codings_in_a_row_are_undone_from_the_last_on),
        cmocka_unit_test(what_is_cut_short_is_decoded_as_far_as_it_goes),
        cmocka_unit_test(what_is_not_coded_as_it_says_is_as_it_came),
        cmocka_unit_test(what_becomes_wrong_in_the_middle_is_as_it_came),
        cmocka_unit_test(a_stream_that_is_never_ended_is_decoded_when_it_has_a_mark),
        cmocka_unit_test(what_is_broken_ends_and_is_not_whole),
        cmocka_unit_test(no_more_comes_out_than_asked_for),
        cmocka_unit_test(members_and_frames_follow_each_other),
        cmocka_unit_test(what_is_not_known_stays_as_it_is),
        cmocka_unit_test(an_answer_without_a_body_has_nothing_to_decode),
        cmocka_unit_test(all_codings_together_make_at_most_so_much),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
