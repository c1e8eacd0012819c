// SPDX-License-Identifier: MIT
#include "field_names.h"

struct entry {
    const char *name; // in lower case; a final hyphen makes it a prefix
    uint8_t len;
    uint8_t kind; // enum field_kind
};

#define E(name, kind)                  \
    {                                  \
        (name), sizeof(name) - 1, kind \
    }
#define END        \
    {              \
        NULL, 0, 0 \
    }

// The names by their first letter, so that few are compared. The longer of two prefixes comes
// first.
static const struct entry of_a[] = {
    E("adit-", FIELD_OURS),
    E("age", FIELD_PASSES),
    E("authorization", FIELD_PASSES),
    E("authentication-info", FIELD_PASSES),
    END,
};
static const struct entry of_c[] = {
    E("content-type", FIELD_PASSES),   E("content-length", FIELD_LENGTH),
    E("connection", FIELD_CONNECTION), E("cookie", FIELD_PASSES),
    E("cache-control", FIELD_PASSES),  E("content-encoding", FIELD_PASSES),
    E("content-range", FIELD_PASSES),  E("client-ip", FIELD_CLAIM),
    E("client-cert", FIELD_CLAIM),     E("client-cert-chain", FIELD_CLAIM), // RFC 9440
    E("cf-connecting-", FIELD_CLAIM),  END,
};
static const struct entry of_d[] = {E("date", FIELD_PASSES), E("do-connecting-ip", FIELD_CLAIM),
                                    END};
static const struct entry of_e[] = {E("expect", FIELD_PASSES), E("expires", FIELD_PASSES), END};
static const struct entry of_f[] = {
    E("forwarded", FIELD_CLAIM),        E("front-end-https", FIELD_CLAIM),
    E("fastly-client-ip", FIELD_CLAIM), E("fly-client-ip", FIELD_CLAIM),
    E("fly-forwarded-", FIELD_CLAIM),   END,
};
static const struct entry of_h[] = {
    E("host", FIELD_STAYS),
    E("http2-settings", FIELD_DROPPED),
    END,
};
static const struct entry of_i[] = {
    E("if-match", FIELD_PASSES),          E("if-none-match", FIELD_PASSES),
    E("if-modified-since", FIELD_PASSES), E("if-unmodified-since", FIELD_PASSES),
    E("if-range", FIELD_PASSES),          END,
};
static const struct entry of_k[] = {E("keep-alive", FIELD_DROPPED), END};
static const struct entry of_l[] = {E("location", FIELD_PASSES), END};
static const struct entry of_m[] = {E("max-forwards", FIELD_STAYS), END};
static const struct entry of_p[] = {
    E("proxy", FIELD_CLAIM), // CGI passes it as HTTP_PROXY, which libraries obey ("httpoxy")
    E("proxy-client-ip", FIELD_CLAIM),
    E("proxy-connection", FIELD_DROPPED),
    E("proxy-", FIELD_STAYS),
    E("path-info", FIELD_CLAIM), // with SCRIPT_NAME: the mount point of a WSGI service
    E("pragma", FIELD_PASSES),
    END,
};
static const struct entry of_r[] = {
    E("range", FIELD_PASSES),
    E("retry-after", FIELD_PASSES),
    E("remote-", FIELD_CLAIM), // variables of CGI: REMOTE_USER, REMOTE_ADDR, REMOTE_HOST
    END,
};
static const struct entry of_s[] = {
    E("set-cookie", FIELD_PASSES),
    E("set-cookie2", FIELD_PASSES),
    E("script-name", FIELD_CLAIM),
    E("ssl-client-", FIELD_CLAIM),
    END,
};
static const struct entry of_t[] = {
    E("te", FIELD_TE),
    E("trailer", FIELD_STAYS),
    E("transfer-encoding", FIELD_DROPPED),
    E("true-client-ip", FIELD_CLAIM),
    END,
};
static const struct entry of_u[] = {E("upgrade", FIELD_DROPPED), END};
static const struct entry of_v[] = {E("via", FIELD_STAYS), E("vary", FIELD_PASSES), END};
static const struct entry of_w[] = {
    E("warning", FIELD_PASSES),
    E("www-authenticate", FIELD_PASSES),
    E("wl-proxy-", FIELD_CLAIM),
    END,
};
static const struct entry of_x[] = {
    E("x-forwarded-", FIELD_CLAIM),
    E("x-forwarded", FIELD_CLAIM),
    E("x-real-ip", FIELD_CLAIM),
    E("x-client-ip", FIELD_CLAIM),
    E("x-remote-", FIELD_CLAIM),
    E("x-cluster-client-ip", FIELD_CLAIM),
    E("x-original-", FIELD_CLAIM),
    E("x-rewrite-url", FIELD_CLAIM),
    E("x-scheme", FIELD_CLAIM),
    E("x-url-scheme", FIELD_CLAIM),
    E("x-forwarder-for", FIELD_CLAIM),
    E("x-forward-", FIELD_CLAIM),
    E("x-originating-ip", FIELD_CLAIM),
    E("x-proxyuser-ip", FIELD_CLAIM),
    E("x-azure-clientip", FIELD_CLAIM),
    E("x-azure-socketip", FIELD_CLAIM),
    E("x-envoy-external-address", FIELD_CLAIM),
    E("x-script-name", FIELD_CLAIM),
    E("x-accel-mapping", FIELD_CLAIM), // with X-Sendfile-Type: chooses the files that Rack serves
    E("x-sendfile-type", FIELD_CLAIM),
    E("x-ssl-client-", FIELD_CLAIM),
    E("x-client-cert", FIELD_CLAIM),
    E("x-client-verify", FIELD_CLAIM),
    E("x-auth-request-", FIELD_CLAIM),
    E("x-webauth-", FIELD_CLAIM),
    END,
};

