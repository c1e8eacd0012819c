// SPDX-License-Identifier: MIT
// The table finds every name that servers may read as one of its own, and no other.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/field_names.h"
#include "proto/http/fields.h"

static const struct {
    const char *name;
    enum field_kind kind;
} known[] = {
    {"adit-bind", FIELD_OURS},
    {"Connection", FIELD_CONNECTION},
    {"Content-Length", FIELD_LENGTH},
    {"Forwarded", FIELD_CLAIM},
    {"Host", FIELD_STAYS},
    {"HTTP2-Settings", FIELD_DROPPED},
    {"Keep-Alive", FIELD_DROPPED},
    {"Max-Forwards", FIELD_STAYS},
    {"Proxy", FIELD_CLAIM},
    {"Proxy-Authorization", FIELD_STAYS},
    {"Proxy-Connection", FIELD_DROPPED},
    {"Remote-User", FIELD_CLAIM},
    {"TE", FIELD_TE},
    {"Trailer", FIELD_STAYS},
    {"Transfer-Encoding", FIELD_DROPPED},
    {"True-Client-IP", FIELD_CLAIM},
    {"Upgrade", FIELD_DROPPED},
    {"Via", FIELD_STAYS},
    {"X-Client-IP", FIELD_CLAIM},
    {"CF-Connecting-IP", FIELD_CLAIM},
    {"X-Forwarded", FIELD_CLAIM},
    {"X-Forwarded-For", FIELD_CLAIM},
    {"X-Forwarded-Port", FIELD_CLAIM},
    {"X-Original-URL", FIELD_CLAIM},
    {"X-Real-IP", FIELD_CLAIM},
    {"X-Rewrite-URL", FIELD_CLAIM},
    {"Client-Cert", FIELD_CLAIM},
    {"Client-Cert-Chain", FIELD_CLAIM},
    {"DO-Connecting-IP", FIELD_CLAIM},
    {"Fly-Client-IP", FIELD_CLAIM},
    {"Path-Info", FIELD_CLAIM},
    {"Proxy-Client-IP", FIELD_CLAIM},
    {"Script-Name", FIELD_CLAIM},
    {"SSL-Client-Verify", FIELD_CLAIM},
    {"WL-Proxy-Client-IP", FIELD_CLAIM},
    {"X-Accel-Mapping", FIELD_CLAIM},
    {"X-Auth-Request-User", FIELD_CLAIM},
    {"X-Azure-ClientIP", FIELD_CLAIM},
    {"X-Client-Cert", FIELD_CLAIM},
    {"X-Envoy-External-Address", FIELD_CLAIM},
    {"X-Originating-IP", FIELD_CLAIM},
    {"X-ProxyUser-IP", FIELD_CLAIM},
    {"X-Script-Name", FIELD_CLAIM},
    {"X-Sendfile-Type", FIELD_CLAIM},
    {"X-SSL-Client-Verify", FIELD_CLAIM},
    {"X-WebAuth-User", FIELD_CLAIM},
};

static void each_name_has_its_kind_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char upper[64];
        (void)snprintf(upper, sizeof(upper), "%s", known[i].name);
        for (char *c = upper; *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
        const struct field_use as_it_is = field_use_of(slice_str(known[i].name));
        const struct field_use shouted = field_use_of(slice_str(upper));
        assert_int_equal(field_is_claim(slice_str(known[i].name)), known[i].kind == FIELD_CLAIM);
        assert_int_equal(field_is_claim(slice_str(upper)), known[i].kind == FIELD_CLAIM);
        assert_int_equal(as_it_is.kind, known[i].kind);
        assert_int_equal(shouted.kind, known[i].kind);
        assert_true(as_it_is.listed && !as_it_is.twin && shouted.listed && !shouted.twin);
    }
}

