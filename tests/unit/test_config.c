// SPDX-License-Identifier: MIT
// adit.yml: known keys, the places of mistakes, and edits that change nothing else.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/config/document.h"

#define URL "https://r.example"

static const struct edit {
    const char *before, *set, *unset; // NULL: unchanged
} edits[] = {
    {"", "version: 3\nagent:\n  relay: " URL "\n", ""},
    {"# mine\n", "# mine\nversion: 3\nagent:\n  relay: " URL "\n", "# mine\n"},
    {"# mine", "# mine\nversion: 3\nagent:\n  relay: " URL "\n", "# mine"},
    {"---\n", "---\nversion: 3\nagent:\n  relay: " URL "\n", "---\n"},
    {"version: 3\n", "version: 3\nagent:\n  relay: " URL "\n", "version: 3\n"},
    {"version: \"3\"", "version: \"3\"\nagent:\n  relay: " URL "\n", "version: \"3\""},
    {"agent:\n", "agent:\n  relay: " URL "\n", "agent:\n"},
    {"agent:", "agent:\n  relay: " URL, "agent:"},
    {"agent: # here\nversion: 3\n", "agent:\n  relay: " URL " # here\nversion: 3\n",
     "agent: # here\nversion: 3\n"},
    {"agent: ~\n", "agent: \n  relay: " URL "\n", "agent: ~\n"},
    {"agent:\n    log: x # why\n", "agent:\n    relay: " URL "\n    log: x # why\n",
     "agent:\n    log: x # why\n"},
    {"agent:\n  # before\n  relay: http://old # now\n  log: x\nendpoints:\n- name: a\n",
     "agent:\n  # before\n  relay: " URL " # now\n  log: x\nendpoints:\n- name: a\n",
     "agent:\n  # before\n  log: x\nendpoints:\n- name: a\n"},
    {"agent:\r\n  relay: 'http://old'\r\n  log: x\r\n",
     "agent:\r\n  relay: " URL "\r\n  log: x\r\n", "agent:\r\n  log: x\r\n"},
    {"agent: {relay: \"http://old\", log: x}\n", "agent: {relay: \"" URL "\", log: x}\n",
     "agent: {relay: null, log: x}\n"},
    {"agent: {}\n", "agent: {relay: \"" URL "\"}\n", "agent: {}\n"},
    {"agent: {log: x}\n", "agent: {relay: \"" URL "\", log: x}\n", "agent: {log: x}\n"},
    {"{version: 3}\n", "{agent: {relay: \"" URL "\"}, version: 3}\n", "{version: 3}\n"},
    {"{version: 3, agent: }\n", "{version: 3, agent:  {relay: \"" URL "\"}}\n",
     "{version: 3, agent: }\n"},
    {"agent:\n  relay:\n", "agent:\n  relay: " URL "\n", "agent:\n  relay:\n"},
    {"agent:\n  relay: null # none\n", "agent:\n  relay: " URL " # none\n", "agent:\n"},
    {"# \xc3\xa4\xe2\x82\xac\nx: \xf0\x9f\x99\x82\nagent:\n  relay: http://a\n",
     "# \xc3\xa4\xe2\x82\xac\nx: \xf0\x9f\x99\x82\nagent:\n  relay: " URL "\n",
     "# \xc3\xa4\xe2\x82\xac\nx: \xf0\x9f\x99\x82\nagent:\n"},
    {"\xef\xbb\xbf"
     "agent:\n  relay: http://a\n",
     "\xef\xbb\xbf"
     "agent:\n  relay: " URL "\n",
     "\xef\xbb\xbf"
     "agent:\n"},
    {"x: |\n  text\n   more", "x: |\n  text\n   more\nagent:\n  relay: " URL "\n",
     "x: |\n  text\n   more"},
    {"  version: 3\n", "  version: 3\n  agent:\n    relay: " URL "\n", "  version: 3\n"},
    {"x: &a {b: 1}\ny: *a\n", "x: &a {b: 1}\ny: *a\nagent:\n  relay: " URL "\n",
     "x: &a {b: 1}\ny: *a\n"},
    {"\xef\xbb\xbfversion: 3\r\nagent:\r\n  relay: 'http://a'\r\n  web: 1\r\n",
     "\xef\xbb\xbfversion: 3\r\nagent:\r\n  relay: " URL "\r\n  web: 1\r\n",
     "\xef\xbb\xbfversion: 3\r\nagent:\r\n  web: 1\r\n"},
    {"\xef\xbb\xbfversion: 3\nlog: x\n",
     "\xef\xbb\xbfversion: 3\nlog: x\nagent:\n  relay: " URL "\n",
     "\xef\xbb\xbfversion: 3\nlog: x\n"},
};

