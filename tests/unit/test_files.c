// SPDX-License-Identifier: MIT
// The rules of a folder that is served: which path a target names, which part of a file is asked
// for, and when it has not changed.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/outbound/files_conditions.h"
#include "common/outbound/files_path.h"
#include "common/outbound/files_type.h"
#include "proto/http/percent.h"

static void a_target_names_one_path(void **state)
{
    static const struct {
        const char *target, *path;
        bool is_folder;
    } goods[] = {
        {"/", "", true},
        {"", "", true},
        {"?q", "", true},
        {"/a", "a", false},
        {"/a/", "a", true},
        {"/a/b.txt?x=/../y", "a/b.txt", false},
        {"//a///b", "a/b", false},
        {"/a%20b", "a b", false},
        {"/%61", "a", false},
        {"/a%2520", "a%20", false}, // decoded once
        {"/a%3f", "a?", false},
        {"/...", NULL, false},
        {"/a..b", "a..b", false},
        {"/.well-known/acme-challenge/x", ".well-known/acme-challenge/x", false},
        {"/.well-known/.x", ".well-known/.x", false},
        {"/.well-known/../x", NULL, false},
        {"/.well-knownx", NULL, false},
        {"/a/.well-known/x", NULL, false},
        {"/.git/config", NULL, false},
        {"/.env", NULL, false},
        {"/a/.env", NULL, false},
        {"/%2eenv", NULL, false},
        {"/..", NULL, false},
        {"/../x", NULL, false},
        {"/a/../x", NULL, false},
        {"/%2e%2e/x", NULL, false},
        {"/.%2E/x", NULL, false},
        {"/./x", NULL, false},
        {"/a%2fb", NULL, false},
        {"/a%2Fb", NULL, false},
        {"/a%5cb", NULL, false},
        {"/a\\b", NULL, false},
        {"/a%00", NULL, false},
        {"/a%0a", NULL, false},
        {"/a%7f", NULL, false},
        {"/a%", NULL, false},
        {"/a%4", NULL, false},
        {"/a%zz", NULL, false},
        {"a", NULL, false},
        {"*", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        struct files_path path;
        bool served = files_path_read(slice_str(goods[i].target), &path);
        if (served != (goods[i].path != NULL))
            fail_msg("%s: %d", goods[i].target, served);
        if (!served)
            continue;
        assert_string_equal(path.text, goods[i].path);
        assert_int_equal(path.len, strlen(path.text));
        assert_int_equal(path.is_folder, goods[i].is_folder);
    }
}

static void a_path_is_bounded(void **state)
{
    char target[FILES_PATH_MAX + 8];
    struct files_path path;
    (void)state;
    memset(target, 'a', sizeof(target));
    target[0] = '/';
    assert_true(files_path_read(slice_of(target, FILES_PATH_MAX - 2), &path));
    assert_true(files_path_read(slice_of(target, FILES_PATH_MAX - 1), &path));
    assert_false(files_path_read(slice_of(target, FILES_PATH_MAX), &path));
}

static void encoding_and_decoding_undo_each_other(void **state)
{
    char all[256];
    char encoded[3 * sizeof(all) + 1];
    char decoded[sizeof(all) + 1];
    size_t len = 0;
    (void)state;
    for (int i = 1; i < 256; i++)
        all[i - 1] = (char)i;
    struct slice text = slice_of(all, 255);
    size_t size = percent_encode_path(text, encoded, sizeof(encoded));
    assert_true(percent_decode(slice_of(encoded, size), decoded, sizeof(decoded), &len));
    assert_true(slice_eq(slice_of(decoded, len), text));
    assert_int_equal(strlen(encoded), size);
    // Both at, below and above their room.
    assert_int_equal(percent_encode_path(text, encoded, size + 1), size);
    assert_int_equal(percent_encode_path(text, encoded, size), 0);
    assert_true(percent_decode(SLICE("a%62"), decoded, 3, &len));
    assert_false(percent_decode(SLICE("a%62"), decoded, 2, &len));
}

static void a_range_is_read(void **state)
{
    static const struct {
        const char *value;
        enum files_verdict verdict;
        uint64_t first, end;
    } ranges[] = {
        {"bytes=0-0", FILES_PART, 0, 1},
        {"bytes=1-3", FILES_PART, 1, 4},
        {"BYTES=1-3", FILES_PART, 1, 4},
        {"bytes=5-", FILES_PART, 5, 10},
        {"bytes=9-9", FILES_PART, 9, 10},
        {"bytes=9-10", FILES_PART, 9, 10},
        {"bytes=9-18446744073709551615", FILES_PART, 9, 10},
        {"bytes=10-", FILES_UNSATISFIABLE, 0, 0},
        {"bytes=10-11", FILES_UNSATISFIABLE, 0, 0},
        {"bytes=18446744073709551615-", FILES_UNSATISFIABLE, 0, 0},
        {"bytes=-1", FILES_PART, 9, 10},
        {"bytes=-10", FILES_PART, 0, 10},
        {"bytes=-11", FILES_PART, 0, 10},
        {"bytes=-0", FILES_UNSATISFIABLE, 0, 0},
        {"bytes=-", FILES_WHOLE, 0, 0},
        {"bytes=", FILES_WHOLE, 0, 0},
        {"bytes=3-1", FILES_WHOLE, 0, 0},
        {"bytes=0-1,3-4", FILES_WHOLE, 0, 0},
        {"bytes=a-b", FILES_WHOLE, 0, 0},
        {"bytes=0-18446744073709551616", FILES_WHOLE, 0, 0},
        {"bytes=0--1", FILES_WHOLE, 0, 0},
        {"bytes 0-1", FILES_WHOLE, 0, 0},
        {"lines=0-1", FILES_WHOLE, 0, 0},
        {"", FILES_WHOLE, 0, 0},
    };
    struct files_range range = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        enum files_verdict verdict = files_range_read(slice_str(ranges[i].value), 10, &range);
        if (verdict != ranges[i].verdict)
            fail_msg("%s: %d", ranges[i].value, verdict);
        if (verdict != FILES_PART)
            continue;
        assert_int_equal(range.first, ranges[i].first);
        assert_int_equal(range.end, ranges[i].end);
    }
    assert_int_equal(files_range_read(SLICE("bytes=0-"), 0, &range), FILES_UNSATISFIABLE);
    assert_int_equal(files_range_read(SLICE("bytes=-1"), 0, &range), FILES_UNSATISFIABLE);
}