// One hyphen of a name is replaced by each token character other than letters and digits.
static void a_name_with_any_other_character_for_a_hyphen_is_its_twin(void **state)
{
    static const char others[] = "!#$%&'*+.^_`|~";
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        for (size_t at = 0; known[i].name[at]; at++) {
            for (const char *other = others; known[i].name[at] == '-' && *other; other++) {
                char name[64];
                (void)snprintf(name, sizeof(name), "%s", known[i].name);
                name[at] = *other;
                const struct field_use use = field_use_of(slice_str(name));
                bool beginning = use.listed && !use.twin; // a prefix: Proxy-, x-forwarded-
                assert_true(use.listed && (use.twin || beginning));
                assert_true(field_names_fold(slice_str(name), slice_str(known[i].name)));
            }
        }
    }
}

static void names_that_only_resemble_are_no_twins(void **state)
{
    static const char *const names[] = {
        "",
        "x",
        "X-Real-IPs",
        "XReal-IP",
        "X_Mine",
        "_Host",
        "Host_",
        "TE_",
        "Upgrade_",
        "ContentLength",
        "X__Real_IP",
        "aditx",
        "adit",
        "Proxies",
        "Proxy2",
        "Transfer-Encodin",
        "user_id",
        "api_key",
        "X-Realxip",
        "0-forwarded",
        "\xe9-a",
        "Keep-Alive-",
        "Client-Certs",
        "X-Client-Id",
        "Path-Infos",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_false(field_use_of(slice_str(names[i])).listed);
    assert_false(field_names_fold(SLICE("X-A"), SLICE("X-B")));
    assert_false(field_names_fold(SLICE("X-A"), SLICE("XxA")));
    assert_false(field_names_fold(SLICE("X-A"), SLICE("X-A-")));
}

static size_t left_of(struct http_head *head, const char *name, const char *connection)
{
    head_init(head);
    head->method = SLICE("GET");
    (void)head_add(head, slice_str(name), SLICE("v"));
    if (connection[0])
        (void)head_add(head, SLICE("Connection"), slice_str(connection));
    fields_strip_hop_by_hop(head);
    return head->field_count;
}

static void twins_leave_requests_and_trailers_but_not_responses(void **state)
{
    static const char *const twins[] = {"X_Forwarded_For", "Transfer_Encoding",   "X_Real_IP",
                                        "X.Forwarded-For", "Proxy_Authorization", "adit_bind",
                                        "Content_Length",  "Keep~Alive"};
    struct http_head head;
    (void)state;
    for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
        assert_int_equal(left_of(&head, twins[i], ""), 0);
        head_init(&head);
        (void)head_add(&head, slice_str(twins[i]), SLICE("v"));
        fields_strip_trailers(&head, (struct slice){0});
        assert_int_equal(head.field_count, 0);
        head.status = 200;
        (void)head_add(&head, slice_str(twins[i]), SLICE("v"));
        fields_strip_hop_by_hop(&head);
        assert_int_equal(head.field_count, 1);
    }
    assert_int_equal(left_of(&head, "Content_Type", ""), 1);
    assert_int_equal(left_of(&head, "x_mine", ""), 1);
}

static void twins_of_what_connection_names_go_with_it(void **state)
{
    struct http_head head;
    (void)state;
    assert_int_equal(left_of(&head, "X_Secret", "x-secret"), 0);
    assert_int_equal(left_of(&head, "X-Secret", "x_secret"), 0);
    assert_int_equal(left_of(&head, "X-Secret", "x_other"), 1);
    assert_int_equal(left_of(&head, "Content-Length", "content_length"), 1);
    head_init(&head);
    (void)head_add(&head, SLICE("x.secret"), SLICE("v"));
    fields_strip_trailers(&head, SLICE("a,X-Secret"));
    assert_int_equal(head.field_count, 0);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_name_has_its_kind_in_any_case),
        TEST(a_name_with_any_other_character_for_a_hyphen_is_its_twin),
        TEST(names_that_only_resemble_are_no_twins),
        TEST(twins_leave_requests_and_trailers_but_not_responses),
        TEST(twins_of_what_connection_names_go_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
