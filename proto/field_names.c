// SPDX-License-Identifier: MIT
#include "field_names.h"

struct entry {
    const char *name; // in lower case; one that ends with a hyphen is the beginning of many
    enum field_kind kind;
};

#define END     \
    {           \
        NULL, 0 \
    }

// By their first letters, so that few names get as far as a comparison. The longer of two
// beginnings stands first.
static const struct entry of_a[] = {
    {"adit-", FIELD_OURS},
    {"age", FIELD_PASSES},
    {"authorization", FIELD_PASSES},
    {"authentication-info", FIELD_PASSES},
    END,
};
static const struct entry of_c[] = {
    {"cookie", FIELD_PASSES},         {"connection", FIELD_CONNECTION},
    {"content-length", FIELD_LENGTH}, {"content-type", FIELD_PASSES},
    {"cache-control", FIELD_PASSES},  {"content-encoding", FIELD_PASSES},
    {"content-range", FIELD_PASSES},  {"client-ip", FIELD_CLAIM},
    {"client-cert", FIELD_CLAIM},     {"client-cert-chain", FIELD_CLAIM}, // RFC 9440
    {"cf-connecting-", FIELD_CLAIM},  END,
};
static const struct entry of_d[] = {{"date", FIELD_PASSES}, {"do-connecting-ip", FIELD_CLAIM}, END};
static const struct entry of_e[] = {{"expect", FIELD_PASSES}, {"expires", FIELD_PASSES}, END};
static const struct entry of_f[] = {
    {"forwarded", FIELD_CLAIM},        {"front-end-https", FIELD_CLAIM},
    {"fastly-client-ip", FIELD_CLAIM}, {"fly-client-ip", FIELD_CLAIM},
    {"fly-forwarded-", FIELD_CLAIM},   END,
};
static const struct entry of_h[] = {
    {"host", FIELD_STAYS},
    {"http2-settings", FIELD_DROPPED},
    END,
};
static const struct entry of_i[] = {
    {"if-match", FIELD_PASSES},          {"if-none-match", FIELD_PASSES},
    {"if-modified-since", FIELD_PASSES}, {"if-unmodified-since", FIELD_PASSES},
    {"if-range", FIELD_PASSES},          END,
};
static const struct entry of_k[] = {{"keep-alive", FIELD_DROPPED}, END};
static const struct entry of_l[] = {{"location", FIELD_PASSES}, END};
static const struct entry of_m[] = {{"max-forwards", FIELD_STAYS}, END};
static const struct entry of_p[] = {
    {"proxy", FIELD_CLAIM}, // read as HTTP_PROXY, by which libraries find their proxy
    {"proxy-client-ip", FIELD_CLAIM},
    {"proxy-connection", FIELD_DROPPED},
    {"proxy-", FIELD_STAYS},
    {"path-info", FIELD_CLAIM}, // PATH_INFO and SCRIPT_NAME: where a WSGI service is mounted
    {"pragma", FIELD_PASSES},
    END,
};
static const struct entry of_r[] = {
    {"range", FIELD_PASSES},
    {"retry-after", FIELD_PASSES},
    {"remote-", FIELD_CLAIM}, // -User, -Addr, -Host: CGI's own words
    END,
};
static const struct entry of_s[] = {
    {"set-cookie", FIELD_PASSES},
    {"set-cookie2", FIELD_PASSES},
    {"script-name", FIELD_CLAIM},
    {"ssl-client-", FIELD_CLAIM},
    END,
};
static const struct entry of_t[] = {
    {"te", FIELD_TE},
    {"trailer", FIELD_STAYS},
    {"transfer-encoding", FIELD_DROPPED},
    {"true-client-ip", FIELD_CLAIM},
    END,
};
static const struct entry of_u[] = {{"upgrade", FIELD_DROPPED}, END};
static const struct entry of_v[] = {{"via", FIELD_STAYS}, {"vary", FIELD_PASSES}, END};
static const struct entry of_w[] = {
    {"warning", FIELD_PASSES},
    {"www-authenticate", FIELD_PASSES},
    {"wl-proxy-", FIELD_CLAIM},
    END,
};
static const struct entry of_x[] = {
    {"x-forwarded-", FIELD_CLAIM},
    {"x-forwarded", FIELD_CLAIM},
    {"x-real-ip", FIELD_CLAIM},
    {"x-client-ip", FIELD_CLAIM},
    {"x-remote-", FIELD_CLAIM},
    {"x-cluster-client-ip", FIELD_CLAIM},
    {"x-original-", FIELD_CLAIM},
    {"x-rewrite-url", FIELD_CLAIM},
    {"x-scheme", FIELD_CLAIM},
    {"x-url-scheme", FIELD_CLAIM},
    {"x-forwarder-for", FIELD_CLAIM},
    {"x-forward-", FIELD_CLAIM},
    {"x-originating-ip", FIELD_CLAIM},
    {"x-proxyuser-ip", FIELD_CLAIM},
    {"x-azure-clientip", FIELD_CLAIM},
    {"x-azure-socketip", FIELD_CLAIM},
    {"x-envoy-external-address", FIELD_CLAIM},
    {"x-script-name", FIELD_CLAIM},
    {"x-accel-mapping", FIELD_CLAIM}, // with X-Sendfile-Type: which files a service gives away
    {"x-sendfile-type", FIELD_CLAIM},
    {"x-ssl-client-", FIELD_CLAIM},
    {"x-client-cert", FIELD_CLAIM},
    {"x-client-verify", FIELD_CLAIM},
    {"x-auth-request-", FIELD_CLAIM},
    {"x-webauth-", FIELD_CLAIM},
    END,
};

static const struct entry *const by_letter[26] = {
    ['a' - 'a'] = of_a, ['c' - 'a'] = of_c, ['d' - 'a'] = of_d, ['e' - 'a'] = of_e,
    ['f' - 'a'] = of_f, ['h' - 'a'] = of_h, ['i' - 'a'] = of_i, ['k' - 'a'] = of_k,
    ['l' - 'a'] = of_l, ['m' - 'a'] = of_m, ['p' - 'a'] = of_p, ['r' - 'a'] = of_r,
    ['s' - 'a'] = of_s, ['t' - 'a'] = of_t, ['u' - 'a'] = of_u, ['v' - 'a'] = of_v,
    ['w' - 'a'] = of_w, ['x' - 'a'] = of_x,
};

static inline bool is_word(char lower)
{
    return (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
}

// Whether a name is an entry's or a twin of it.
static inline bool matches(struct slice name, const char *entry, bool *twin)
{
    size_t i = 0;
    bool exact = true;

    for (; entry[i]; i++) {
        char c = i < name.len ? ascii_lower(name.p[i]) : '\0';
        if (c == entry[i])
            continue;
        if (entry[i] != '-' || i >= name.len || is_word(c))
            return false;
        exact = false;
    }
    *twin = !exact;
    return i == name.len || entry[i - 1] == '-';
}

struct field_use field_use_of(struct slice name)
{
    unsigned letter = name.len > 0 ? (unsigned char)ascii_lower(name.p[0]) - (unsigned)'a' : 26;
    bool twin = false;

    for (const struct entry *e = letter < 26 ? by_letter[letter] : NULL; e && e->name; e++)
        if (matches(name, e->name, &twin))
            return (struct field_use){e->kind, true, twin};
    return (struct field_use){FIELD_PASSES, false, false};
}

bool field_names_fold(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char c = ascii_lower(a.p[i]);
        char d = ascii_lower(b.p[i]);
        if (c != d && (is_word(c) || is_word(d)))
            return false;
    }
    return true;
}
