// SPDX-License-Identifier: MIT
// Response heads: legal ones are taken apart, deviations repaired, malformed ones refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/http1_heads.h"

struct accepted_response {
    struct slice text;
    uint16_t status;
    const char *reason, *upgrade;
    size_t fields;
};

static void legal_responses_are_taken_apart(void **state)
{
    static const struct accepted_response cases[] = {
        {TEXT("HTTP/1.1 200 OK\r\n\r\n"), 200, "OK", "", 0},
        {TEXT("HTTP/1.0 404 Not  Found \xe9\t\r\nA: b\r\n\r\n"), 404, "Not  Found \xe9\t", "", 1},
        {TEXT("HTTP/1.1 200 \r\n\r\n"), 200, "", "", 0},
        {TEXT("HTTP/1.1 200\r\n\r\n"), 200, "", "", 0},
        {TEXT("HTTP/1.1 100 Continue\r\n\r\n"), 100, "Continue", "", 0},
        {TEXT("HTTP/1.1 999 ?\r\n\r\n"), 999, "?", "", 0},
        {TEXT("HTTP/1.1 101 S\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n"), 101, "S", "b", 2},
        {TEXT("HTTP/1.1 426 U\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n"), 426, "U", "b", 2},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct accepted_response *c = &cases[i];
        const char *text = c->text.p;
        int size = http1_parse_every_way(http1_parse_response, c->text, &http1_roomy, &head);
        http1_expect("size", text, size, (long)c->text.len);
        http1_expect("status", text, head.status, c->status);
        http1_expect_slice("reason", text, head.reason, c->reason);
        http1_expect_slice("upgrade", text, head.upgrade, c->upgrade);
        http1_expect("fields", text, (long)head.field_count, (long)c->fields);
    }
}

// Deviations with a single meaning, and that meaning.
static void odd_responses_are_taken_for_what_they_mean(void **state)
{
    static const struct {
        struct slice text;
        uint16_t status;
        const char *reason, *fields;
    } cases[] = {
        {TEXT("HTTP/1.1 200 OK\n\n"), 200, "OK", ""},
        {TEXT("HTTP/1.1 200 OK\nA: b\r\nC: d\n\r\n"), 200, "OK", "A=b;C=d;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\n\n"), 200, "OK", "A=b;"},
        {TEXT("\r\nHTTP/1.1 200 OK\r\n\r\n"), 200, "OK", ""},
        {TEXT("\n\r\n\n\n\r\n\n\n\nHTTP/1.1 200 OK\r\n\r\n"), 200, "OK", ""},
        {TEXT("HTTP/1.1 404: Not Found\r\n\r\n"), 404, "Not Found", ""},
        {TEXT("HTTP/1.1 404 404: Not Found\r\n\r\n"), 404, "404: Not Found", ""},
        {TEXT("HTTP/1.1 404:\r\n\r\n"), 404, "", ""},
        {TEXT("HTTP/1.1 404:Not Found\n\n"), 404, "Not Found", ""},
        {TEXT("HTTP/1.1  200 OK\r\n\r\n"), 200, "OK", ""},
        {TEXT("HTTP/1.1\t200\tOK \r\n\r\n"), 200, "OK ", ""},
        {TEXT("HTTP/1.1 200\n\n"), 200, "", ""},
        {TEXT("HTTP/1.1 200 \xff\t(\xe9)\r\n\r\n"), 200, "\xff\t(\xe9)", ""},
        {TEXT("HTTP/1.1 200 OK\r\nA : b\r\nC\t \t:d\r\n\r\n"), 200, "OK", "A=b;C=d;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), 200, "OK", "A=b c;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b \t\r\n\t c \n d\r\nE: f\r\n\r\n"), 200, "OK",
         "A=b c d;E=f;"},
        {TEXT("HTTP/1.1 200 OK\r\nA:\r\n b\r\n\r\n"), 200, "OK", "A=b;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\n \r\n \r\n\r\n"), 200, "OK", "A=b;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\n \r\n c\r\n\r\n"), 200, "OK", "A=b c;"},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5, 05\r\n\r\n"), 200, "OK",
         "Content-Length=5, 05;"},
        {TEXT("HTTP/1.1 204 N\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), 204, "N",
         "Content-Length=5;Content-Length=6;"},
        {TEXT("HTTP/1.1 200 OK\r\nA:\r\n \r\n\t\r\nB: c\r\n\r\n"), 200, "OK", "A=;B=c;"},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n \r\n\r\n"), 200, "OK",
         "Content-Length=5;"},
        {TEXT("HTTP/1.1 101 S\r\nUpgrade: a,\r\n b\r\n\r\n"), 101, "S", "Upgrade=a, b;"},
        {TEXT("HTTP/1.1 426 U\r\nUpgrade:\n a\n b\r\n\r\n"), 426, "U", "Upgrade=a b;"},
        {TEXT("HTTP/1.1 204 N\r\nTransfer-Encoding: gzip\r\n\r\n"), 204, "N",
         "Transfer-Encoding=gzip;"},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = cases[i].text.p;
        char fields[256] = "";
        int size = http1_parse_every_way(http1_parse_response, cases[i].text, &http1_roomy, &head);
        http1_expect("size", text, size, (long)cases[i].text.len);
        http1_expect("status", text, head.status, cases[i].status);
        http1_expect_slice("reason", text, head.reason, cases[i].reason);
        const struct field *upgrade = head_find(&head, SLICE("upgrade"));
        if (upgrade && !slice_eq(upgrade->value, head.upgrade))
            fail_msg("the upgrade of \"%s\" is \"%.*s\"", text, (int)head.upgrade.len,
                     head.upgrade.p);
        for (size_t k = 0, len = 0; k < head.field_count; k++)
            len += (size_t)snprintf(fields + len, sizeof(fields) - len, "%.*s=%.*s;",
                                    (int)head.fields[k].name.len, head.fields[k].name.p,
                                    (int)head.fields[k].value.len, head.fields[k].value.p);
        http1_expect_slice("fields", text, slice_str(fields), cases[i].fields);
    }
}

