// SPDX-License-Identifier: MIT
#include "spelling.h"
#include "proto/http/chars.h"

#define LETTER(c) (1U << ((unsigned)(c)&0x1fU))

// Names whose usual spelling is not Title-Case, by length: those of the IANA registry of HTTP field
// names, and a few unregistered ones that are always written so. Those of one length are one
// string, so that a search reads few cache lines; `letters` are those that they begin with.
static const struct {
    uint32_t letters;
    const char *names;
} spelled[] = {
    [2] = {LETTER('I') | LETTER('T'), "IM TE"},
    [3] = {LETTER('D') | LETTER('E') | LETTER('N') | LETTER('P') | LETTER('R') | LETTER('T') |
               LETTER('U'),
           "DAV DNT DPR ECT NEL P3P PEP RTT TCN TTL URI"},
    [4] = {LETTER('A') | LETTER('D') | LETTER('E') | LETTER('S'), "A-IM ALPN DASL DPoP ETag SLUG"},
    [5] = {LETTER('C'), "C-PEP"},
    [6] = {LETTER('A') | LETTER('O'), "AS2-To OSCORE"},
    [7] = {LETTER('S'), "Sec-GPC"},
    [8] = {LETTER('A') | LETTER('C') | LETTER('P') | LETTER('U'),
           "AS2-From CDN-Loop PEP-Info UA-Color UA-Media"},
    [9] = {LETTER('A') | LETTER('E') | LETTER('S') | LETTER('U') | LETTER('X'),
           "Accept-CH Expect-CT Sec-CH-UA SourceMap UA-Pixels X-Real-IP"},
    [10] = {LETTER('C') | LETTER('D') | LETTER('G') | LETTER('P') | LETTER('S'),
            ("C-PEP-Info Content-ID DPoP-Nonce GetProfile PICS-Label SoapAction "
             "Status-URI")},
    [11] = {LETTER('A') | LETTER('C'),
            ("AS2-Version CMCD-Object CMCD-Status CMSD-Static Content-DPR "
             "Content-MD5 Critical-CH")},
    [12] = {LETTER('C') | LETTER('M') | LETTER('X'),
            ("CMCD-Request CMCD-Session CMSD-Dynamic MIME-Version X-CSRF-Token "
             "X-WebKit-CSP")},
    [13] = {LETTER('L') | LETTER('M') | LETTER('O') | LETTER('P') | LETTER('U'),
            "Last-Event-ID MS-Author-Via OData-Version ProfileObject UA-Resolution"},
    [14] = {LETTER('C') | LETTER('H') | LETTER('O') | LETTER('S'),
            "Cal-Managed-ID HTTP2-Settings OData-EntityId Sec-CH-UA-Arch"},
    [15] = {LETTER('D') | LETTER('E') | LETTER('O') | LETTER('S') | LETTER('U') | LETTER('X'),
            ("Differential-ID EDIINT-Features OData-Isolation Sec-CH-UA-Model "
             "UA-Windowpixels X-UA-Compatible")},
    [16] = {LETTER('C') | LETTER('O') | LETTER('S') | LETTER('W') | LETTER('X'),
            ("CalDAV-Timezones OData-MaxVersion Sec-CH-UA-Mobile WWW-Authenticate "
             "X-XSS-Protection")},
    [17] = {LETTER('C') | LETTER('O') | LETTER('S'),
            ("CDN-Cache-Control OSLC-Core-Version Sec-CH-UA-Bitness "
             "Sec-WebSocket-Key")},
    [18] = {LETTER('S'), "Sec-CH-UA-Platform"},
    [19] = {LETTER('A'), "AMP-Cache-Transform"},
    [20] = {LETTER('S'), "Sec-WebSocket-Accept"},
    [21] = {LETTER('S'), "Sec-WebSocket-Version"},
    [22] = {LETTER('S') | LETTER('X'),
            ("Sec-CH-UA-Full-Version Sec-WebSocket-Protocol X-DNS-Prefetch-Control "
             "X-HTTP-Method-Override")},
    [24] = {LETTER('S'), "Sec-WebSocket-Extensions"},
    [25] = {LETTER('O'), "Optional-WWW-Authenticate"},
    [26] = {LETTER('S'), "Sec-CH-UA-Platform-Version"},
    [27] = {LETTER('S'), "Sec-CH-UA-Full-Version-List"},
};