static const struct entry *const by_letter[26] = {
    ['a' - 'a'] = of_a, ['c' - 'a'] = of_c, ['d' - 'a'] = of_d, ['e' - 'a'] = of_e,
    ['f' - 'a'] = of_f, ['h' - 'a'] = of_h, ['i' - 'a'] = of_i, ['k' - 'a'] = of_k,
    ['l' - 'a'] = of_l, ['m' - 'a'] = of_m, ['p' - 'a'] = of_p, ['r' - 'a'] = of_r,
    ['s' - 'a'] = of_s, ['t' - 'a'] = of_t, ['u' - 'a'] = of_u, ['v' - 'a'] = of_v,
    ['w' - 'a'] = of_w, ['x' - 'a'] = of_x,
};

static inline bool is_alphanumeric(char lower)
{
    return (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
}

static inline bool is_beginning(const struct entry *e)
{
    return e->name[e->len - 1] == '-';
}

// Compares the length and one character, which rules out most entries cheaply.
static inline bool may_match(struct slice name, const struct entry *e)
{
    if (is_beginning(e) ? name.len < e->len : name.len != e->len)
        return false;
    char middle = e->name[e->len / 2];
    return middle == '-' || ascii_lower(name.p[e->len / 2]) == middle;
}

// Compares without case, eight bytes at a time: all characters of entries have the bit 0x20 set.
static inline bool is_same(const char *name, const char *entry, size_t len)
{
    const uint64_t small = 0x2020202020202020U;
    uint64_t a = 0;
    uint64_t b = 0;
    size_t i = 0;

    for (; i + sizeof(a) <= len; i += sizeof(a)) {
        memcpy(&a, name + i, sizeof(a));
        memcpy(&b, entry + i, sizeof(b));
        if ((a | small) != b)
            return false;
    }
    for (; i < len; i++)
        if ((name[i] | 0x20) != entry[i])
            return false;
    return true;
}

// Whether a name, which is at least as long as the entry, is the entry's or its twin.
static bool matches(struct slice name, const struct entry *e, bool *twin)
{
    bool exact = true;

    *twin = false;
    if (is_same(name.p, e->name, e->len))
        return true;
    for (size_t i = 0; i < e->len; i++) {
        char c = ascii_lower(name.p[i]);
        if (c == e->name[i])
            continue;
        if (e->name[i] != '-' || is_alphanumeric(c))
            return false;
        exact = false;
    }
    *twin = !exact;
    return true;
}

struct field_use field_use_of(struct slice name)
{
    unsigned letter = name.len > 0 ? (unsigned char)ascii_lower(name.p[0]) - (unsigned)'a' : 26;
    bool twin = false;

    for (const struct entry *e = letter < 26 ? by_letter[letter] : NULL; e && e->name; e++)
        if (may_match(name, e) && matches(name, e, &twin))
            return (struct field_use){(enum field_kind)e->kind, true, twin};
    return (struct field_use){FIELD_PASSES, false, false};
}

bool field_is_claim(struct slice name)
{
#define LETTER(c) (1U << ((c)&31))
    static const uint32_t letters = LETTER('c') | LETTER('d') | LETTER('f') | LETTER('p') |
                                    LETTER('r') | LETTER('s') | LETTER('t') | LETTER('w') |
                                    LETTER('x');
    return name.len > 0 && (letters & LETTER((unsigned char)name.p[0])) &&
           field_use_of(name).kind == FIELD_CLAIM;
}

bool field_names_fold(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char c = ascii_lower(a.p[i]);
        char d = ascii_lower(b.p[i]);
        if (c != d && (is_alphanumeric(c) || is_alphanumeric(d)))
            return false;
    }
    return true;
}
