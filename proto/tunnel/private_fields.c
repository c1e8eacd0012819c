// SPDX-License-Identifier: MIT
#include "private_fields.h"
#include "proto/exchange_id.h"

#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

enum {
    TRAILERS = PRIVATE_REQUEST_TRAILERS | PRIVATE_RESPONSE_TRAILERS,
    HEADS = PRIVATE_REQUEST | PRIVATE_INTERIM | PRIVATE_RESPONSE,
};

// The error codes that an agent may send, and the status that goes with each. ADIT-LOOP may also
// come from the service, when that is a relay itself.
static const struct error {
    struct slice code;
    uint16_t status;
} errors[] = {
    {TEXT("ADIT-UPSTREAM-REFUSED"), 502},
    {TEXT("ADIT-UPSTREAM-UNREACHABLE"), 502},
    {TEXT("ADIT-UPSTREAM-CLOSED"), 502},
    {TEXT("ADIT-UPSTREAM-INVALID"), 502},
    {TEXT("ADIT-UPSTREAM-TIMEOUT"), 504},
    {TEXT("ADIT-UPSTREAM-TLS"), 502},
    {TEXT("ADIT-FILE-NOT-FOUND"), 404},
    {TEXT("ADIT-FILE-FORBIDDEN"), 403},
    {TEXT("ADIT-FILE-METHOD"), 405},
    {TEXT("ADIT-TOO-MANY-STREAMS"), 503},
    {TEXT("ADIT-LOOP"), 508},
};

static bool is_error(struct slice value, const struct http_head *head)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (slice_eq(value, errors[i].code))
            return head->status == errors[i].status;
    return false;
}

bool private_is_code(struct slice text)
{
    const struct slice start = SLICE("ADIT-");
    if (text.len <= start.len || !slice_eq(slice_of(text.p, start.len), start))
        return false;
    for (size_t i = start.len; i < text.len; i++) {
        char c = text.p[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

bool private_number(struct slice text, uint64_t *n)
{
    return text.len > 0 && text.p[0] != '0' && slice_to_u64(text, n);
}

static bool is_number(struct slice value, const struct http_head *head)
{
    uint64_t n = 0;
    (void)head;
    return private_number(value, &n);
}

static bool is_id(struct slice value, const struct http_head *head)
{
    (void)head;
    return exchange_id_is_valid(value);
}

static bool is_anything(struct slice value, const struct http_head *head)
{
    (void)value;
    (void)head;
    return true;
}

// adit-upgrade is the offer of a request, the protocol of a 200 that stands for a 101, or the
// protocols that a 426 asks for.
static bool is_upgrade(struct slice value, const struct http_head *head)
{
    struct slice protocol;
    bool fits = head->status == 0 ||
                (value.len <= PRIVATE_UPGRADE_MAX && (head->status == 200 || head->status == 426));
    return fits && slice_next_element(&value, &protocol);
}

static const struct rule {
    struct slice name;
    unsigned sections; // of enum private_section
    bool (*is_legal)(struct slice value, const struct http_head *head);
} rules[] = {
    {TEXT("adit-bind"), PRIVATE_REQUEST, is_number},
    {TEXT("adit-id"), PRIVATE_REQUEST, is_id},
    {TEXT("adit-visitor"), PRIVATE_REQUEST, is_number},
    {TEXT("adit-upgrade"), PRIVATE_REQUEST | PRIVATE_RESPONSE, is_upgrade},
    {TEXT("adit-error"), PRIVATE_RESPONSE, is_error},
    {TEXT("adit-case"), HEADS | TRAILERS, is_anything},
};

enum {
    RULES = sizeof(rules) / sizeof(rules[0]),
    UPGRADE_RULE = 3
};

static inline bool is_private(struct slice name)
{
    return name.len >= 5 && name.p[4] == '-' && ascii_lower(name.p[0]) == 'a' &&
           slice_ieq(slice_of(name.p, 5), SLICE("adit-"));
}

bool private_fields_check(const struct http_head *head, enum private_section section)
{
    unsigned seen = 0;
    if (head->upgrade.p) {
        const struct rule *r = &rules[UPGRADE_RULE];
        if (!(r->sections & section) || !r->is_legal(head->upgrade, head))
            return false;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        unsigned n = 0;
        if (!is_private(f->name))
            continue;
        while (n < RULES && !slice_eq(f->name, rules[n].name))
            n++;
        if (n == RULES || n == UPGRADE_RULE || (seen & 1U << n) || !(rules[n].sections & section) ||
            !rules[n].is_legal(f->value, head))
            return false;
        seen |= 1U << n;
    }
    return true;
}

static void take(const struct field *f, struct private_request *values)
{
    if (slice_ieq(f->name, SLICE("adit-bind")))
        (void)private_number(f->value, &values->bind);
    else if (slice_ieq(f->name, SLICE("adit-id")))
        values->id = f->value;
    else if (slice_ieq(f->name, SLICE("adit-visitor")))
        (void)private_number(f->value, &values->visitor);
}

void private_fields_take(struct http_head *head, struct private_request *values)
{
    size_t kept = 0;
    *values = (struct private_request){0};
    for (size_t i = 0; i < head->field_count; i++) {
        if (is_private(head->fields[i].name)) {
            take(&head->fields[i], values);
            continue;
        }
        if (kept < i)
            head->fields[kept] = head->fields[i];
        kept++;
    }
    head->field_count = kept;
}