// NULL: the name is written in Title-Case.
static inline const char *spelling_of(struct slice name)
{
    if (name.len >= sizeof(spelled) / sizeof(spelled[0]) ||
        !(spelled[name.len].letters & LETTER(name.p[0])))
        return NULL;
    for (const char *s = spelled[name.len].names; s; s = s[name.len] ? s + name.len + 1 : NULL)
        if (LETTER(*s) == LETTER(name.p[0]) && slice_ieq(name, slice_of(s, name.len)))
            return s;
    return NULL;
}

static inline bool is_upper(char c)
{
    return char_is(c, CHAR_UPPER);
}

static inline bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

// The character behind the next hyphen of a name; NULL at its end.
static inline char *next_part(char *part, const char *end)
{
    char *hyphen = memchr(part, '-', (size_t)(end - part));
    return hyphen && hyphen + 1 < end ? hyphen + 1 : NULL;
}

// Overwrites a name in lower case with its default spelling: the registered one, or Title-Case.
static void spell_by_default(char *name, size_t len)
{
    const char *known = spelling_of(slice_of(name, len));
    if (known) {
        memcpy(name, known, len);
        return;
    }
    const char *end = name + len;
    for (char *part = name; part; part = next_part(part, end))
        if (is_lower(*part))
            *part = (char)(*part & ~0x20);
}

static bool is_default(struct slice name)
{
    const char *known = spelling_of(name);
    if (known)
        return memcmp(name.p, known, name.len) == 0;
    bool first = true;
    for (size_t i = 0; i < name.len; i++) {
        if (first ? is_lower(name.p[i]) : is_upper(name.p[i]))
            return false;
        first = name.p[i] == '-';
    }
    return true;
}

// Private fields never leave the tunnel, so their spelling does not matter.
static inline bool is_ours(struct slice name)
{
    return ascii_lower(name.p[0]) == 'a' && slice_ibegins(name, SLICE("adit-"));
}

// Whether a relay adds this field. Its spelling is the default one, even in a request that some
// client wrote all in lower case.
static bool is_added(struct slice name)
{
    switch (name.len) {
    case 3: return slice_ieq(name, SLICE("via"));
    case 4: return slice_ieq(name, SLICE("date"));
    case 9: return slice_ieq(name, SLICE("forwarded"));
    case 15:
    case 16:
    case 17: return slice_ibegins(name, SLICE("x-forwarded-"));
    default: return false;
    }
}

// The spelling of the names that adit-case does not list.
enum base {
    BASE_DEFAULT,
    BASE_LOWER, // except those of is_added
};

static bool is_base(struct slice name, enum base base)
{
    if (is_ours(name))
        return true;
    return base == BASE_DEFAULT || is_added(name) ? is_default(name)
                                                  : !chars_have(name, CHAR_UPPER);
}

// The spelling of Host, which travels as :authority; empty when the head has none.
static struct slice host_of(const struct http_head *head)
{
    bool request = head->method.len > 0 && head->authority.len > 0;
    if (!request)
        return (struct slice){0};
    return head->host_name.len > 0 ? head->host_name : SLICE("Host");
}

static bool departs(const struct http_head *head)
{
    const struct slice host = host_of(head);
    if (host.len > 0 && !is_base(host, BASE_DEFAULT))
        return true;
    for (size_t i = 0; i < head->field_count; i++)
        if (!is_base(head->fields[i].name, BASE_DEFAULT))
            return true;
    return false;
}

// The base from which fewer names depart.
static enum base best_base(const struct http_head *head)
{
    struct slice host = host_of(head);
    ptrdiff_t more = 0; // departures from lower case than from the default
    if (host.len > 0)
        more = is_base(host, BASE_DEFAULT) - is_base(host, BASE_LOWER);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct slice name = head->fields[i].name;
        if (!is_ours(name) && !is_added(name))
            more += is_base(name, BASE_DEFAULT) - is_base(name, BASE_LOWER);
    }
    return more < 0 ? BASE_LOWER : BASE_DEFAULT;
}

