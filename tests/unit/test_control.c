// SPDX-License-Identifier: MIT
// Control messages: each is written and parsed again, each member has its rules, and malformed JSON
// is refused (docs/protocol.md §2, §5).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/tunnel/control.h"

static int parse(const char *json, struct control_message *h)
{
    size_t len = strlen(json);
    char *copy = malloc(len + !len); // of exactly its size, so that a read past its end is detected
    assert_non_null(copy);
    memcpy(copy, json, len);
    int error = control_parse(slice_of(copy, len), h);
    free(copy);
    return error;
}

static void same(const struct control_message *a, const struct control_message *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->version, b->version);
    assert_true(a->id == b->id);
    assert_string_equal(a->software, b->software);
    assert_string_equal(a->owner, b->owner);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->url, b->url);
    assert_string_equal(a->code, b->code);
    assert_string_equal(a->message, b->message);
}

static const struct {
    const char *json;
    struct control_message h;
} known[] = {
    {"{\"type\":\"hello\",\"version\":1,\"software\":\"adit 1\",\"owner\":\"00ff\"}",
     {.type = CONTROL_HELLO, .version = 1, .software = "adit 1", .owner = "00ff"}},
    {"{\"type\":\"hello\",\"version\":1,\"software\":\"adit 1\",\"owner\":\"00ff\","
     "\"before\":\"11ff\",\"features\":\"reports\",\"record\":\"heads\"}",
     {.type = CONTROL_HELLO,
      .version = 1,
      .software = "adit 1",
      .owner = "00ff",
      .before = "11ff",
      .features = "reports",
      .record = "heads"}},
    {"{\"type\":\"welcome\",\"version\":1,\"software\":\"aditd 1\",\"features\":\"reports\"}",
     {.type = CONTROL_WELCOME, .version = 1, .software = "aditd 1", .features = "reports"}},
    {"{\"type\":\"welcome\",\"version\":1,\"software\":\"aditd 1\"}",
     {.type = CONTROL_WELCOME, .version = 1, .software = "aditd 1"}},
    {"{\"type\":\"refused\",\"code\":\"ADIT-X\",\"message\":\"No.\"}",
     {.type = CONTROL_REFUSED, .code = "ADIT-X", .message = "No."}},
    {"{\"type\":\"refused\",\"id\":\"7\",\"code\":\"ADIT-X\",\"message\":\"\"}",
     {.type = CONTROL_REFUSED, .id = 7, .code = "ADIT-X"}},
    {"{\"type\":\"bind\",\"id\":\"1\"}", {.type = CONTROL_BIND, .id = 1}},
    {"{\"type\":\"bind\",\"id\":\"18446744073709551615\",\"name\":\"n\"}",
     {.type = CONTROL_BIND, .id = UINT64_MAX, .name = "n"}},
    {"{\"type\":\"bound\",\"id\":\"9007199254740993\",\"name\":\"n\",\"url\":\"http://n.x/\"}",
     {.type = CONTROL_BOUND, .id = 9007199254740993, .name = "n", .url = "http://n.x/"}},
    {"{\"type\":\"drain\",\"message\":\"an update\"}",
     {.type = CONTROL_DRAIN, .message = "an update"}},
};

enum {
    KNOWN = sizeof(known) / sizeof(known[0])
};

static void every_message_goes_to_and_fro(void **state)
{
    char out[1024];
    struct control_message h;
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        size_t len = strlen(known[i].json);
        assert_int_equal(control_write(out, sizeof(out), &known[i].h), len);
        assert_memory_equal(out, known[i].json, len);
        assert_int_equal(parse(known[i].json, &h), 0);
        same(&h, &known[i].h);
    }
}

static void a_message_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        size_t len = strlen(known[i].json);
        for (size_t cap = 0; cap <= len; cap++) {
            char out[1024];
            memset(out, '#', sizeof(out));
            int n = control_write(out, cap, &known[i].h);
            assert_int_equal(n, cap == len ? (int)len : CONTROL_E_MEMBER);
            assert_int_equal(out[cap == len ? len : 0], '#');
        }
    }
}

static void a_message_cut_anywhere_is_no_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++)
        for (size_t len = 0; len < strlen(known[i].json); len++) {
            char *copy = malloc(len + !len);
            struct control_message h;
            assert_non_null(copy);
            memcpy(copy, known[i].json, len);
            assert_int_equal(control_parse(slice_of(copy, len), &h), CONTROL_E_JSON);
            free(copy);
        }
}

