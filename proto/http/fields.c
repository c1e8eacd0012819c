// SPDX-License-Identifier: MIT
#include "fields.h"
#include <stdlib.h>
#include "authority.h"
#include "chars.h"
#include "field_names.h"

const char *fields_strerror(int error)
{
    switch ((enum fields_error)error) {
    case FIELDS_E_LOOP: return "the request came back to a relay that handled it";
    case FIELDS_E_TOO_MANY: return "no room for the fields of this hop";
    case FIELDS_E_INVALID: return "malformed field";
    }
    return error == 0 ? "no error" : "unknown error";
}

// Whether a field stays even when Connection names it (RFC 9110 §7.6.1).
static bool is_protected(struct slice name)
{
    switch (name.len) {
    case 2: return slice_ieq(name, SLICE("te")); // FIELD_TE reduces it to "trailers"
    case 4: return slice_ieq(name, SLICE("host"));
    case 14: return field_names_fold(name, SLICE("content-length"));
    default: return false;
    }
}

// Whether a connection option names no field to drop. The common options name none.
static bool names_no_field(struct slice option)
{
    return slice_ieq(option, SLICE("keep-alive")) || slice_ieq(option, SLICE("close")) ||
           slice_ieq(option, SLICE("upgrade")) || is_protected(option);
}

static void drop_named(struct http_head *head, struct slice options)
{
    struct slice option;

    while (slice_next_element(&options, &option)) {
        size_t kept = 0;
        for (size_t i = 0; i < head->field_count; i++)
            if (names_no_field(option) || !field_names_fold(head->fields[i].name, option))
                head->fields[kept++] = head->fields[i];
        head->field_count = kept;
    }
}

// Writes the options of one Connection that name fields, each followed by a comma.
static size_t write_names(struct slice options, char *out)
{
    struct slice option;
    size_t len = 0;

    while (slice_next_element(&options, &option)) {
        if (names_no_field(option))
            continue;
        if (out) {
            memcpy(out + len, option.p, option.len);
            out[len + option.len] = ',';
        }
        len += option.len + 1;
    }
    return len;
}

// The same for all Connection fields of a head. `out` NULL: only the length.
static size_t write_connection_names(const struct http_head *head, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < head->field_count; i++)
        if (slice_ieq(head->fields[i].name, SLICE("connection")))
            len += write_names(head->fields[i].value, out ? out + len : NULL);
    return len;
}

bool fields_save_connection_names(const struct http_head *head, char **names)
{
    size_t len = write_connection_names(head, NULL);
    free(*names);
    *names = NULL;
    if (len == 0)
        return true;
    *names = malloc(len + 1);
    if (!*names)
        return false;
    (void)write_connection_names(head, *names);
    (*names)[len] = 0;
    return true;
}

// "h2c" and its drafts, "h2c-14".
static bool is_h2c(struct slice protocol)
{
    return slice_ibegins(protocol, SLICE("h2c"));
}

// The first run of protocols other than h2c.
static struct slice without_h2c(struct slice offer)
{
    struct slice rest = offer;
    struct slice protocol;
    const char *start = NULL;
    const char *end = NULL;

    while (slice_next_element(&rest, &protocol)) {
        if (is_h2c(protocol)) {
            if (start)
                break;
            continue;
        }
        start = start ? start : protocol.p;
        end = protocol.p + protocol.len;
    }
    return start ? slice_of(start, (size_t)(end - start)) : (struct slice){0};
}

struct slice fields_upgrade_offer(struct slice upgrade)
{
    return upgrade.len > 0 ? without_h2c(upgrade) : (struct slice){0};
}

static inline bool is_connection(struct slice name)
{
    return name.len == 10 && slice_ieq(name, SLICE("connection"));
}

// Clears the names of the fields that the options name. The caller compacts the array afterwards:
// moving fields now would disturb its loop over the Connection fields.
static void clear_names(struct http_head *head, struct slice options)
{
    struct slice option;

    while (slice_next_element(&options, &option)) {
        if (names_no_field(option))
            continue;
        for (size_t i = 0; i < head->field_count; i++)
            if (field_names_fold(head->fields[i].name, option) && !is_connection(option))
                head->fields[i].name.len = 0;
    }
}

// The first length of a list; the parser has checked that all are equal (RFC 9112 §6.3).
static struct slice first_length(struct slice list)
{
    const char *comma = list.len > 0 ? memchr(list.p, ',', list.len) : NULL;