size_t spelling_bound(const struct http_head *head)
{
    if (!departs(head))
        return 0;
    size_t room = sizeof("*,Host");
    for (size_t i = 0; i < head->field_count; i++)
        room += head->fields[i].name.len + 1;
    return room < SPELLING_MAX ? room : SPELLING_MAX;
}

struct name_list {
    char *out;
    size_t len;
    bool full;
};

static void put(struct name_list *l, struct slice name)
{
    size_t comma = l->len > 0;
    l->full = l->full || name.len + comma > SPELLING_MAX - l->len;
    if (l->full)
        return;
    if (comma)
        l->out[l->len++] = ',';
    memcpy(l->out + l->len, name.p, name.len);
    l->len += name.len;
}

// The recipient searches each listed name after the position of the one before. Among fields of one
// name, those before a departure must be listed too, even in the base spelling.
size_t spelling_write(const struct http_head *head, char *out)
{
    struct name_list l = {.out = out};
    struct slice host = host_of(head);
    size_t from = 0;
    const enum base base = best_base(head);
    if (base == BASE_LOWER)
        put(&l, SLICE("*"));
    if (host.len > 0 && !is_base(host, base))
        put(&l, host);
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice name = head->fields[i].name;
        if (is_base(name, base))
            continue;
        for (; from < i; from++)
            if (slice_ieq(head->fields[from].name, name))
                put(&l, head->fields[from].name);
        put(&l, name);
        from = i + 1;
    }
    return l.len;
}

// spelling_apply demands that the names lie in writable memory.
static char *bytes_of(struct slice name)
{
    return (char *)(uintptr_t)name.p;
}

static void spell_by_base(struct http_head *head, enum base base)
{
    if (base == BASE_LOWER && head->authority.len > 0)
        head->host_name = SLICE("host");
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice name = head->fields[i].name;
        if (base == BASE_DEFAULT || is_added(name))
            spell_by_default(bytes_of(name), name.len);
    }
}

// Takes the next name off the list. False when it is empty, which is malformed.
static bool next_name(struct slice *list, struct slice *name)
{
    const char *comma = memchr(list->p, ',', list->len);
    size_t len = comma ? (size_t)(comma - list->p) : list->len;
    *name = slice_of(list->p, len);
    list->p += len + (comma != NULL);
    list->len -= len + (comma != NULL);
    return len > 0 && (!comma || list->len > 0);
}

static bool spell_by_list(struct http_head *head, struct slice list)
{
    struct slice name;
    bool may_be_host = head->method.len > 0 && head->authority.len > 0;
    size_t at = 0;
    while (list.len > 0) {
        if (!next_name(&list, &name))
            return false;
        if (may_be_host && slice_ieq(name, SLICE("host"))) {
            head->host_name = name;
            may_be_host = false;
            continue;
        }
        may_be_host = false;
        while (at < head->field_count && !slice_ieq(head->fields[at].name, name))
            at++;
        if (at == head->field_count)
            return false;
        memcpy(bytes_of(head->fields[at++].name), name.p, name.len);
    }
    return true;
}

bool spelling_apply(struct http_head *head)
{
    const struct field *field = head_find(head, SLICE("adit-case"));
    struct slice list = field ? field->value : (struct slice){0};
    enum base base = BASE_DEFAULT;
    if (field && (list.len == 0 || head_count(head, SLICE("adit-case")) > 1))
        return false;
    if (field)
        head_remove(head, SLICE("adit-case"));
    if (list.len > 0 && list.p[0] == '*' && (list.len == 1 || (list.p[1] == ',' && list.len > 2))) {
        base = BASE_LOWER;
        list = list.len == 1 ? (struct slice){0} : slice_of(list.p + 2, list.len - 2);
    }
    spell_by_base(head, base);
    return spell_by_list(head, list);
}
