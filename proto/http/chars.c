// SPDX-License-Identifier: MIT
#include "chars.h"
#include "http1.h"

// clang-format off
const uint8_t char_classes[256] = {
      0,   0,   0,   0,   0,   0,   0,   0,   0,   2,   0,   0,   0,   0,   0,   0,
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
      2,  23,   6,   3,  23,   7,  23,  23,  22,  22,  23,  87,  22,  23,  23,  70,
     95,  95,  95,  95,  95,  95,  95,  95,  95,  95,   6,  22,   6,  22,   6,   6,
      6, 127, 127, 127, 127, 127, 127, 119, 119, 119, 119, 119, 119, 119, 119, 119,
    119, 119, 119, 119, 119, 119, 119, 119, 119, 119, 119,   6,   6,   6,   7,  23,
      7,  95,  95,  95,  95,  95,  95,  87,  87,  87,  87,  87,  87,  87,  87,  87,
     87,  87,  87,  87,  87,  87,  87,  87,  87,  87,  87,   6,   7,   6,  23,   0,
    // 0x80 to 0xff
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
};
// clang-format on

bool http1_is_token(struct slice s)
{
    return s.len > 0 && chars_are(s, CHAR_TOKEN);
}

bool http1_is_field_value(struct slice s)
{
    return chars_are(s, CHAR_VALUE);
}

bool http1_is_target(struct slice s)
{
    return s.len > 0 && chars_are(s, CHAR_TARGET);
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

// The groups of 16 bits in "h16:h16:…", where the last may be an IPv4 address, which is two. -1:
// malformed.
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

// The length of the reg-name that s begins with.
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

// The length of the IP-literal that s begins with, brackets included; 0 when it is none.
static size_t ip_literal_len(struct slice s)
{
    const char *bracket = memchr(s.p, ']', s.len);

    if (!bracket)
        return 0;
    struct slice inside = slice_of(s.p + 1, (size_t)(bracket - s.p) - 1);
    return is_ipv6(inside) || is_ipvfuture(inside) ? inside.len + 2 : 0;
}

bool http1_is_host(struct slice s)
{
    uint64_t port = 0;

    if (s.len == 0)
        return false;
    size_t host_len = s.p[0] == '[' ? ip_literal_len(s) : reg_name_len(s);
    if (host_len == 0)
        return false;
    if (host_len == s.len)
        return true;
    if (s.p[host_len] != ':')
        return false;
    struct slice digits = slice_of(s.p + host_len + 1, s.len - host_len - 1);
    return digits.len == 0 || (slice_to_u64(digits, &port) && port <= UINT16_MAX);
}