    return comma ? slice_trim(slice_of(list.p, (size_t)(comma - list.p))) : list;
}

// A service may read a twin in a request as the field itself. Clients of a response do not.
static enum field_kind twin_kind(const struct http_head *head, enum field_kind kind)
{
    return kind == FIELD_PASSES || head->status != 0 ? FIELD_PASSES : FIELD_DROPPED;
}

void fields_strip_hop_by_hop(struct http_head *head)
{
    size_t kept = 0;
    bool bodyless = head->status == 204 || (head->status > 0 && head->status < 200);
    bool te_kept = false;
    bool length_kept = bodyless;

    for (size_t i = 0; i < head->field_count; i++)
        if (is_connection(head->fields[i].name))
            clear_names(head, head->fields[i].value);
    for (size_t i = 0; i < head->field_count; i++) {
        struct field f = head->fields[i];
        const struct field_use use = field_use_of(f.name);
        bool keep = false;
        switch (use.twin ? twin_kind(head, use.kind) : use.kind) {
        case FIELD_PASSES:
        case FIELD_STAYS:
        case FIELD_CLAIM: keep = f.name.len > 0; break;
        case FIELD_DROPPED:
        case FIELD_OURS:
        case FIELD_CONNECTION: break;
        case FIELD_LENGTH:
            keep = !length_kept;
            length_kept = true;
            f.value = first_length(f.value);
            break;
        case FIELD_TE:
            keep = !te_kept && slice_list_has(f.value, SLICE("trailers"));
            te_kept = te_kept || keep;
            f.value = SLICE("trailers");
            break;
        }
        if (keep)
            head->fields[kept++] = f;
    }
    head->field_count = kept;
    if (head->upgrade.len > 0)
        head->upgrade = without_h2c(head->upgrade);
}

void fields_strip_trailers(struct http_head *trailers, struct slice named)
{
    size_t kept = 0;

    fields_strip_hop_by_hop(trailers);
    drop_named(trailers, named);
    for (size_t i = 0; i < trailers->field_count; i++)
        if (!field_use_of(trailers->fields[i].name).listed)
            trailers->fields[kept++] = trailers->fields[i];
    trailers->field_count = kept;
}

// Whether a Via value names this relay. Its elements are "protocol received-by [comment]" (RFC 9110
// §7.6.3).
static bool via_names(struct slice via, struct slice id)
{
    struct slice element;

    while (slice_next_element(&via, &element)) {
        size_t i = 0;
        while (i < element.len && element.p[i] != ' ' && element.p[i] != '\t')
            i++;
        struct slice by = slice_trim(slice_of(element.p + i, element.len - i));
        if (by.len >= id.len && slice_ieq(slice_of(by.p, id.len), id) &&
            (by.len == id.len || !char_is(by.p[id.len], CHAR_TOKEN)))
            return true;
    }
    return false;
}

// The buffer for new values.
struct scratch {
    char *at;
    size_t room;
    bool full;
};

static void put(struct scratch *s, struct slice text)
{
    if (text.len > s->room) {
        s->full = true;
        return;
    }
    if (text.len > 0)
        memcpy(s->at, text.p, text.len);
    s->at += text.len;
    s->room -= text.len;
}

// Adds a field with a copy of its value, so that only `scratch` must outlive the call.
static bool add_copy(struct http_head *head, struct scratch *s, struct slice name,
                     struct slice value)
{
    const char *start = s->at;

    put(s, value);
    return !s->full && head_add(head, name, slice_of(start, value.len));
}

// Adds Forwarded (RFC 7239 §4): a value that is no token is quoted, an IPv6 address has brackets.
static bool add_forwarded(struct http_head *head, struct scratch *s, const struct fields_edge *edge)
{
    const char *start = s->at;
    bool ipv6 = edge->visitor.len > 0 && memchr(edge->visitor.p, ':', edge->visitor.len);

    put(s, ipv6 ? SLICE("for=\"[") : SLICE("for="));
    put(s, edge->visitor.len > 0 ? edge->visitor : SLICE("unknown"));
    put(s, ipv6 ? SLICE("]\"") : SLICE(""));
    if (edge->host.len > 0) {
        bool token = http_is_token(edge->host);
        put(s, token ? SLICE(";host=") : SLICE(";host=\""));
        put(s, edge->host);
        put(s, token ? SLICE("") : SLICE("\""));
    }
    put(s, SLICE(";proto="));
    put(s, edge->scheme);
    return !s->full && head_add(head, SLICE("Forwarded"), slice_of(start, (size_t)(s->at - start)));
}