static void check_edit(const char *before, const char *url, const char *after)
{
    struct buf out = {0};
    struct config_mistake mistake;
    if (!config_edit_relay(slice_str(before), url, &out, &mistake))
        fail_msg("%s: %s", before, mistake.text);
    if (buf_len(&out) != strlen(after) ||
        (*after && memcmp(buf_at(&out), after, strlen(after)) != 0))
        fail_msg("%s became %.*s", before, (int)buf_len(&out), *after ? buf_at(&out) : "nothing");
    buf_free(&out);
}

static void a_value_is_set_and_unset_and_all_else_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        check_edit(edits[i].before, URL, edits[i].set);
        check_edit(edits[i].set, URL, edits[i].set); // setting again changes nothing
        check_edit(edits[i].before, NULL, edits[i].unset);
    }
}

static const char *const by_hand[] = {
    "agent:\n  relay: |\n    http://a\n",
    "agent:\n  relay: &x http://a\n",
    "agent:\n  relay: !!str http://a\n",
    "version: 3\n...\n",
    "? agent\n: log: x\n",
    "agent: &a\n",
    "agent: !!null\n",
};

static void what_cannot_be_changed_alone_is_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(by_hand) / sizeof(by_hand[0]); i++) {
        struct buf out = {0};
        struct config_mistake mistake;
        if (config_edit_relay(slice_str(by_hand[i]), URL, &out, &mistake))
            fail_msg("%s became %.*s", by_hand[i], (int)buf_len(&out), buf_at(&out));
        assert_non_null(strstr(mistake.text, "by hand"));
        buf_free(&out);
    }
}

static const struct mistake {
    const char *text, *words;
    unsigned line, column;
} mistakes[] = {
    {"a: 1\nb: [\n", "not valid YAML", 3, 1},
    {"agent:\n\trelay: x\n", "never by tabs", 2, 1},
    {"version: 2\n", "version: 3", 1, 10},
    {"version: [3]\n", "version: 3", 1, 10},
    {"- a\n", "keys with values", 1, 1},
    {"word\n", "keys with values", 1, 1},
    {"agent: word\n", "keys of its own", 1, 8},
    {"agent: [relay]\n", "keys of its own", 1, 8},
    {"agent: *a\n", "keys of its own", 1, 8},
    {"x: &a y\nagent: *a\n", "keys of its own", 2, 8},
    {"agent:\n  relay: [http://a]\n", "one URL", 2, 10},
    {"x: &a y\nagent:\n  relay: *a\n", "one URL", 3, 10},
    {"agent:\n  relay: http://a\n  relay: http://b\n", "twice", 3, 3},
    {"agent:\nagent:\n", "twice", 2, 1},
    {"a: 1\n---\nb: 2\n", "second document", 2, 1},
    {"? [a]\n: b\n", "a key is a word", 1, 3},
    {"a: \x01\n", "control characters", 0, 0},
    {"a: \xff\n", "UTF-8", 0, 0},
    {"\xfe\xff\0a", "UTF-8", 0, 0},
};

