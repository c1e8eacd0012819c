// SPDX-License-Identifier: MIT
#include "trusted_proxies.h"
#include <arpa/inet.h>
#include "proto/http/forwarded.h"

static const struct address_range loopback[] = {
    {{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}}}, 104},
    {{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}}, 128},
};

// Whether two addresses agree in their first `bits` bits.
static bool same_prefix(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
    unsigned bytes = bits / 8;
    unsigned mask = 0xff00U >> bits % 8 & 0xff;
    return memcmp(a->s6_addr, b->s6_addr, bytes) == 0 &&
           (mask == 0 || ((a->s6_addr[bytes] ^ b->s6_addr[bytes]) & mask) == 0);
}

// Whether bits behind the prefix are set.
static bool has_host_bits(const struct address_range *r)
{
    struct in6_addr cut = r->first;
    for (unsigned bit = r->bits; bit < 128; bit++)
        cut.s6_addr[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
    return memcmp(&cut, &r->first, sizeof(cut)) != 0;
}

// Reads "ADDR" or "ADDR/LENGTH". Returns NULL or what is wrong.
static const char *read_range(const char *value, struct address_range *r)
{
    struct client_address a;
    const char *slash = strchr(value, '/');
    size_t len = slash ? (size_t)(slash - value) : strlen(value);
    if (!client_address_parse(slice_of(value, len), &a))
        return "expected an address, a range like 10.0.0.0/8 or fd00::/8, or loopback: ";
    bool v4 = IN6_IS_ADDR_V4MAPPED(&a.bytes) && !memchr(value, ':', len);
    uint64_t bits = v4 ? 32 : 128;
    uint64_t most = bits;
    if (slash && (!slice_to_u64(slice_str(slash + 1), &bits) || bits > most))
        return v4 ? "the prefix length must be 1 to 32: " : "the prefix length must be 1 to 128: ";
    if (bits == 0)
        return "a range of all addresses would let anyone claim any address: ";
    *r = (struct address_range){a.bytes, (uint8_t)(v4 ? 96 + bits : bits)};
    return has_host_bits(r) ? "a range begins with its first address, as in 10.0.0.0/8; for one "
                              "address leave the length out: "
                            : NULL;
}

const char *trusted_proxies_add(struct trusted_proxies *t, const char *value)
{
    struct address_range one;
    const struct address_range *ranges = &one;
    size_t count = 1;
    if (strcmp(value, "loopback") == 0) {
        ranges = loopback;
        count = sizeof(loopback) / sizeof(loopback[0]);
    } else {
        const char *why = read_range(value, &one);
        if (why)
            return why;
    }
    if (t->count + count > TRUSTED_PROXIES_MAX)
        return "at most 32 ranges are allowed: ";
    memcpy(t->ranges + t->count, ranges, count * sizeof(*ranges));
    t->count += count;
    return NULL;
}

bool trusted_proxies_contain(const struct trusted_proxies *t, const struct client_address *a)
{
    for (size_t i = 0; i < t->count; i++)
        if (same_prefix(&t->ranges[i].first, &a->bytes, t->ranges[i].bits))
            return true;
    return false;
}

// A walk over the addresses from left to right. The result is that of the usual walk from right to
// left, which stops at the first address that is not trusted, or before the first malformed one.
struct walk {
    const struct trusted_proxies *trusted;
    bool found, is_trusted;
    struct client_address client;
    struct slice proto; // of the same Forwarded element
};

static void step(struct walk *w, struct slice node, struct slice proto)
{
    struct client_address a;
    if (!client_address_parse(node, &a)) {
        w->found = false; // addresses to the left of a malformed one are not believed
        w->proto = proto; // written by a proxy to the right, which is trusted
        return;
    }
    bool is_trusted = trusted_proxies_contain(w->trusted, &a);
    if (is_trusted && w->found)
        return;
    w->found = true;
    w->is_trusted = is_trusted;
    w->client = a;
    w->proto = proto;
}

// ws and wss map to http and https (RFC 6455 §3).
static const char *scheme_of(struct slice proto)
{
    if (slice_ieq(proto, SLICE("https")) || slice_ieq(proto, SLICE("wss")))
        return "https";
    if (slice_ieq(proto, SLICE("http")) || slice_ieq(proto, SLICE("ws")))
        return "http";
    return NULL;
}

static void walk_list(struct walk *w, struct slice value)
{
    struct slice element;
    while (slice_next_element(&value, &element))
        step(w, element, (struct slice){0});
}

static void walk_forwarded(struct walk *w, struct slice value)
{
    struct forwarded_element element;
    while (forwarded_next(&value, &element))
        step(w, element.valid ? element.node : (struct slice){0},
             element.valid ? element.proto : (struct slice){0});
}

// The last element of a list, which the proxy nearest to us wrote.
static struct slice last_element(struct slice list)
{
    struct slice element;
    struct slice last = {0};
    while (slice_next_element(&list, &element))
        last = element;
    return last;
}

void trusted_proxies_read(const struct trusted_proxies *t, const struct http_head *head,
                          struct proxied_request *request)
{
    struct walk list = {.trusted = t};
    struct walk forwarded = {.trusted = t};
    bool has_list = false;
    struct slice proto = {0};
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        if (slice_ieq(f->name, SLICE("x-forwarded-for"))) {
            has_list = true;
            walk_list(&list, f->value);
        } else if (slice_ieq(f->name, SLICE("x-forwarded-proto"))) {
            proto = last_element(f->value);
        } else if (slice_ieq(f->name, SLICE("forwarded"))) {
            walk_forwarded(&forwarded, f->value);
        }
    }
    const struct walk *w = has_list ? &list : &forwarded;
    request->scheme = scheme_of(proto);
    if (!request->scheme && !has_list)
        request->scheme = scheme_of(forwarded.proto);
    if (!w->found)
        return;
    request->client = w->client;
    request->client.exempt = w->client.exempt || w->is_trusted;
}
