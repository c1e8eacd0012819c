// SPDX-License-Identifier: MIT
#include "heads.h"
#include "proto/http/authority.h"
#include "proto/http/chars.h"
#include "proto/http/http1.h"

// "103", and behind it a space and its reason phrase if that is not the registered one.
bool next_interim(struct slice *lines, struct interim *out)
{
    struct slice name;
    struct slice value;
    uint64_t number = 0;
    struct slice line = *lines;
    if (!record_next_field(lines, &name, &value))
        return false;
    line.len -= lines->len;
    while (line.len > 0 && (line.p[line.len - 1] == '\r' || line.p[line.len - 1] == '\n'))
        line.len--;
    const char *space = line.len > 0 ? memchr(line.p, ' ', line.len) : NULL;
    size_t digits = space ? (size_t)(space - line.p) : line.len;
    (void)slice_to_u64(slice_of(line.p, digits), &number);
    out->status = number < 1000 ? (unsigned)number : 0;
    out->reason =
        space ? slice_of(space + 1, line.len - digits - 1) : http1_reason((uint16_t)out->status);
    out->fields = slice_of(lines->p, 0);
    while (record_next_field(lines, &name, &value) && (name.len > 0 || value.len > 0))
        out->fields.len = (size_t)(lines->p - out->fields.p);
    return true;
}

bool has_field(struct slice lines, struct slice name)
{
    struct slice found;
    struct slice value;
    while (record_next_field(&lines, &found, &value))
        if (slice_ieq(found, name))
            return true;
    return false;
}

// Where RFC 3986 lets them stand: unreserved, sub-delims, and what parts a path and a query.
static bool stands_in_url(struct slice s, size_t i)
{
    char c = s.p[i];
    if (c == '%')
        return s.len - i > 2 && char_is(s.p[i + 1], CHAR_HEX) && char_is(s.p[i + 2], CHAR_HEX);
    return char_is(c, CHAR_NAME) || (c && strchr(":@/?", c));
}

static bool append_escaped(struct buf *out, struct slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    bool ok = true;
    for (size_t i = 0; ok && i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
        bool plain = stands_in_url(s, i);
        ok = buf_append(out, plain ? s.p + i : escaped, plain ? 1 : sizeof(escaped));
    }
    return ok;
}

bool has_messages(const struct record_exchange *x)
{
    return (x->flags & RECORD_UPGRADED) && x->body[0].kept == 0 && x->body[1].kept == 0;
}

const char *undecoded(const struct record_exchange *x, enum record_side side, bool over)
{
    if (over)
        return "decoded it would be far larger than what was recorded (--decode-all)";
    if (x->flags & (side == RECORD_REQUEST ? RECORD_REQUEST_WHOLE : RECORD_RESPONSE_WHOLE))
        return "its content coding is broken";
    return x->outcome.len == 0 ? "more of it is to come" : "it did not come whole";
}

bool lacks_host(const struct record_exchange *x)
{
    return x->host.len > 0 && !has_field(x->request_head, SLICE("host"));
}

bool absolute_url(struct buf *out, const struct record_exchange *x)
{
    struct slice host = x->host.len > 0 ? x->host : x->upstream;
    bool slash = x->target.len > 0 && x->target.p[0] == '/';
    bool secure = slice_eq(x->scheme, SLICE("https"));
    if (!authority_is_valid(host))
        host = SLICE("unknown.invalid");
    return buf_append(out, "https://", secure ? 5 : 4) && buf_append(out, "://", 3) &&
           buf_append(out, host.p, host.len) && buf_append(out, "/", slash ? 0 : 1) &&
           append_escaped(out, x->target);
}

static unsigned hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : ascii_lower(c) - 'a' + 10);
}

bool append_unescaped(struct buf *out, struct slice s, bool keep_percent)
{
    bool ok = true;
    for (size_t i = 0; ok && i < s.len; i++) {
        char c = s.p[i] == '+' ? ' ' : s.p[i];
        if (c == '%' && stands_in_url(s, i)) {
            c = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
            i += 2;
        }
        ok = c == '%' && keep_percent ? buf_append(out, "%25", 3) : buf_append(out, &c, 1);
    }
    return ok;
}
