// SPDX-License-Identifier: MIT
// Headers of the PROXY protocol: read at every cut, strictly, and never a byte too far; written so
// that they are read back.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4        "\300\0\2\1\300\0\2\2\1\1\0\120" // 192.0.2.1:257 to 192.0.2.2:80
#define V6 \
    "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\0\120"

static struct slice header_of(const struct slice *parts, size_t count, char out[static 1024])
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(out + len, parts[i].p, parts[i].len);
        len += parts[i].len;
    }
    return slice_of(out, len);
}

static void assert_client(const struct proxy_header *h, const char *client)
{
    char text[INET6_ADDRSTRLEN];
    assert_int_equal(h->named, client != NULL);
    if (!client)
        return;
    client_address_text(&h->client, text);
    assert_string_equal(text, client);
}

// Parses a header in a block of exactly its size, at every cut, and with bytes behind it.
static void assert_read(struct slice header, const char *client, uint16_t port)
{
    struct proxy_header h;
    for (size_t len = 0; len <= header.len; len++) {
        char *bytes = malloc(len > 0 ? len : 1);
        assert_non_null(bytes);
        memcpy(bytes, header.p, len);
        assert_int_equal(proxy_header_parse(bytes, len, &h), len < header.len ? 0 : (int)len);
        free(bytes);
        if (len < header.len)
            assert_false(h.named);
    }
    assert_client(&h, client);
    assert_int_equal(h.port, port);
    char more[1024];
    memcpy(more, header.p, header.len);
    memset(more + header.len, '\n', 7);
    assert_int_equal(proxy_header_parse(more, header.len + 7, &h), header.len);
    assert_client(&h, client);
}

