// SPDX-License-Identifier: MIT
// Compressed WebSocket messages: in order, in one context, within a limit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <zlib.h>

#include <cmocka.h>

#include "common/record/read/inflater.h"

enum {
    LARGE_BYTES = 100000, // several steps of the inflater
    PACKED_BYTES = LARGE_BYTES + 1024,
    RAW_WINDOW = -15,
    TAIL_BYTES = 4, // 00 00 ff ff, which a sender removes (RFC 7692 §7.2.1)
};

static char packed[PACKED_BYTES];

// Compresses a message as a sender with context takeover does.
static struct slice pack(z_stream *z, const char *text, size_t len)
{
    z->next_in = (z_const Bytef *)(uintptr_t)text;
    z->avail_in = (uInt)len;
    z->next_out = (Bytef *)packed;
    z->avail_out = sizeof(packed);
    assert_int_equal(deflate(z, Z_SYNC_FLUSH), Z_OK);
    return slice_of(packed, sizeof(packed) - z->avail_out - TAIL_BYTES);
}

static void begin(z_stream *z)
{
    *z = (z_stream){0};
    assert_int_equal(deflateInit2(z, 6, Z_DEFLATED, RAW_WINDOW, 8, Z_DEFAULT_STRATEGY), Z_OK);
}

static void assert_text(const struct buf *out, const char *text, size_t len)
{
    assert_int_equal(buf_len(out), len);
    assert_memory_equal(buf_slice(out).p, text, len);
}

// RFC 7692 §7.2.3.1 and §7.2.3.2.
static void the_messages_of_the_rfc_are_inflated(void **state)
{
    struct inflater f = {0};
    struct buf out = {0};
    bool over = false;
    (void)state;
    assert_true(inflater_message(&f, SLICE("\xf2\x48\xcd\xc9\xc9\x07\0"), &out, 100, &over));
    assert_text(&out, "Hello", 5);
    // refers to the message before it
    assert_true(inflater_message(&f, SLICE("\xf2\0\x11\0\0"), &out, 100, &over));
    assert_text(&out, "HelloHello", 10);
    assert_false(over);
    buf_free(&out);
    inflater_deinit(&f);
}

static void a_large_message_and_an_empty_one_are_inflated(void **state)
{
    struct inflater f = {0};
    struct buf out = {0};
    bool over = false;
    z_stream z;
    char *text = malloc(LARGE_BYTES);
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        text[i] = (char)(i * i % 251);
    begin(&z);
    assert_true(inflater_message(&f, pack(&z, text, LARGE_BYTES), &out, LARGE_BYTES, &over));
    assert_text(&out, text, LARGE_BYTES);
    assert_true(inflater_message(&f, SLICE("\0"), &out, LARGE_BYTES, &over)); // RFC 7692 §7.2.3.6
    assert_text(&out, text, LARGE_BYTES);
    assert_false(over);
    (void)deflateEnd(&z);
    free(text);
    buf_free(&out);
    inflater_deinit(&f);
}

static void a_message_over_the_limit_is_not_inflated_further(void **state)
{
    struct inflater f = {0};
    struct buf out = {0};
    bool over = false;
    z_stream z;
    char *text = calloc(1, LARGE_BYTES);
    (void)state;
    assert_non_null(text);
    begin(&z);
    assert_false(inflater_message(&f, pack(&z, text, LARGE_BYTES), &out, 10, &over));
    assert_true(over);
    assert_true(buf_len(&out) < LARGE_BYTES / 2);
    (void)deflateEnd(&z);
    free(text);
    buf_free(&out);
    inflater_deinit(&f);
}

static void a_broken_message_is_told(void **state)
{
    struct inflater f = {0};
    struct buf out = {0};
    bool over = false;
    (void)state;
    assert_false(inflater_message(&f, SLICE("\xff\xff\xff"), &out, 100, &over));
    assert_false(over);
    buf_free(&out);
    inflater_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_messages_of_the_rfc_are_inflated),
        cmocka_unit_test(a_large_message_and_an_empty_one_are_inflated),
        cmocka_unit_test(a_message_over_the_limit_is_not_inflated_further),
        cmocka_unit_test(a_broken_message_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
