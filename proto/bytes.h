// SPDX-License-Identifier: MIT
// Slices: borrowed bytes, not terminated by a zero; and characters of ASCII.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *p;
    size_t len;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *p, size_t len)
{
    return (struct slice){p, len};
}

// The bytes of a string; none for NULL.
static inline struct slice slice_str(const char *s)
{
    return (struct slice){s, s ? strlen(s) : 0};
}

static inline char ascii_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_letter(char c)
{
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

// Equal without regard to the case of ASCII letters.
static inline bool slice_ieq(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (a.p[i] != b.p[i] && ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

// Whether s begins with `prefix`, without regard to the case of ASCII letters.
static inline bool slice_ibegins(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_ieq(slice_of(s.p, prefix.len), prefix);
}

// Trims spaces and tabs (OWS of RFC 9110 §5.6.3) at both ends.
static inline struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s.p++, s.len--;
    while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

// Takes the next element off a comma-separated list (RFC 9110 §5.6.1), trims it, and skips empty
// ones. Returns false at the end. Not for lists whose elements may be quoted strings.
bool slice_next_element(struct slice *list, struct slice *element);

// Whether an element of such a list is `word`, compared without case.
bool slice_list_has(struct slice list, struct slice word);
// Whether `list` has elements and each is an element of `others`, compared without case.
bool slice_list_is_within(struct slice list, struct slice others);

// Parses decimal digits: no sign, no space, no overflow. False for anything else, or nothing.
bool slice_to_u64(struct slice s, uint64_t *value);

// Big-endian integers of 1 to 8 bytes.
static inline uint64_t read_be(const uint8_t *p, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | p[i];
    return n;
}

static inline void write_be(uint8_t *p, size_t bytes, uint64_t n)
{
    for (size_t i = bytes; i-- > 0; n >>= 8)
        p[i] = (uint8_t)n;
}