static void a_mistake_is_told_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct config_document d;
        struct config_mistake m;
        struct buf out = {0};
        if (config_read(slice_str(mistakes[i].text), &d, &m) || !strstr(m.text, mistakes[i].words))
            fail_msg("%s: %s", mistakes[i].text, m.text);
        if (m.place.line != mistakes[i].line || m.place.column != mistakes[i].column)
            fail_msg("%s: %u:%u", mistakes[i].text, m.place.line, m.place.column);
        assert_false(config_edit_relay(slice_str(mistakes[i].text), URL, &out, &m));
        buf_free(&out);
    }
}

static void a_relay_that_is_none_is_told_without_its_password(void **state)
{
    static const char text[] = "agent:\n  relay: http://u:s3cret@a\n";
    struct config_document d;
    struct config_mistake m;
    (void)state;
    assert_true(config_read(slice_str(text), &d, &m));
    assert_false(config_check_relay(&d, &m));
    assert_int_equal(m.place.line, 2);
    assert_non_null(strstr(m.text, "user or password"));
    assert_null(strstr(m.text, "s3cret"));
    check_edit(text, URL, "agent:\n  relay: " URL "\n"); // an edit can mend it
}

static void keys_that_are_not_known_are_noted(void **state)
{
    char text[1024] = "agent: {web_addr: a}\n";
    struct config_document d;
    struct config_mistake m;
    (void)state;
    assert_true(config_read(slice_str(text), &d, &m));
    assert_int_equal(d.notes, 1);
    assert_string_equal(d.note[0].key, "web_addr");
    assert_int_equal(d.note[0].place.column, 9);
    for (unsigned i = 0; i < 20; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "key%u: {a: [b]}\n", i);
    }
    assert_true(config_read(slice_str(text), &d, &m));
    assert_int_equal(d.notes, 21);
}

static void what_is_large_or_deep_is_refused(void **state)
{
    static char text[CONFIG_BYTES_MAX + 2];
    struct config_document d;
    struct config_mistake m;
    (void)state;
    memset(text, '#', CONFIG_BYTES_MAX);
    assert_true(config_read(slice_str(text), &d, &m));
    text[CONFIG_BYTES_MAX] = '#';
    assert_false(config_read(slice_str(text), &d, &m));
    assert_non_null(strstr(m.text, "64 KiB"));

    memset(text, 0, sizeof(text));
    memset(text, '[', 3000);
    memcpy(text, "a: ", 3);
    assert_false(config_read(slice_str(text), &d, &m));
    for (size_t deep = 14; deep < 17; deep++) {
        memset(text, 0, sizeof(text));
        (void)snprintf(text, sizeof(text), "a: %.*sx%.*s", (int)deep, "[[[[[[[[[[[[[[[[[[[[",
                       (int)deep, "]]]]]]]]]]]]]]]]]]]]");
        assert_int_equal(config_read(slice_str(text), &d, &m), deep + 1 <= CONFIG_DEPTH_MAX);
    }
}

static void aliases_are_not_expanded(void **state)
{
    char text[4096] = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
    struct config_document d;
    struct config_mistake m;
    (void)state;
    for (unsigned i = 1; i < 20; i++) {
        size_t len = strlen(text);
        unsigned n = i - 1;
        (void)snprintf(text + len, sizeof(text) - len,
                       "a%u: &a%u [*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u]\n", i, i, n, n, n, n, n,
                       n, n, n);
    }
    assert_true(config_read(slice_str(text), &d, &m));
    assert_int_equal(d.notes, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_set_and_unset_and_all_else_stays),
        cmocka_unit_test(what_cannot_be_changed_alone_is_left_alone),
        cmocka_unit_test(a_mistake_is_told_with_its_place),
        cmocka_unit_test(a_relay_that_is_none_is_told_without_its_password),
        cmocka_unit_test(keys_that_are_not_known_are_noted),
        cmocka_unit_test(what_is_large_or_deep_is_refused),
        cmocka_unit_test(aliases_are_not_expanded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
