// SPDX-License-Identifier: MIT
#include "proxy_protocol.h"
#include <stdio.h>

enum {
    V2_SIGNATURE_LEN = 12,
    V2_START_LEN = 16, // signature, version and command, family, length
    V2_VERSION = 2,
    COMMAND_LOCAL = 0,
    COMMAND_PROXY = 1,
    FAMILY_UNSPEC = 0x00, // families, each with its protocol: a stream
    FAMILY_INET = 0x11,
    FAMILY_INET6 = 0x21,
    FAMILY_UNIX = 0x31,
    INET_LEN = 12, // two addresses, two ports
    INET6_LEN = 36,
    UNIX_LEN = 216,
    TLV_START_LEN = 3, // type and length
    TLV_CRC32C = 0x03,
    TLV_SSL = 0x20,
    CRC32C_LEN = 4,
    SSL_LEN = 5, // at least: bits, and the result of a check
    SSL_CLIENT_TLS = 0x01
};

static const char v1_start[] = "PROXY ";
static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";

static void set_client(struct proxy_header *h, const struct sockaddr_storage *peer)
{
    client_address_of(peer, &h->client);
    h->named = !IN6_IS_ADDR_UNSPECIFIED(&h->client.bytes);
}

// Takes the next word off, which one space separates from what follows.
static struct slice next_word(struct slice *line)
{
    const char *space = line->len > 0 ? memchr(line->p, ' ', line->len) : NULL;
    struct slice word = slice_of(line->p, space ? (size_t)(space - line->p) : line->len);
    size_t used = space ? word.len + 1 : word.len;
    *line = slice_of(line->p + used, line->len - used);
    return word;
}

// Leading zeros are not allowed.
static bool read_port(struct slice word, uint16_t *port)
{
    uint64_t n = 0;
    if (!slice_to_u64(word, &n) || n > UINT16_MAX || (word.p[0] == '0' && word.len > 1))
        return false;
    *port = (uint16_t)n;
    return true;
}

// Reads an address of one family alone: no brackets, no zone, no port. IPv6 has at least two
// colons.
static bool read_address(struct slice word, bool v6, struct client_address *a)
{
    size_t colons = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.p[i] == '[' || word.p[i] == '%')
            return false;
        colons += word.p[i] == ':';
    }
    return (v6 ? colons >= 2 : colons == 0) && client_address_parse(word, a);
}

// Reads a line behind "PROXY ", without its end.
static bool read_v1(struct slice line, struct proxy_header *h)
{
    struct client_address server;
    uint16_t server_port = 0;
    struct slice family = next_word(&line);
    if (slice_eq(family, SLICE("UNKNOWN")))
        return true; // what follows is to be ignored
    bool v6 = slice_eq(family, SLICE("TCP6"));
    if (!v6 && !slice_eq(family, SLICE("TCP4")))
        return false;
    bool ok = read_address(next_word(&line), v6, &h->client) &&
              read_address(next_word(&line), v6, &server) && read_port(next_word(&line), &h->port);
    h->named = ok && !IN6_IS_ADDR_UNSPECIFIED(&h->client.bytes);
    return ok && read_port(line, &server_port);
}

static int parse_v1(const char *bytes, size_t len, struct proxy_header *h)
{
    const size_t start = sizeof(v1_start) - 1;
    const char *end = memchr(bytes, '\n', len < PROXY_V1_MAX ? len : PROXY_V1_MAX);
    if (!end)
        return len < PROXY_V1_MAX ? 0 : -1;
    size_t line = (size_t)(end - bytes) - 1; // without CR LF
    if (line < start || memchr(bytes, '\r', line + 1) != bytes + line ||
        !read_v1(slice_of(bytes + start, line - start), h))
        return -1;
    return (int)(line + 2);
}

// CRC32C (RFC 3720 §12.1) of the header with the bytes of its own checksum, at `hole`, as zeros.
static uint32_t crc32c(const uint8_t *bytes, size_t len, size_t hole)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= i - hole < CRC32C_LEN ? 0 : bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
    }
    return ~crc;
}

// Reads one of the values behind the addresses. False: it contradicts the header.
static bool read_tlv(const uint8_t *header, size_t len, const uint8_t *value, size_t value_len,
                     struct proxy_header *h)
{
    switch (value[-TLV_START_LEN]) {
    case TLV_CRC32C:
        return value_len == CRC32C_LEN &&
               read_be(value, CRC32C_LEN) == crc32c(header, len, (size_t)(value - header));
    case TLV_SSL: h->tls = value_len >= SSL_LEN && value[0] & SSL_CLIENT_TLS; return true;
    default: return true;
    }
}

static bool read_tlvs(const uint8_t *header, size_t at, size_t len, struct proxy_header *h)
{
    while (at < len) {
        if (len - at < TLV_START_LEN)
            return false;
        size_t value_len = (size_t)read_be(header + at + 1, 2);
        at += TLV_START_LEN;
        if (value_len > len - at || !read_tlv(header, len, header + at, value_len, h))
            return false;
        at += value_len;
    }
    return true;
}

// Reads the two addresses and ports.
static void read_inet(const uint8_t *p, struct proxy_header *h)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    struct sockaddr_storage any = {0};
    memcpy(&peer.sin_addr, p, sizeof(peer.sin_addr));
    memcpy(&any, &peer, sizeof(peer));
    set_client(h, &any);
    h->port = (uint16_t)read_be(p + 8, 2);
}

