// SPDX-License-Identifier: MIT
// Names arrive as they were spelled (docs/protocol.md §4.1).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/tunnel/spelling.h"
#include "tests/support/chance.h"

enum {
    TEXT = 256 * 1024
};

// Makes a head of names whose text lies in `text`, in lower case on request.
static void head_of(struct http_head *head, const char *names, char *text, bool lower)
{
    head_init(head);
    head->method = SLICE("GET");
    head->authority = SLICE("a.example");
    memcpy(text, names, strlen(names) + 1);
    for (char *at = text; lower && *at; at++)
        *at = ascii_lower(*at);
    struct slice rest = slice_of(text, strlen(text));
    while (rest.len > 0) {
        const char *space = memchr(rest.p, ' ', rest.len);
        size_t len = space ? (size_t)(space - rest.p) : rest.len;
        assert_true(head_add(head, slice_of(rest.p, len), SLICE("v")));
        rest = space ? slice_of(space + 1, rest.len - len - 1) : (struct slice){0};
    }
}

static struct slice host_of(const struct http_head *head)
{
    return head->host_name.len ? head->host_name : SLICE("Host");
}

// Sends names through HTTP/2 and returns the adit-case that went with them.
static const char *travel(const char *names, const char *host)
{
    static struct http_head sent;
    static struct http_head came;
    static char sent_text[TEXT];
    static char came_text[TEXT];
    static char value[SPELLING_MAX + 1];
    head_of(&sent, names, sent_text, false);
    sent.host_name = slice_str(host);
    size_t room = spelling_bound(&sent);
    size_t len = room > 0 ? spelling_write(&sent, value) : 0;
    assert_true(room > 0 ? len > 0 && len <= room : len == 0);
    value[len] = 0;
    head_of(&came, names, came_text, true);
    if (len > 0)
        assert_true(head_add(&came, SLICE("adit-case"), slice_of(value, len)));
    assert_true(spelling_apply(&came));
    assert_int_equal(came.field_count, sent.field_count);
    for (size_t i = 0; i < sent.field_count; i++)
        if (!slice_eq(sent.fields[i].name, came.fields[i].name))
            fail_msg("%s: field %zu came as %.*s", names, i, (int)came.fields[i].name.len,
                     came.fields[i].name.p);
    assert_true(slice_eq(host_of(&sent), host_of(&came)));
    return value;
}

