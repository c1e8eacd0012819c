// SPDX-License-Identifier: MIT
#include "cookie.h"

static bool is_set_cookie(struct slice name)
{
    return name.len == 10 && slice_ieq(name, SLICE("set-cookie"));
}

static bool is_set_cookie2(struct slice name)
{
    return name.len == 11 && slice_ieq(name, SLICE("set-cookie2"));
}

// Takes the part before the next semicolon. Quotes have no meaning (RFC 6265 §5.2); a client that
// honours them sees fewer attributes than we check.
static struct slice next_part(struct slice *value)
{
    const char *end = value->len > 0 ? memchr(value->p, ';', value->len) : NULL;
    size_t len = end ? (size_t)(end - value->p) : value->len;
    struct slice part = slice_of(value->p, len);

    *value = end ? slice_of(end + 1, value->len - len - 1) : slice_of(value->p + len, 0);
    return part;
}

static struct slice attribute_name(struct slice attribute)
{
    const char *equals = attribute.len > 0 ? memchr(attribute.p, '=', attribute.len) : NULL;

    return slice_of(attribute.p, equals ? (size_t)(equals - attribute.p) : attribute.len);
}

// Whether a lenient client could read a name as "Domain": the letters, whatever is between them.
static bool is_like_domain(struct slice name)
{
    static const char domain[] = "domain";
    size_t matched = 0;

    for (size_t i = 0; i < name.len && domain[matched]; i++) {
        char c = ascii_lower(name.p[i]);
        if (c < 'a' || c > 'z')
            continue;
        matched = c == domain[matched] ? matched + 1 : c == 'd' ? 1 : 0;
    }
    return !domain[matched];
}

// Whether all clients read this host alike: no empty label, nothing quoted or escaped.
static bool is_plain_host(struct slice host)
{
    bool in_label = false;

    for (size_t i = 0; i < host.len; i++) {
        char c = ascii_lower(host.p[i]);
        if (c == '.' && !in_label)
            return false;
        in_label = c != '.';
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
            return false;
    }
    return in_label;
}

// Whether a cookie for this Domain could reach all names of our domain: `host` is the domain, one
// of its parents, or so odd that a client might read it as one.
static bool covers_domain(struct slice host, struct slice domain)
{
    if (host.len > 0 && host.p[0] == '.')
        host = slice_of(host.p + 1, host.len - 1);
    if (!is_plain_host(host))
        return true;
    if (host.len > domain.len)
        return false;
    size_t before = domain.len - host.len;
    return slice_ieq(slice_of(domain.p + before, host.len), host) &&
           (before == 0 || domain.p[before - 1] == '.');
}

static bool exceeds_host(struct slice attribute, struct slice domain)
{
    struct slice name = attribute_name(attribute);

    if (!is_like_domain(name))
        return false;
    if (name.len == attribute.len || !slice_ieq(slice_trim(name), SLICE("domain")))
        return true;
    struct slice value = slice_of(attribute.p + name.len + 1, attribute.len - name.len - 1);
    return covers_domain(slice_trim(value), domain);
}

static bool value_exceeds_host(struct slice value, struct slice domain)
{
    (void)next_part(&value); // the cookie itself
    while (value.len > 0)
        if (exceeds_host(next_part(&value), domain))
            return true;
    return false;
}

bool cookie_exceeds_host(const struct http_head *response, struct slice domain)
{
    for (size_t i = 0; i < response->field_count; i++) {
        const struct field *f = &response->fields[i];
        if (is_set_cookie2(f->name) ||
            (is_set_cookie(f->name) && value_exceeds_host(f->value, domain)))
            return true;
    }
    return false;
}

size_t cookie_bound(const struct http_head *response)
{
    size_t bytes = 0;

    for (size_t i = 0; i < response->field_count; i++)
        bytes += is_set_cookie(response->fields[i].name) ? response->fields[i].value.len : 0;
    return bytes;
}

static char *put(char *out, struct slice text)
{
    if (text.len > 0)
        memcpy(out, text.p, text.len);
    return out + text.len;
}

static char *write_confined(struct slice value, struct slice domain, char *out)
{
    out = put(out, next_part(&value));
    while (value.len > 0) {
        struct slice attribute = next_part(&value);
        if (exceeds_host(attribute, domain))
            continue;
        *out++ = ';'; // an attribute follows the cookie or another attribute
        out = put(out, attribute);
    }
    return out;
}

void cookie_confine(struct http_head *response, struct slice domain, char *out)
{
    size_t kept = 0;

    for (size_t i = 0; i < response->field_count; i++) {
        struct field f = response->fields[i];
        if (is_set_cookie2(f.name))
            continue;
        if (is_set_cookie(f.name) && value_exceeds_host(f.value, domain)) {
            char *end = write_confined(f.value, domain, out);
            f.value = slice_trim(slice_of(out, (size_t)(end - out)));
            out = end;
        }
        response->fields[kept++] = f;
    }
    response->field_count = kept;
}
