// SPDX-License-Identifier: MIT
#include "spelling.h"
#include "proto/http/chars.h"

enum {
    SPELLED_MAX = 27 // length of the longest name below
};

// The place of the names of one length that begin with one letter, of either case.
#define AT(length, letter) ((length)*32 + ((letter)&31))

// Names whose usual spelling is not Title-Case: those of the IANA registry of HTTP field names, and
// a few unregistered ones that are always written so. Most names find no string at their place.
static const char *const spelled[AT(SPELLED_MAX + 1, 0)] = {
    [AT(2, 'I')] = "IM",
    [AT(2, 'T')] = "TE",
    [AT(3, 'D')] = "DAV DNT DPR",
    [AT(3, 'E')] = "ECT",
    [AT(3, 'N')] = "NEL",
    [AT(3, 'P')] = "P3P PEP",
    [AT(3, 'R')] = "RTT",
    [AT(3, 'T')] = "TCN TTL",
    [AT(3, 'U')] = "URI",
    [AT(4, 'A')] = "A-IM ALPN",
    [AT(4, 'D')] = "DASL DPoP",
    [AT(4, 'E')] = "ETag",
    [AT(4, 'S')] = "SLUG",
    [AT(5, 'C')] = "C-PEP",
    [AT(6, 'A')] = "AS2-To",
    [AT(6, 'O')] = "OSCORE",
    [AT(7, 'S')] = "Sec-GPC",
    [AT(8, 'A')] = "AS2-From",
    [AT(8, 'C')] = "CDN-Loop",
    [AT(8, 'P')] = "PEP-Info",
    [AT(8, 'U')] = "UA-Color UA-Media",
    [AT(9, 'A')] = "Accept-CH",
    [AT(9, 'E')] = "Expect-CT",
    [AT(9, 'S')] = "Sec-CH-UA SourceMap",
    [AT(9, 'U')] = "UA-Pixels",
    [AT(9, 'X')] = "X-Real-IP",
    [AT(10, 'C')] = "C-PEP-Info Content-ID",
    [AT(10, 'D')] = "DPoP-Nonce",
    [AT(10, 'G')] = "GetProfile",
    [AT(10, 'P')] = "PICS-Label",
    [AT(10, 'S')] = "SoapAction Status-URI",
    [AT(11, 'A')] = "AS2-Version",
    [AT(11, 'C')] = "CMCD-Object CMCD-Status CMSD-Static Content-DPR Content-MD5 Critical-CH",
    [AT(12, 'C')] = "CMCD-Request CMCD-Session CMSD-Dynamic",
    [AT(12, 'M')] = "MIME-Version",
    [AT(12, 'X')] = "X-CSRF-Token X-WebKit-CSP",
    [AT(13, 'L')] = "Last-Event-ID",
    [AT(13, 'M')] = "MS-Author-Via",
    [AT(13, 'O')] = "OData-Version",
    [AT(13, 'P')] = "ProfileObject",
    [AT(13, 'U')] = "UA-Resolution",
    [AT(14, 'C')] = "Cal-Managed-ID",
    [AT(14, 'H')] = "HTTP2-Settings",
    [AT(14, 'O')] = "OData-EntityId",
    [AT(14, 'S')] = "Sec-CH-UA-Arch",
    [AT(15, 'D')] = "Differential-ID",
    [AT(15, 'E')] = "EDIINT-Features",
    [AT(15, 'O')] = "OData-Isolation",
    [AT(15, 'S')] = "Sec-CH-UA-Model",
    [AT(15, 'U')] = "UA-Windowpixels",
    [AT(15, 'X')] = "X-UA-Compatible",
    [AT(16, 'C')] = "CalDAV-Timezones",
    [AT(16, 'O')] = "OData-MaxVersion",
    [AT(16, 'S')] = "Sec-CH-UA-Mobile",
    [AT(16, 'W')] = "WWW-Authenticate",
    [AT(16, 'X')] = "X-XSS-Protection",
    [AT(17, 'C')] = "CDN-Cache-Control",
    [AT(17, 'O')] = "OSLC-Core-Version",
    [AT(17, 'S')] = "Sec-CH-UA-Bitness Sec-WebSocket-Key",
    [AT(18, 'S')] = "Sec-CH-UA-Platform",
    [AT(19, 'A')] = "AMP-Cache-Transform",
    [AT(20, 'S')] = "Sec-WebSocket-Accept",
    [AT(21, 'S')] = "Sec-WebSocket-Version",
    [AT(22, 'S')] = "Sec-CH-UA-Full-Version Sec-WebSocket-Protocol",
    [AT(22, 'X')] = "X-DNS-Prefetch-Control X-HTTP-Method-Override",
    [AT(24, 'S')] = "Sec-WebSocket-Extensions",
    [AT(25, 'O')] = "Optional-WWW-Authenticate",
    [AT(26, 'S')] = "Sec-CH-UA-Platform-Version",
    [AT(27, 'S')] = "Sec-CH-UA-Full-Version-List",
};

// NULL: the name is written in Title-Case.
static inline const char *spelling_of(struct slice name)
{
    const char *s = name.len > 0 && name.len <= SPELLED_MAX
                        ? spelled[AT(name.len, (unsigned char)name.p[0])]
                        : NULL;
    for (; s; s = s[name.len] ? s + name.len + 1 : NULL)
        if (slice_ieq(name, slice_of(s, name.len)))
            return s;
    return NULL;
}

// Overwrites a name in lower case with its default spelling: the registered one, or Title-Case.
static void spell_by_default(char *name, size_t len)
{
    const char *known = spelling_of(slice_of(name, len));
    if (known) {
        memcpy(name, known, len);
        return;
    }
    for (char *at = name, *end = name + len; at < end; at++) {
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at & ~0x20);
        at = memchr(at, '-', (size_t)(end - at));
        if (!at)
            return;
    }
}

static bool is_default(struct slice name)
{
    const char *known = spelling_of(name);
    if (known)
        return memcmp(name.p, known, name.len) == 0;
    const char *end = name.p + name.len;
    for (const char *p = name.p; p < end; p++) { // part by part, each up to its hyphen
        if (*p >= 'a' && *p <= 'z')
            return false;
        while (*p != '-' && ++p < end)
            if (*p >= 'A' && *p <= 'Z')
                return false;
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

static bool has_departure(const struct http_head *head)
{
    struct slice host = host_of(head);
    if (host.len > 0 && !is_base(host, BASE_DEFAULT))
        return true;
    for (size_t i = 0; i < head->field_count; i++)
        if (!is_base(head->fields[i].name, BASE_DEFAULT))
            return true;
    return false;
}

// 1 when only the default spells the name so, -1 when only lower case does.
static int compare_bases(struct slice name)
{
    return (int)is_base(name, BASE_DEFAULT) - (int)is_base(name, BASE_LOWER);
}

// The base from which fewer names depart.
static enum base better_base(const struct http_head *head)
{
    struct slice host = host_of(head);
    int more = host.len > 0 ? compare_bases(host) : 0;
    for (size_t i = 0; i < head->field_count; i++)
        more += compare_bases(head->fields[i].name);
    return more < 0 ? BASE_LOWER : BASE_DEFAULT;
}

size_t spelling_bound(const struct http_head *head)
{
    if (!has_departure(head))
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
    enum base base = better_base(head);
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