static bool add_via(struct http_head *head, struct scratch *s, struct slice id)
{
    const char *start = s->at;

    if (head->http2)
        put(s, SLICE("2.0 "));
    else
        put(s, head->minor_version == 0 ? SLICE("1.0 ") : SLICE("1.1 "));
    put(s, id);
    return !s->full && head_add(head, SLICE("Via"), slice_of(start, (size_t)(s->at - start)));
}

int fields_add_forwarded(struct http_head *head, const struct fields_edge *edge, char *scratch,
                         size_t cap)
{
    struct scratch s = {scratch, cap, false};
    size_t kept = 0;

    // A valid host needs no escapes in a quoted string.
    if (edge->host.len > 0 && !authority_is_valid(edge->host))
        return FIELDS_E_INVALID;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        if (f->name.len == 3 && slice_ieq(f->name, SLICE("via")) &&
            via_names(f->value, edge->loop_id))
            return FIELDS_E_LOOP;
        if (!field_is_claim(f->name))
            head->fields[kept++] = *f;
    }
    head->field_count = kept;
    if (!add_forwarded(head, &s, edge) ||
        !add_copy(head, &s, SLICE("X-Forwarded-For"), edge->visitor) ||
        !add_copy(head, &s, SLICE("X-Forwarded-Proto"), edge->scheme) ||
        (edge->host.len > 0 && !add_copy(head, &s, SLICE("X-Forwarded-Host"), edge->host)) ||
        !add_via(head, &s, edge->loop_id))
        return FIELDS_E_TOO_MANY;
    return 0;
}

static bool is_lower_token(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((char_classes_of(name.p[i]) & (CHAR_TOKEN | CHAR_UPPER)) != CHAR_TOKEN)
            return false;
    return name.len > 0;
}

// A name in lower case, and a value without space at its ends (RFC 9113 §8.2.1).
static bool is_valid_field(const struct field *f)
{
    return is_lower_token(f->name) && http_is_field_value(f->value) &&
           slice_trim(f->value).len == f->value.len;
}

static bool are_valid_fields(const struct http_head *head)
{
    size_t lengths = 0;
    uint64_t length = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        if (!is_valid_field(f))
            return false;
        const struct field_use use = field_use_of(f->name);
        switch (use.twin ? FIELD_PASSES : use.kind) {
        case FIELD_PASSES:
        case FIELD_STAYS:
        case FIELD_OURS:
        case FIELD_CLAIM: break;
        case FIELD_DROPPED:
        case FIELD_CONNECTION: return false;
        case FIELD_TE:
            if (!slice_ieq(f->value, SLICE("trailers")))
                return false;
            break;
        case FIELD_LENGTH:
            if (++lengths > 1 || !slice_to_u64(f->value, &length) || length > INT64_MAX)
                return false;
            break;
        }
    }
    return true;
}

static bool is_valid_request(const struct http_head *head)
{
    bool options = slice_eq(head->method, SLICE("OPTIONS"));

    if (head->status != 0 || !http_is_token(head->method) || head_count(head, SLICE("host")) > 1 ||
        (head->authority.len > 0 && !authority_is_valid(head->authority)))
        return false;
    if (slice_eq(head->method, SLICE("CONNECT")))
        return head->authority.len > 0 && chars_are(head->target, CHAR_TARGET);
    if (head->scheme.len > 0 && !slice_eq(head->scheme, SLICE("http")) &&
        !slice_eq(head->scheme, SLICE("https")))
        return false;
    if (!http_is_target(head->target))
        return false;
    return head->target.p[0] == '/' || head->target.p[0] == '?' ||
           (options && slice_eq(head->target, SLICE("*")));
}

int fields_check(const struct http_head *head)
{
    bool valid = are_valid_fields(head) && http_is_field_value(head->upgrade) &&
                 http_is_field_value(head->reason);

    if (head->method.len > 0)
        valid = valid && is_valid_request(head);
    else
        valid = valid && head->scheme.len == 0 && head->authority.len == 0 && head->target.len == 0;
    if (head->status != 0)
        valid = valid && head->status >= 100 && head->status <= 999;
    return valid ? 0 : FIELDS_E_INVALID;
}