static void what_is_no_json_object_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "null",
        "1",
        "\"hello\"",
        "[]",
        "[{\"type\":\"bind\",\"id\":\"1\"}]",
        "{type:\"bind\"}",
        "{\"type\":\"bind\",\"id\":\"1\"",
        "{\"type\":\"bind\",\"id\":\"1\",}",
        "{\"type\":\"bind\",\"id\":\"1\"}}",
        "{\"type\":\"bind\",\"id\":\"1\"}x",
        "{\"type\":\"bind\",\"id\":\"1\"} {}",
        "{\"type\":\"bind\",\"id\":\"1\\u0000\"}",
        "{\"type\":\"bind\\u0000x\",\"id\":\"1\"}",
        "{\"type\":\"bind\",\"id\":\"1\",\"x\":\"\\\\\\u0000\"}",
    };
    static const char with_zero[] = "{\"type\":\"bind\0x\",\"id\":\"1\"}";
    static const char zero_behind[] = "{\"type\":\"bind\",\"id\":\"1\"}";
    struct control_message h;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(parse(cases[i], &h), CONTROL_E_JSON);
    assert_int_equal(control_parse(slice_of(with_zero, sizeof(with_zero) - 1), &h), CONTROL_E_JSON);
    assert_int_equal(control_parse(slice_of(zero_behind, sizeof(zero_behind)), &h), CONTROL_E_JSON);
    assert_int_equal(control_parse((struct slice){0}, &h), CONTROL_E_JSON);
}

static void deep_nesting_is_refused_or_ignored(void **state)
{
    static char json[16 * 1024];
    struct control_message h;
    (void)state;
    memset(json, '[', sizeof(json));
    assert_int_equal(control_parse(slice_of(json, sizeof(json)), &h), CONTROL_E_JSON);
    for (size_t i = 0; i + 4 < sizeof(json); i += 5)
        memcpy(json + i, "{\"\":", 4);
    assert_int_equal(control_parse(slice_of(json, sizeof(json)), &h), CONTROL_E_JSON);
    assert_int_equal(parse("{\"x\":[[[{}]]],\"type\":\"bind\",\"id\":\"1\"}", &h), 0);
}

static void unknown_types_are_refused(void **state)
{
    static const char *const cases[] = {
        "{}",
        "{\"id\":\"1\"}",
        "{\"type\":\"\"}",
        "{\"type\":\"resume\"}",
        "{\"type\":\"Bind\",\"id\":\"1\"}",
        "{\"type\":\"bin\",\"id\":\"1\"}",
        "{\"type\":\"bind \",\"id\":\"1\"}",
        "{\"type\":1,\"id\":\"1\"}",
        "{\"Type\":\"bind\",\"id\":\"1\"}",
    };
    struct control_message h;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(parse(cases[i], &h), CONTROL_E_TYPE);
}

static void wrong_members_are_refused(void **state)
{
    static const char *const cases[] = {
        // missing
        "{\"type\":\"hello\",\"software\":\"s\",\"owner\":\"o\"}",
        "{\"type\":\"hello\",\"version\":1,\"owner\":\"o\"}",
        "{\"type\":\"hello\",\"version\":1,\"software\":\"s\"}",
        "{\"type\":\"refused\",\"code\":\"c\"}",
        "{\"type\":\"bind\",\"name\":\"n\"}",
        "{\"type\":\"bound\",\"id\":\"1\",\"name\":\"n\"}",
        "{\"type\":\"drain\"}",
        // of the wrong type
        "{\"type\":\"hello\",\"version\":\"1\",\"software\":\"s\",\"owner\":\"o\"}",
        "{\"type\":\"hello\",\"version\":-1,\"software\":\"s\",\"owner\":\"o\"}",
        "{\"type\":\"hello\",\"version\":1.5,\"software\":\"s\",\"owner\":\"o\"}",
        "{\"type\":\"hello\",\"version\":1e300,\"software\":\"s\",\"owner\":\"o\"}",
        "{\"type\":\"hello\",\"version\":1,\"software\":1,\"owner\":\"o\"}",
        "{\"type\":\"bind\",\"id\":1}",
        "{\"type\":\"bind\",\"id\":\"1\",\"name\":null}",
        "{\"type\":\"drain\",\"message\":[\"m\"]}",
        // ids
        "{\"type\":\"bind\",\"id\":\"\"}",
        "{\"type\":\"bind\",\"id\":\"0\"}",
        "{\"type\":\"bind\",\"id\":\"-1\"}",
        "{\"type\":\"bind\",\"id\":\"+1\"}",
        "{\"type\":\"bind\",\"id\":\" 1\"}",
        "{\"type\":\"bind\",\"id\":\"0x1\"}",
        "{\"type\":\"bind\",\"id\":\"18446744073709551616\"}",
        "{\"type\":\"refused\",\"id\":\"0\",\"code\":\"c\",\"message\":\"m\"}",
        // controls
        "{\"type\":\"bind\",\"id\":\"1\",\"name\":\"a\\nb\"}",
        "{\"type\":\"bind\",\"id\":\"1\",\"name\":\"a\nb\"}",
        "{\"type\":\"drain\",\"message\":\"\\u001b[2J\"}",
        "{\"type\":\"drain\",\"message\":\"\x7f\"}",
    };
    struct control_message h;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (parse(cases[i], &h) != CONTROL_E_MEMBER)
            fail_msg("%s", cases[i]);
}