static void only_departures_travel(void **state)
{
    static const struct {
        const char *names, *host, *value;
    } cases[] = {
        {"", "Host", ""},
        {"User-Agent Accept ETag WWW-Authenticate TE DNT X-Hub-Signature A-B-3c", "Host", ""},
        {"Sec-WebSocket-Key Sec-WebSocket-Protocol Content-MD5 X-XSS-Protection", "Host", ""},
        {"X-GitHub-Event User-Agent", "Host", "X-GitHub-Event"},
        {"sec-ch-ua sec-ch-ua-mobile Accept", "Host", "sec-ch-ua,sec-ch-ua-mobile"},
        {"accept user-agent content-length", "host", "*"},
        {"accept user-agent content-length", "Host", "*,Host"},
        {"accept user-agent Via X-Forwarded-For X-Forwarded-Proto Forwarded", "host", "*"},
        {"accept user-agent X-A", "host", "*,X-A"},
        {"Accept User-Agent X-A", "hOST", "hOST"},
        {"ACCEPT Etag", "Host", "ACCEPT,Etag"},
        {"X-A X-a", "Host", "X-A,X-a"},
        {"X-a X-A", "Host", "X-a"},
        {"X-B X-A X-B X-b X-B", "Host", "X-B,X-B,X-b"},
        {"!#$%&'*+-.^_`|~ * 0", "Host", ""},
        {"_a .b", "Host", ""},
        {"_A .B", "Host", "_A,.B"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(travel(cases[i].names, cases[i].host), cases[i].value) != 0)
            fail_msg("%s: %s", cases[i].names, travel(cases[i].names, cases[i].host));
}

static void a_host_that_does_not_travel_needs_no_list(void **state)
{
    struct http_head head = {.method = SLICE("GET"), .host_name = SLICE("hOST")};
    (void)state;
    assert_int_equal(spelling_bound(&head), 0);
    head.authority = SLICE("a");
    assert_int_not_equal(spelling_bound(&head), 0);
}

static void whatever_the_spelling_it_arrives(void **state)
{
    static const char *const names[] = {"accept", "etag",      "x-a",    "x-a",  "host-x",
                                        "via",    "x-real-ip", "cookie", "date", "*"};
    struct chance c = chance_of_seed(7);
    (void)state;
    for (size_t run = 0; run < 20000; run++) {
        char line[512] = "";
        char *at = line;
        for (uint32_t n = chance_below(&c, 12); n > 0; n--) {
            uint32_t how = chance_below(&c, 4);
            const char *name = names[chance_below(&c, sizeof(names) / sizeof(names[0]))];
            if (at > line)
                *at++ = ' ';
            char *first = at;
            for (; *name; name++) {
                bool letter = *name >= 'a' && *name <= 'z';
                bool start = at == first || at[-1] == '-';
                bool up = how == 0 ? start : how == 1 ? false : chance_below(&c, how) == 0;
                *at++ = (char)(letter && up ? *name & ~0x20 : *name);
            }
            *at = 0;
        }
        (void)travel(line, chance_below(&c, 2) ? "Host" : "HoSt");
    }
}

static const char *const registered_names[] = {"A-IM",
                                               "AMP-Cache-Transform",
                                               "ALPN",
                                               "AS2-From",
                                               "AS2-To",
                                               "AS2-Version",
                                               "Accept-CH",
                                               "C-PEP",
                                               "C-PEP-Info",
                                               "CDN-Cache-Control",
                                               "CDN-Loop",
                                               "CMCD-Object",
                                               "CMCD-Request",
                                               "CMCD-Session",
                                               "CMCD-Status",
                                               "CMSD-Dynamic",
                                               "CMSD-Static",
                                               "Cal-Managed-ID",
                                               "CalDAV-Timezones",
                                               "Content-DPR",
                                               "Content-ID",
                                               "Content-MD5",
                                               "Critical-CH",
                                               "DASL",
                                               "DAV",
                                               "DNT",
                                               "DPR",
                                               "DPoP",
                                               "DPoP-Nonce",
                                               "Differential-ID",
                                               "ECT",
                                               "EDIINT-Features",
                                               "ETag",
                                               "Expect-CT",
                                               "GetProfile",
                                               "HTTP2-Settings",
                                               "IM",
                                               "Last-Event-ID",
                                               "MIME-Version",
                                               "MS-Author-Via",
                                               "NEL",
                                               "OData-EntityId",
                                               "OData-Isolation",
                                               "OData-MaxVersion",
                                               "OData-Version",
                                               "OSCORE",
                                               "OSLC-Core-Version",
                                               "Optional-WWW-Authenticate",
                                               "P3P",
                                               "PEP",
                                               "PEP-Info",
                                               "PICS-Label",
                                               "ProfileObject",
                                               "RTT",
                                               "SLUG",
                                               "Sec-CH-UA",
                                               "Sec-CH-UA-Arch",
                                               "Sec-CH-UA-Bitness",
                                               "Sec-CH-UA-Full-Version",
                                               "Sec-CH-UA-Full-Version-List",
                                               "Sec-CH-UA-Mobile",
                                               "Sec-CH-UA-Model",
                                               "Sec-CH-UA-Platform",
                                               "Sec-CH-UA-Platform-Version",
                                               "Sec-GPC",
                                               "Sec-WebSocket-Accept",
                                               "Sec-WebSocket-Extensions",
                                               "Sec-WebSocket-Key",
                                               "Sec-WebSocket-Protocol",
                                               "Sec-WebSocket-Version",
                                               "SoapAction",
                                               "SourceMap",
                                               "Status-URI",
                                               "TCN",
                                               "TE",
                                               "TTL",
                                               "UA-Color",
                                               "UA-Media",
                                               "UA-Pixels",
                                               "UA-Resolution",
                                               "UA-Windowpixels",
                                               "URI",
                                               "WWW-Authenticate",
                                               "X-CSRF-Token",
                                               "X-DNS-Prefetch-Control",
                                               "X-HTTP-Method-Override",
                                               "X-Real-IP",
                                               "X-UA-Compatible",
                                               "X-WebKit-CSP",
                                               "X-XSS-Protection", // all others: Title-Case
                                               "Content-Type",
                                               "X-Hub-Signature-256",
                                               "A",
                                               "-A",
                                               "A--B",
                                               "Te-",
                                               "X_a",
                                               "9a",
                                               "Authorization"};

static void without_word_of_it_names_are_spelled_as_registered(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(registered_names) / sizeof(registered_names[0]); i++) {
        static struct http_head head;
        char text[64];
        head_of(&head, registered_names[i], text, true);
        assert_true(spelling_apply(&head));
        if (!slice_eq(head.fields[0].name, slice_str(registered_names[i])))
            fail_msg("%s is spelled %.*s", registered_names[i], (int)head.fields[0].name.len,
                     head.fields[0].name.p);
    }
}

