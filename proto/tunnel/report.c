// SPDX-License-Identifier: MIT
#include "report.h"

// The byte after the id holds the outcome in its low half, then two flags.
enum {
    REQUEST_WHOLE = 0x10,
    RESPONSE_WHOLE = 0x20,
    KNOWN = 0x3f
};

// Numbers are LEB128: groups of seven bits, lowest first, the top bit set on all but the last.
static size_t put_number(uint8_t *out, uint64_t n)
{
    size_t len = 0;
    for (; n >= 0x80; n >>= 7)
        out[len++] = (uint8_t)(n | 0x80);
    out[len++] = (uint8_t)n;
    return len;
}

// False: the number is cut short, over 64 bits, or not in its shortest form.
static bool take_number(struct slice *in, uint64_t *n)
{
    *n = 0;
    for (unsigned shift = 0; shift < 64 && in->len > 0; shift += 7) {
        uint8_t byte = (uint8_t)*in->p;
        in->p++, in->len--;
        if (shift == 63 && byte > 1)
            return false;
        *n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return byte != 0 || shift == 0;
    }
    return false;
}

static uint64_t capped(uint64_t n)
{
    return n < REPORT_VALUE_MAX ? n : REPORT_VALUE_MAX;
}

// REPORT_NONE is written as 0, every other time as itself plus 1.
static size_t put_time(uint8_t *out, uint64_t ns)
{
    return put_number(out, ns == REPORT_NONE ? 0 : capped(ns) + 1);
}

static bool take_time(struct slice *in, uint64_t *ns)
{
    if (!take_number(in, ns) || *ns > REPORT_VALUE_MAX + 1)
        return false;
    *ns = *ns == 0 ? REPORT_NONE : *ns - 1;
    return true;
}

size_t report_write(const struct report *r, uint8_t out[static REPORT_MAX])
{
    size_t len = EXCHANGE_ID_BYTES;
    exchange_id_pack(r->id, out);
    out[len++] = (uint8_t)((r->outcome & 0xf) | (r->body[0].whole ? REQUEST_WHOLE : 0) |
                           (r->body[1].whole ? RESPONSE_WHOLE : 0));
    for (int side = 0; side < 2; side++) {
        len += put_number(out + len, capped(r->body[side].bytes));
        if (r->body[side].bytes == 0)
            continue; // the reader knows the digest of an empty body
        memcpy(out + len, r->body[side].digest, DIGEST_BYTES);
        len += DIGEST_BYTES;
    }
    len += put_time(out + len, r->sent_on_ns);
    len += put_time(out + len, r->connect_ns);
    len += put_time(out + len, r->answered_ns);
    len += put_time(out + len, r->duration_ns);
    return len;
}

static bool take_body(struct slice *in, struct report_body *b)
{
    const struct digest nothing = {0};
    if (!take_number(in, &b->bytes) || b->bytes > REPORT_VALUE_MAX)
        return false;
    if (b->bytes == 0)
        return digest_value(&nothing, b->digest);
    if (in->len < DIGEST_BYTES)
        return false;
    memcpy(b->digest, in->p, DIGEST_BYTES);
    in->p += DIGEST_BYTES;
    in->len -= DIGEST_BYTES;
    return true;
}

int report_read(struct slice bytes, struct report *r)
{
    struct slice in = bytes;
    if (in.len < EXCHANGE_ID_BYTES + 1)
        return -1;
    exchange_id_unpack((const uint8_t *)in.p, r->id);
    uint8_t flags = (uint8_t)in.p[EXCHANGE_ID_BYTES];
    in.p += EXCHANGE_ID_BYTES + 1;
    in.len -= EXCHANGE_ID_BYTES + 1;
    r->outcome = flags & 0xf;
    r->body[0].whole = flags & REQUEST_WHOLE;
    r->body[1].whole = flags & RESPONSE_WHOLE;
    if ((flags & ~KNOWN) || r->outcome >= REPORT_OUTCOMES || !take_body(&in, &r->body[0]) ||
        !take_body(&in, &r->body[1]) || !take_time(&in, &r->sent_on_ns) ||
        !take_time(&in, &r->connect_ns) || !take_time(&in, &r->answered_ns) ||
        !take_time(&in, &r->duration_ns))
        return -1;
    return (int)(bytes.len - in.len);
}