static void what_is_wrong_with_a_response_is_told_with_its_place(void **state)
{
    static const struct {
        struct slice text;
        const char *what;
        size_t at;
    } cases[] = {
        {TEXT("SSH-2.0-x"), "no HTTP version", 0},
        {TEXT("\r\nSSH-2.0-x"), "no HTTP version", 2},
        {TEXT("HTTP/x\n\n"), "no HTTP version", 0},
        {TEXT("HTTP/2.0 200 OK\n\n"), "a version other than HTTP/1.x", 0},
        {TEXT("HTTP/1.1 2000\n\n"), "a status that is not three digits", 9},
        {TEXT("HTTP/1.1 20x\n\n"), "a status that is not three digits", 9},
        {TEXT("HTTP/1.1 200 O\0K\n\n"), "a NUL", 14},
        {TEXT("HTTP/1.1 200 OK\nA: b\x1f\n\n"), "a control character", 20},
        {TEXT("HTTP/1.1 200 OK\nA: b\rc\n\n"), "a CR without LF", 20},
        {TEXT("HTTP/1.1 200 OK\n A: b\n\n"), "white space before the first field", 16},
        {TEXT("HTTP/1.1 200 OK\nA: b\n: c\n\n"), "a field without a name", 21},
        {TEXT("HTTP/1.1 200 OK\nAbc\r\n\n"), "a field line without a colon", 16},
        {TEXT("HTTP/1.1 200 OK\nA b: c\n\n"), "an invalid character in a field name", 18},
        {TEXT("HTTP/1.1 200 OK\n(A): c\n\n"), "an invalid character in a field name", 16},
        {TEXT("HTTP/1.1 101 S\n\n"), "a 101 without Upgrade", 0},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: 5\nA:\n b\nContent-Length: 6\n\n"),
         "a second, different Content-Length", 40},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: 5, 6\n\n"), "a second, different Content-Length",
         16},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: x\n\n"), "a Content-Length that is no number", 16},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: 9223372036854775808\n\n"),
         "a Content-Length that is too large", 16},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n"),
         "a Content-Length beside a Transfer-Encoding", 16},
        {TEXT("HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n"), "a Transfer-Encoding in HTTP/1.0",
         16},
        {TEXT("HTTP/1.1 200 OK\nTransfer-Encoding: chunked, chunked\n\n"),
         "a malformed Transfer-Encoding", 16},
        {TEXT("HTTP/1.1 200 OK\nA: b\nTransfer-Encoding: gzip\n\n"),
         "a transfer coding other than chunked", 21},
    };
    struct http1_fault fault;
    char copy[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice text = slice_of(copy, cases[i].text.len);
        memcpy(copy, cases[i].text.p, text.len);
        assert_true(http1_explain_response(text, &http1_roomy, &fault));
        http1_expect_slice("fault", cases[i].text.p, slice_str(fault.phrase), cases[i].what);
        http1_expect("place", cases[i].text.p, (long)fault.at, (long)cases[i].at);
        assert_memory_equal(copy, cases[i].text.p, text.len); // unchanged
    }
}