static const struct files_version version = {"\"a-b-c\"", "Sun, 06 Nov 1994 08:49:37 GMT",
                                             784111777, 10};

struct condition {
    const char *name, *value;
};

static enum files_verdict decide(const struct condition *conditions)
{
    static struct http_head head;
    struct files_range range;
    head_init(&head);
    head.method = SLICE("GET");
    for (; conditions->name; conditions++)
        assert_true(head_add(&head, slice_str(conditions->name), slice_str(conditions->value)));
    return files_conditions(&head, &version, &range);
}

static void conditions_are_kept(void **state)
{
    static const struct {
        struct condition asked[3];
        enum files_verdict verdict;
    } cases[] = {
        {{{NULL, NULL}}, FILES_WHOLE},
        {{{"If-None-Match", "\"a-b-c\""}}, FILES_UNCHANGED},
        {{{"If-None-Match", "W/\"a-b-c\""}}, FILES_UNCHANGED},
        {{{"If-None-Match", "\"x\", \"a-b-c\""}}, FILES_UNCHANGED},
        {{{"If-None-Match", "*"}}, FILES_UNCHANGED},
        {{{"If-None-Match", "\"x\""}}, FILES_WHOLE},
        {{{"If-None-Match", "a-b-c"}}, FILES_WHOLE},
        // the tag counts, and the date does not
        {{{"If-None-Match", "\"x\""}, {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}},
         FILES_WHOLE},
        {{{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}}, FILES_WHOLE},
        {{{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}, FILES_UNCHANGED},
        {{{"If-Modified-Since", "Sunday, 06-Nov-94 08:49:38 GMT"}}, FILES_UNCHANGED},
        {{{"If-Modified-Since", "Sun Nov  6 08:49:37 1994"}}, FILES_UNCHANGED},
        {{{"If-Modified-Since", "yesterday"}}, FILES_WHOLE},
        {{{"If-Match", "\"a-b-c\""}}, FILES_WHOLE},
        {{{"If-Match", "W/\"a-b-c\""}}, FILES_FAILED},
        {{{"If-Match", "\"x\""}}, FILES_FAILED},
        {{{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}}, FILES_FAILED},
        {{{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}, FILES_WHOLE},
        {{{"Range", "bytes=1-2"}}, FILES_PART},
        {{{"Range", "bytes=1-2"}, {"If-Range", "\"a-b-c\""}}, FILES_PART},
        {{{"Range", "bytes=1-2"}, {"If-Range", "W/\"a-b-c\""}}, FILES_WHOLE},
        {{{"Range", "bytes=1-2"}, {"If-Range", "\"x\""}}, FILES_WHOLE},
        {{{"Range", "bytes=1-2"}, {"If-Range", "Sun, 06 Nov 1994 08:49:37 GMT"}}, FILES_WHOLE},
        {{{"Range", "bytes=1-2"}, {"If-Range", "Sun, 06 Nov 1994 08:49:38 GMT"}}, FILES_WHOLE},
        {{{"Range", "bytes=10-"}}, FILES_UNSATISFIABLE},
        {{{"Range", "bytes=10-"}, {"If-None-Match", "*"}}, FILES_UNCHANGED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (decide(cases[i].asked) != cases[i].verdict)
            fail_msg("case %zu: %d", i, decide(cases[i].asked));
}

static void a_version_differs_when_the_file_does(void **state)
{
    struct stat st = {.st_size = 10, .st_ino = 3, .st_mtim = {784111777, 5}};
    struct files_version first;
    struct files_version other;
    (void)state;
    files_version_of(&st, &first);
    assert_string_equal(first.modified, "Sun, 06 Nov 1994 08:49:37 GMT");
    st.st_mtim.tv_nsec++;
    files_version_of(&st, &other);
    assert_string_not_equal(first.etag, other.etag);
    st.st_mtim.tv_nsec--;
    st.st_size++;
    files_version_of(&st, &other);
    assert_string_not_equal(first.etag, other.etag);
    st.st_size--;
    st.st_ino++;
    files_version_of(&st, &other);
    assert_string_not_equal(first.etag, other.etag);
    st.st_ino = ~(ino_t)0;
    st.st_size = INT64_MAX;
    st.st_mtim.tv_sec = INT64_MAX / 2000000000;
    files_version_of(&st, &other);
    assert_int_equal(other.etag[strlen(other.etag) - 1], '"'); // it fits
}

static void a_name_tells_the_type(void **state)
{
    static const struct condition types[] = {
        {"a.html", "text/html; charset=utf-8"},
        {"A.HTML", "text/html; charset=utf-8"},
        {"x/a.b.css", "text/css; charset=utf-8"},
        {"a.7z", "application/x-7z-compressed"},
        {"a.avi", "video/x-msvideo"},
        {"a.avif", "image/avif"},
        {"a.json", "application/json"},
        {"a.map", "application/json"},
        {"a.mjs", "text/javascript; charset=utf-8"},
        {"a.svg", "image/svg+xml"},
        {"a.wasm", "application/wasm"},
        {"a.woff", "font/woff"},
        {"a.woff2", "font/woff2"},
        {"a.zst", "application/zstd"},
        {"a", "application/octet-stream"},
        {"a.", "application/octet-stream"},
        {".html", "application/octet-stream"},
        {"a.html/b", "application/octet-stream"},
        {"a.unknown", "application/octet-stream"},
        {"", "application/octet-stream"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_string_equal(files_type(types[i].name), types[i].value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_names_one_path),
        cmocka_unit_test(a_path_is_bounded),
        cmocka_unit_test(encoding_and_decoding_undo_each_other),
        cmocka_unit_test(a_range_is_read),
        cmocka_unit_test(conditions_are_kept),
        cmocka_unit_test(a_version_differs_when_the_file_does),
        cmocka_unit_test(a_name_tells_the_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
