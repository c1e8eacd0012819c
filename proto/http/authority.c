// SPDX-License-Identifier: MIT
#include "authority.h"
#include <stdio.h>
#include "chars.h"

int authority_split(struct slice text, struct authority *a)
{
    bool bracketed = text.len > 0 && text.p[0] == '[';
    const char *end = text.p + text.len;
    const char *after = NULL;
    *a = (struct authority){.host = text, .bracketed = bracketed};
    if (text.len == 0)
        return 0;
    if (bracketed) {
        const char *bracket = memchr(text.p, ']', text.len);
        if (!bracket)
            return AUTHORITY_E_OPEN;
        a->host = slice_of(text.p + 1, (size_t)(bracket - text.p) - 1);
        after = bracket + 1;
        if (after < end && *after != ':')
            return AUTHORITY_E_BEHIND;
    } else {
        after = memchr(text.p, ':', text.len);
        if (after && memchr(after + 1, ':', (size_t)(end - after) - 1))
            return AUTHORITY_E_COLONS;
        after = after ? after : end;
        a->host.len = (size_t)(after - text.p);
    }
    a->has_port = after < end;
    if (a->has_port)
        a->port = slice_of(after + 1, (size_t)(end - after) - 1);
    return 0;
}

bool authority_port(struct slice text, uint16_t *port)
{
    uint64_t n = 0;
    if (!slice_to_u64(text, &n) || n > UINT16_MAX)
        return false;
    *port = (uint16_t)n;
    return true;
}

size_t authority_text(const char *host, uint16_t port, char out[static AUTHORITY_MAX])
{
    bool v6 = strchr(host, ':') != NULL;
    int len = snprintf(out, AUTHORITY_MAX, v6 ? "[%.256s]:%u" : "%.256s:%u", host, (unsigned)port);
    return len > 0 ? (size_t)len : 0;
}

// dec-octet "." dec-octet "." dec-octet "." dec-octet (RFC 3986 §3.2.2)
static bool is_ipv4(struct slice s)
{
    size_t octets = 0;

    for (size_t i = 0; i <= s.len; octets++) {
        size_t start = i;
        uint64_t octet = 0;
        while (i < s.len && s.p[i] != '.')
            i++;
        if (i - start > 3 || !slice_to_u64(slice_of(s.p + start, i - start), &octet) ||
            octet > 255 || (i - start > 1 && s.p[start] == '0'))
            return false;
        i++;
    }
    return octets == 4;
}

// Counts the 16-bit groups of "h16:h16:…". An IPv4 address at the end counts as two. -1: malformed.
static int count_ipv6_groups(struct slice s, bool ipv4_may_end)
{
    int groups = 0;
    size_t i = 0;

    while (i < s.len) {
        size_t start = i;
        while (i < s.len && char_is(s.p[i], CHAR_HEX))
            i++;
        if (i < s.len && s.p[i] == '.')
            return ipv4_may_end && is_ipv4(slice_of(s.p + start, s.len - start)) ? groups + 2 : -1;
        if (i == start || i - start > 4)
            return -1;
        groups++;
        if (i == s.len)
            return groups;
        if (s.p[i++] != ':' || i == s.len)
            return -1;
    }
    return groups;
}

static bool is_ipv6(struct slice s)
{
    for (size_t i = 0; i + 1 < s.len; i++) {
        if (s.p[i] != ':' || s.p[i + 1] != ':')
            continue;
        int before = count_ipv6_groups(slice_of(s.p, i), false);
        int after = count_ipv6_groups(slice_of(s.p + i + 2, s.len - i - 2), true);
        return before >= 0 && after >= 0 && before + after <= 7;
    }
    return count_ipv6_groups(s, true) == 8;
}

// "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
static bool is_ipvfuture(struct slice s)
{
    size_t i = 1;

    if (s.len == 0 || ascii_lower(s.p[0]) != 'v')
        return false;
    while (i < s.len && char_is(s.p[i], CHAR_HEX))
        i++;
    if (i == 1 || i + 1 >= s.len || s.p[i] != '.')
        return false;
    for (i++; i < s.len; i++)
        if (!char_is(s.p[i], CHAR_NAME) && s.p[i] != ':')
            return false;
    return true;
}

// The length of the reg-name at the beginning of s.
static size_t reg_name_len(struct slice s)
{
    size_t i = 0;

    while (i < s.len) {
        if (char_is(s.p[i], CHAR_NAME))
            i++;
        else if (s.p[i] == '%' && s.len - i > 2 && char_is(s.p[i + 1], CHAR_HEX) &&
                 char_is(s.p[i + 2], CHAR_HEX))
            i += 3;
        else
            break;
    }
    return i;
}

// The length of the IP-literal at the beginning of s, with its brackets; 0 when there is none.
static size_t ip_literal_len(struct slice s)
{
    const char *bracket = memchr(s.p, ']', s.len);

    if (!bracket)
        return 0;
    struct slice inside = slice_of(s.p + 1, (size_t)(bracket - s.p) - 1);
    return is_ipv6(inside) || is_ipvfuture(inside) ? inside.len + 2 : 0;
}

bool authority_is_valid(struct slice text)
{
    uint64_t port = 0;

    if (text.len == 0)
        return false;
    size_t host_len = text.p[0] == '[' ? ip_literal_len(text) : reg_name_len(text);
    if (host_len == 0)
        return false;
    if (host_len == text.len)
        return true;
    if (text.p[host_len] != ':')
        return false;
    struct slice digits = slice_of(text.p + host_len + 1, text.len - host_len - 1);
    return digits.len == 0 || (slice_to_u64(digits, &port) && port <= UINT16_MAX);
}