static void only_a_response_at_fault_is_explained(void **state)
{
    struct http1_fault fault;
    char copy[256];

    (void)state;
    memcpy(copy, "HTTP/1.1 200 OK\n\n", 17);
    assert_false(http1_explain_response(slice_of(copy, 17), &http1_roomy, &fault));
    assert_false(http1_explain_response(slice_of(copy, 9), &http1_roomy, &fault));
    assert_false(http1_explain_response((struct slice){0}, &http1_roomy, &fault));
    const struct http1_limits small = {32, 1};
    memcpy(copy, "HTTP/1.1 200 OK\nA: b\nC: d\n\n", 27);
    assert_true(http1_explain_response(slice_of(copy, 27), &small, &fault));
    http1_expect_slice("fault", "fields", slice_str(fault.phrase), "too many fields");
    http1_expect("place", "fields", (long)fault.at, 21);
    memset(copy + 26, 'x', 40);
    assert_true(http1_explain_response(slice_of(copy, 60), &small, &fault));
    http1_expect_slice("fault", "head", slice_str(fault.phrase), "head too large");
}

#define STATUS(line) TEXT(line "\r\nA: b\r\n\r\n")

static void malformed_responses_are_refused(void **state)
{
    static const struct http1_refused cases[] = {
        {STATUS(" HTTP/1.1 200 OK"), HTTP1_E_SYNTAX},
        {STATUS("http/1.1 200 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1200 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1:200 OK"), HTTP1_E_SYNTAX},
        {STATUS("\rHTTP/1.1 200 OK"), HTTP1_E_SYNTAX},
        {STATUS("\n\n\n\n\n\n\n\n\nHTTP/1.1 200 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 20 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 2000 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 099 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 2x0 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 20x OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 -20 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200.1 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200 O\x7fK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200 O\0K"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200 O\rK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 "), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\n A: b\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\n c\rd\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\n: b\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA b: c\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\nA\n\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA\r\n: b\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 5\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n 5\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
         HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: ,\r\n chunked\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), HTTP1_E_CODING},
        {TEXT("HTTP/1.1 101 S\r\nA: b\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 101 S\r\nUpgrade:\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 101 S\r\nUpgrade:\r\n \r\n\t\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("SSH-2.0-OpenSSH_9.2\r\n"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/2.0 200 OK"), HTTP1_E_VERSION},
        {STATUS("HTTP/0.9 200 OK"), HTTP1_E_VERSION},
    };

    (void)state;
    http1_refuses(http1_parse_response, cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_responses_are_taken_apart),
        cmocka_unit_test(odd_responses_are_taken_for_what_they_mean),
        cmocka_unit_test(what_is_wrong_with_a_response_is_told_with_its_place),
        cmocka_unit_test(only_a_response_at_fault_is_explained),
        cmocka_unit_test(malformed_responses_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