static void read_inet6(const uint8_t *p, struct proxy_header *h)
{
    struct sockaddr_in6 peer = {.sin6_family = AF_INET6};
    struct sockaddr_storage any = {0};
    memcpy(&peer.sin6_addr, p, sizeof(peer.sin6_addr));
    memcpy(&any, &peer, sizeof(peer));
    set_client(h, &any);
    h->port = (uint16_t)read_be(p + 32, 2);
}

// Reads what follows the start of a header of PROXY, which is whole.
static bool read_v2(const uint8_t *header, size_t len, struct proxy_header *h)
{
    const uint8_t *p = header + V2_START_LEN;
    const size_t left = len - V2_START_LEN;
    switch (header[V2_SIGNATURE_LEN + 1]) {
    case FAMILY_INET:
        if (left < INET_LEN)
            return false;
        read_inet(p, h);
        return read_tlvs(header, V2_START_LEN + INET_LEN, len, h);
    case FAMILY_INET6:
        if (left < INET6_LEN)
            return false;
        read_inet6(p, h);
        return read_tlvs(header, V2_START_LEN + INET6_LEN, len, h);
    case FAMILY_UNIX: return left >= UNIX_LEN;
    case FAMILY_UNSPEC: return true;
    default: return false;
    }
}

static int parse_v2(const uint8_t *bytes, size_t len, struct proxy_header *h)
{
    if (len > V2_SIGNATURE_LEN && bytes[V2_SIGNATURE_LEN] != (V2_VERSION << 4 | COMMAND_LOCAL) &&
        bytes[V2_SIGNATURE_LEN] != (V2_VERSION << 4 | COMMAND_PROXY))
        return -1;
    if (len < V2_START_LEN)
        return 0;
    size_t whole = V2_START_LEN + (size_t)read_be(bytes + V2_START_LEN - 2, 2);
    if (whole > PROXY_HEADER_MAX)
        return -1;
    if (len < whole)
        return 0;
    bool local = (bytes[V2_SIGNATURE_LEN] & 0xf) == COMMAND_LOCAL;
    return local || read_v2(bytes, whole, h) ? (int)whole : -1;
}

// Whether the bytes are `start`, as far as both go.
static bool begins(const char *bytes, size_t len, const char *start, size_t start_len)
{
    return memcmp(bytes, start, len < start_len ? len : start_len) == 0;
}

int proxy_header_parse(const char *bytes, size_t len, struct proxy_header *h)
{
    *h = (struct proxy_header){0};
    int used = -1;
    if (len == 0)
        return 0;
    if (begins(bytes, len, v1_start, sizeof(v1_start) - 1))
        used = parse_v1(bytes, len, h);
    else if (begins(bytes, len, v2_signature, V2_SIGNATURE_LEN))
        used = parse_v2((const uint8_t *)bytes, len, h);
    if (used <= 0)
        *h = (struct proxy_header){0};
    return used;
}

static size_t write_v1(const struct client_address *client, bool v4, uint16_t port, char *out)
{
    char text[INET6_ADDRSTRLEN];
    client_address_text(client, text);
    return (size_t)snprintf(out, PROXY_V1_MAX, "PROXY %s %s %s 0 %u\r\n", v4 ? "TCP4" : "TCP6",
                            text, v4 ? "0.0.0.0" : "::", port);
}

static size_t write_v2(const struct client_address *client, bool v4, uint16_t port, uint8_t *out)
{
    const size_t len = v4 ? INET_LEN : INET6_LEN;
    uint8_t *p = out + V2_START_LEN;
    memset(p, 0, len);
    if (v4)
        memcpy(p, client->bytes.s6_addr + 12, 4);
    else
        memcpy(p, client->bytes.s6_addr, sizeof(client->bytes));
    write_be(p + len - 2, 2, port);
    out[V2_SIGNATURE_LEN] = V2_VERSION << 4 | COMMAND_PROXY;
    out[V2_SIGNATURE_LEN + 1] = v4 ? FAMILY_INET : FAMILY_INET6;
    write_be(out + V2_START_LEN - 2, 2, len);
    return V2_START_LEN + len;
}

size_t proxy_header_write(unsigned version, const struct client_address *client, uint16_t port,
                          char out[static PROXY_V1_MAX])
{
    static const char unknown[] = "PROXY UNKNOWN\r\n";
    static const uint8_t local[] = {V2_VERSION << 4 | COMMAND_LOCAL, FAMILY_UNSPEC, 0, 0};
    const bool nobody = IN6_IS_ADDR_UNSPECIFIED(&client->bytes);
    const bool v4 = IN6_IS_ADDR_V4MAPPED(&client->bytes);
    if (version == 1 && nobody) {
        memcpy(out, unknown, sizeof(unknown) - 1);
        return sizeof(unknown) - 1;
    }
    if (version == 1)
        return write_v1(client, v4, port, out);
    memcpy(out, v2_signature, V2_SIGNATURE_LEN);
    memcpy(out + V2_SIGNATURE_LEN, local, sizeof(local));
    return nobody ? V2_START_LEN : write_v2(client, v4, port, (uint8_t *)out);
}