static void other_versions_are_refused_as_such(void **state)
{
    struct control_message h;
    (void)state;
    assert_int_equal(
        parse("{\"type\":\"hello\",\"version\":0,\"software\":\"s\",\"owner\":\"o\"}", &h),
        CONTROL_E_VERSION);
    assert_int_equal(parse("{\"type\":\"welcome\",\"version\":2,\"software\":\"s\"}", &h),
                     CONTROL_E_VERSION);
}

// Later versions may add members.
static void unknown_members_are_ignored(void **state)
{
    struct control_message h;
    (void)state;
    assert_int_equal(parse("\t{ \"later\" : [1, {\"x\": null}], \"type\":\"bind\" ,\r\n"
                           "\"url\": 5, \"id\":\"003\" } \n",
                           &h),
                     0);
    assert_true(h.type == CONTROL_BIND && h.id == 3 && !h.url[0]);
    assert_int_equal(
        parse("{\"type\":\"drain\",\"message\":\"a\\\\u0000 \\\"b\\\" \xc3\xa9\"}", &h), 0);
    assert_string_equal(h.message, "a\\u0000 \"b\" \xc3\xa9");
}

// Each member at its greatest length, and one byte over it.
static void strings_have_their_limits(void **state)
{
    static const struct {
        const char *before, *after;
        size_t offset, max;
        const char *start; // the start of every legal value; NULL: any
    } cases[] = {
        {"{\"type\":\"hello\",\"version\":1,\"owner\":\"o\",\"software\":\"", "\"}",
         offsetof(struct control_message, software), 63, NULL},
        {"{\"type\":\"hello\",\"version\":1,\"software\":\"s\",\"owner\":\"", "\"}",
         offsetof(struct control_message, owner), 71, NULL},
        {"{\"type\":\"hello\",\"version\":1,\"software\":\"s\",\"owner\":\"o\",\"before\":\"",
         "\"}", offsetof(struct control_message, before), 71, NULL},
        {"{\"type\":\"hello\",\"version\":1,\"software\":\"s\",\"owner\":\"o\",\"features\":\"",
         "\"}", offsetof(struct control_message, features), 63, NULL},
        {"{\"type\":\"hello\",\"version\":1,\"software\":\"s\",\"owner\":\"o\",\"record\":\"",
         "\"}", offsetof(struct control_message, record), 7, NULL},
        {"{\"type\":\"bind\",\"id\":\"1\",\"name\":\"", "\"}",
         offsetof(struct control_message, name), 63, NULL},
        {"{\"type\":\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":\"", "\"}",
         offsetof(struct control_message, url), 319, "http://v"},
        {"{\"type\":\"refused\",\"message\":\"m\",\"code\":\"", "\"}",
         offsetof(struct control_message, code), 31, "ADIT-V"},
        {"{\"type\":\"drain\",\"message\":\"", "\"}", offsetof(struct control_message, message),
         255, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t len = 0; len <= cases[i].max + 300; len++) {
            char value[700] = {0};
            char json[1024];
            struct control_message h;
            const char *start = cases[i].start ? cases[i].start : "";
            if (len < strlen(start))
                continue;
            memset(value, cases[i].max == 31 ? 'V' : 'v', len);
            memcpy(value, start, strlen(start));
            (void)snprintf(json, sizeof(json), "%s%s%s", cases[i].before, value, cases[i].after);
            assert_int_equal(parse(json, &h), len <= cases[i].max ? 0 : CONTROL_E_MEMBER);
            if (len <= cases[i].max)
                assert_string_equal((const char *)&h + cases[i].offset, value);
        }
}

static void what_is_shown_or_kept_has_its_form(void **state)
{
    static const struct {
        const char *before, *value;
        bool right;
    } cases[] = {
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "https://n.example.org:8443", true},
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "http://[::1]:80", true},
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "javascript://n.x", false},
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "http://n.x/path", false},
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "http://u@n.x", false},
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "http://$(x).x", false},
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "http://n.x:99x", false},
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "http://", false},
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "http:///", false},
        {"\"bound\",\"id\":\"1\",\"name\":\"n\",\"url\":", "http://\xc3\xa9.x", false},
        {"\"bound\",\"id\":\"1\",\"url\":\"http://n.x\",\"name\":", "a-1", true},
        {"\"bound\",\"id\":\"1\",\"url\":\"http://n.x\",\"name\":", "", false},
        {"\"bound\",\"id\":\"1\",\"url\":\"http://n.x\",\"name\":", "-a", false},
        {"\"bound\",\"id\":\"1\",\"url\":\"http://n.x\",\"name\":", "A", false},
        {"\"bound\",\"id\":\"1\",\"url\":\"http://n.x\",\"name\":", "a.b", false},
        {"\"bind\",\"id\":\"1\",\"name\":", "a.b", true}, // well-formed; the relay refuses it
        {"\"refused\",\"message\":\"m\",\"code\":", "ADIT-X-2", true},
        {"\"refused\",\"message\":\"m\",\"code\":", "ADIT-", false},
        {"\"refused\",\"message\":\"m\",\"code\":", "adit-x", false},
        {"\"refused\",\"message\":\"m\",\"code\":", "HTTP-X", false},
        {"\"refused\",\"code\":\"ADIT-X\",\"message\":", "\xc3\xa9", true},
        {"\"welcome\",\"version\":1,\"software\":", "a b", true},
        {"\"welcome\",\"version\":1,\"software\":", "\xe2\x80\xae", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char json[256];
        struct control_message h;
        (void)snprintf(json, sizeof(json), "{\"type\":%s\"%s\"}", cases[i].before, cases[i].value);
        if (parse(json, &h) != (cases[i].right ? 0 : CONTROL_E_MEMBER))
            fail_msg("%s", json);
    }
}