static void a_line_names_the_client(void **state)
{
    const struct {
        struct slice line;
        const char *client;
        uint16_t port;
    } lines[] = {
        {SLICE("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"), "192.0.2.1", 56324},
        {SLICE("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255",
         65535},
        {SLICE("PROXY TCP6 2001:db8::7 ::1 1 0\r\n"), "2001:db8::7", 1},
        {SLICE("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n"), "192.0.2.1", 1},
        {SLICE("PROXY TCP6 :: :: 1 2\r\n"), NULL, 1},
        {SLICE("PROXY UNKNOWN\r\n"), NULL, 0},
        {SLICE("PROXY UNKNOWN a b  c\r\n"), NULL, 0},
        {SLICE("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
         NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_read(lines[i].line, lines[i].client, lines[i].port);
    assert_int_equal(lines[7].line.len, PROXY_V1_MAX);
}

static void another_line_is_none(void **state)
{
    static const char *const lines[] = {
        "PROXY \n",
        "PROXY \r\n",
        "PROXY\r\n",
        "proxy UNKNOWN\r\n",
        "PROXY unknown\r\n",
        "PROXY UNKNOWN\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY  UNKNOWN\r\n",
        "PROXY UNKNOWN \r \r\n",
        "PROXY TCP 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1\t192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1:1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP6 192.0.2.1:1 ::1 1 2\r\n",
        "PROXY TCP6 [::1] ::1 1 2\r\n",
        "PROXY TCP6 ::1%lo ::1 1 2\r\n",
        "PROXY TCP6 ::g ::1 1 2\r\n",
        "GET / HTTP/1.1\r\n",
    };
    struct proxy_header h;
    char full[PROXY_V1_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        print_message("%s", lines[i]);
        assert_int_equal(proxy_header_parse(lines[i], strlen(lines[i]), &h), -1);
        assert_false(h.named);
    }
    // One byte above the limit, and as many bytes as may stand before it.
    memset(full, 'x', sizeof(full));
    memcpy(full, "PROXY UNKNOWN ", 14);
    assert_int_equal(proxy_header_parse(full, PROXY_V1_MAX - 1, &h), 0);
    assert_int_equal(proxy_header_parse(full, PROXY_V1_MAX, &h), -1);
    memcpy(full + PROXY_V1_MAX - 1, "\r\n", 2);
    assert_int_equal(proxy_header_parse(full, PROXY_V1_MAX + 1, &h), -1);
}

static void a_binary_header_names_the_client(void **state)
{
    char out[1024];
    static const char zeros[520];
    const struct slice start = slice_of(SIGNATURE, 12);
    const struct {
        struct slice behind;
        size_t zeros;
        const char *client;
        uint16_t port;
    } headers[] = {
        {SLICE("\x21\x11\0\14" V4), 0, "192.0.2.1", 257},
        {SLICE("\x21\x21\0\44" V6), 0, "2001:db8::7", 65535},
        {SLICE("\x21\x11\0\17" V4 "\4\0\0"), 0, "192.0.2.1", 257},
        {SLICE("\x21\x11\0\25" V4 "\2\0\2xx\5\0\1y"), 0, "192.0.2.1", 257},
        {SLICE("\x21\x11\2\10" V4 "\4\1\371"), 505, "192.0.2.1", 257}, // PROXY_HEADER_MAX
        {SLICE("\x21\x31\0\330"), 216, NULL, 0},
        {SLICE("\x21\0\0\0"), 0, NULL, 0},
        {SLICE("\x21\0\0\2"), 2, NULL, 0},
        {SLICE("\x20\0\0\0"), 0, NULL, 0},
        {SLICE("\x20\x11\0\14" V4), 0, NULL, 0},
        {SLICE("\x20\x99\2\10"), 520, NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        const struct slice parts[] = {start, headers[i].behind, slice_of(zeros, headers[i].zeros)};
        assert_read(header_of(parts, 3, out), headers[i].client, headers[i].port);
    }
}

static void another_binary_header_is_none(void **state)
{
    const struct slice behind[] = {
        SLICE("\x11"),                       // version 1
        SLICE("\x22"),                       // no command
        SLICE("\x21\x11\2\11"),              // above PROXY_HEADER_MAX
        SLICE("\x20\0\2\11"),                // the same
        SLICE("\x21\x11\0\13" V4),           // cut addresses
        SLICE("\x21\x21\0\43" V6),           //
        SLICE("\x21\x12\0\14" V4),           // UDP
        SLICE("\x21\x10\0\14" V4),           // no protocol
        SLICE("\x21\x41\0\14" V4),           // no family
        SLICE("\x21\x31\0\14" V4),           // a Unix address needs more
        SLICE("\x21\x11\0\16" V4 "\4\0"),    // a cut value
        SLICE("\x21\x11\0\17" V4 "\4\0\1"),  //
        SLICE("\x21\x11\0\20" V4 "\3\0\1x"), // a checksum of one byte
    };
    struct proxy_header h;
    char out[1024];
    (void)state;
    for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
        const struct slice parts[] = {slice_of(SIGNATURE, 12), behind[i]};
        struct slice header = header_of(parts, 2, out);
        assert_int_equal(proxy_header_parse(header.p, header.len, &h), -1);
        assert_false(h.named);
    }
    // A wrong byte is seen at once.
    for (size_t at = 0; at < 12; at++) {
        memcpy(out, SIGNATURE, 12);
        out[at] ^= 1;
        assert_int_equal(proxy_header_parse(out, at + 1, &h), -1);
    }
}

// The checksum, and the value that tells of the client's TLS.
static void values_behind_the_addresses_count(void **state)
{
    // 127.0.0.1:40000 to 127.0.0.1:80
    char checked[] = SIGNATURE "\x21\x11\0\x13\x7f\0\0\1\x7f\0\0\1\x9c\x40\0\x50\3\0\4\0\0\0\0";
    const char tls[] = "\x21\x11\0\x14" V4 "\x20\0\5\1\0\0\0\0";
    struct proxy_header h;
    char out[1024];
    (void)state;
    const size_t len = sizeof(checked) - 1;
    assert_int_equal(proxy_header_parse(checked, len, &h), -1);
    memcpy(checked + len - 4, "\x53\xad\x77\x11", 4);
    assert_int_equal(proxy_header_parse(checked, len, &h), len);
    assert_true(h.named && h.client.exempt && !h.tls);
    for (size_t i = 14; i < len; i++) {
        if (i == 28) // the type: another value, of which nothing is known
            continue;
        checked[i] ^= 1;
        assert_int_not_equal(proxy_header_parse(checked, len, &h), len);
        checked[i] ^= 1;
    }
    for (size_t value = 0; value < 5; value++) {
        const struct slice parts[] = {slice_of(SIGNATURE, 12), slice_of(tls, sizeof(tls) - 1)};
        struct slice header = header_of(parts, 2, out);
        out[header.len - 5] = (char)value; // the lowest bit: the client has spoken TLS
        assert_int_equal(proxy_header_parse(header.p, header.len, &h), header.len);
        assert_int_equal(h.tls, value & 1);
    }
}

static void a_written_header_is_read_back(void **state)
{
    static const char *const clients[] = {"192.0.2.1", "2001:db8::7",
                                          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL};
    char out[PROXY_V1_MAX];
    (void)state;
    for (unsigned version = 1; version <= PROXY_VERSION_MAX; version++) {
        for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
            struct client_address client = {0};
            if (clients[i])
                assert_true(client_address_parse(slice_str(clients[i]), &client));
            size_t len = proxy_header_write(version, &client, UINT16_MAX, out);
            assert_in_range(len, 1, PROXY_V1_MAX);
            assert_read(slice_of(out, len), clients[i], 0);
        }
    }
    struct client_address client;
    assert_true(client_address_parse(SLICE("192.0.2.1"), &client));
    assert_int_equal(proxy_header_write(1, &client, 80, out), 35);
    assert_memory_equal(out, "PROXY TCP4 192.0.2.1 0.0.0.0 0 80\r\n", 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_the_client),
        cmocka_unit_test(another_line_is_none),
        cmocka_unit_test(a_binary_header_names_the_client),
        cmocka_unit_test(another_binary_header_is_none),
        cmocka_unit_test(values_behind_the_addresses_count),
        cmocka_unit_test(a_written_header_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