static void no_peer_changes_a_name(void **state)
{
    static const char *const bad[] = {
        "",   ",",         "accept,",     ",accept",  "accept,,cookie", "cookie,accept",  "Accept ",
        "x",  "*,",        "*,*",         "accept,*", "Accept,Accept",  "accept, cookie", "Cookie2",
        "**", "host,host", "accept,Host", "Accept:",  "accepT\r\nx",    "adit-case",
    };
    static struct http_head head;
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        head_of(&head, "accept cookie", text, true);
        assert_true(head_add(&head, SLICE("adit-case"), slice_str(bad[i])));
        if (spelling_apply(&head))
            fail_msg("taken: %s", bad[i]);
    }
    head_of(&head, "accept cookie", text, true);
    for (int i = 0; i < 2; i++)
        assert_true(head_add(&head, SLICE("adit-case"), SLICE("*")));
    assert_false(spelling_apply(&head));
    head_of(&head, "accept", text, true); // a response has no Host
    head.method = (struct slice){0};
    assert_true(head_add(&head, SLICE("adit-case"), SLICE("Host")));
    assert_false(spelling_apply(&head));
}

static void beyond_its_bound_names_have_the_default(void **state)
{
    static struct http_head sent;
    static char text[TEXT];
    static char value[SPELLING_MAX];
    char *at = text;
    (void)state;
    head_init(&sent);
    for (size_t i = 0; i < 100; i++, at += 200) {
        (void)memset(at, 'x', 200);
        at[0] = at[2] = 'X';
        assert_true(head_add(&sent, slice_of(at, 200), SLICE("")));
    }
    assert_int_equal(spelling_bound(&sent), SPELLING_MAX);
    size_t len = spelling_write(&sent, value);
    assert_int_equal(len, 81 * 201 - 1); // only whole names
    for (size_t i = 0; i < 100; i++)
        at[(ptrdiff_t)(i * 200) - 20000] = at[(ptrdiff_t)(i * 200) - 20000 + 2] = 'x';
    assert_true(head_add(&sent, SLICE("adit-case"), slice_of(value, len)));
    assert_true(spelling_apply(&sent));
    for (size_t i = 0; i < 100; i++)
        assert_memory_equal(sent.fields[i].name.p, i < 81 ? "XxXx" : "Xxxx", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_departures_travel),
        cmocka_unit_test(a_host_that_does_not_travel_needs_no_list),
        cmocka_unit_test(whatever_the_spelling_it_arrives),
        cmocka_unit_test(without_word_of_it_names_are_spelled_as_registered),
        cmocka_unit_test(no_peer_changes_a_name),
        cmocka_unit_test(beyond_its_bound_names_have_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