static void what_is_no_utf8_is_refused(void **state)
{
    static const char *const good[] = {"\xc3\xa9",     "\xe2\x82\xac",     "\xed\x9f\xbf",
                                       "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
                                       "\xc2\xa0"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc3",
                                      "\xc3(",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xe2\x82",
                                      "\xe2(\xa1",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x9f\x98",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff"};
    char json[128];
    struct control_message h;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        (void)snprintf(json, sizeof(json), "{\"type\":\"drain\",\"message\":\"%s\"}", good[i]);
        assert_int_equal(parse(json, &h), 0);
        assert_string_equal(h.message, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(json, sizeof(json), "{\"type\":\"drain\",\"message\":\"%s\"}", bad[i]);
        assert_int_equal(parse(json, &h), CONTROL_E_JSON);
        (void)snprintf(json, sizeof(json), "{\"type\":\"drain\",\"message\":\"\",\"%s\":1}",
                       bad[i]);
        assert_int_equal(parse(json, &h), CONTROL_E_JSON);
    }
}

static void controls_of_every_kind_are_refused(void **state)
{
    static const char *const bad[] = {"\\u001b", "\\u007f", "\\u0080", "\xc2\x9b", "\\u009f"};
    char json[128];
    struct control_message h;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(json, sizeof(json), "{\"type\":\"drain\",\"message\":\"%s\"}", bad[i]);
        assert_int_equal(parse(json, &h), CONTROL_E_MEMBER);
    }
}

static void an_owner_key_has_64_hexadecimal_digits(void **state)
{
    struct control_message h = {.type = CONTROL_HELLO};
    (void)state;
    memset(h.owner, 'a', 64);
    assert_true(control_owner_is_valid(&h));
    h.owner[3] = 'F';
    assert_true(control_owner_is_valid(&h));
    h.owner[64] = '0';
    assert_false(control_owner_is_valid(&h));
    h.owner[64] = h.owner[63] = 0;
    assert_false(control_owner_is_valid(&h));
    h.owner[63] = 'g';
    assert_false(control_owner_is_valid(&h));
    h.owner[0] = 0;
    assert_false(control_owner_is_valid(&h));
}

static void every_error_has_its_words(void **state)
{
    (void)state;
    for (int error = CONTROL_E_MEMORY; error < 0; error++)
        assert_string_not_equal(control_strerror(error), control_strerror(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_goes_to_and_fro),
        cmocka_unit_test(a_message_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_message_cut_anywhere_is_no_message),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(deep_nesting_is_refused_or_ignored),
        cmocka_unit_test(unknown_types_are_refused),
        cmocka_unit_test(wrong_members_are_refused),
        cmocka_unit_test(other_versions_are_refused_as_such),
        cmocka_unit_test(unknown_members_are_ignored),
        cmocka_unit_test(strings_have_their_limits),
        cmocka_unit_test(what_is_shown_or_kept_has_its_form),
        cmocka_unit_test(what_is_no_utf8_is_refused),
        cmocka_unit_test(controls_of_every_kind_are_refused),
        cmocka_unit_test(an_owner_key_has_64_hexadecimal_digits),
        cmocka_unit_test(every_error_has_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
