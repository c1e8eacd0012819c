// SPDX-License-Identifier: MIT
#include "recorded.h"
#include "proto/http/authority.h"
#include "proto/http/http1.h"
#include "url_escape.h"

// An interim response is a line "103", followed by a space and its reason phrase unless that is the
// registered one, then its fields and an empty line.
bool recorded_next_interim(struct slice *lines, struct recorded_interim *out)
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

bool recorded_has_field(struct slice lines, struct slice name)
{
    struct slice found;
    struct slice value;
    while (record_next_field(&lines, &found, &value))
        if (slice_ieq(found, name))
            return true;
    return false;
}

bool recorded_has_messages(const struct record_exchange *x)
{
    return (x->flags & RECORD_UPGRADED) && x->body[0].kept == 0 && x->body[1].kept == 0;
}

const char *recorded_why_undecoded(const struct record_exchange *x, enum record_side side,
                                   bool over)
{
    if (over)
        return "when decoded it is far larger than recorded (--decode-all decodes all of it)";
    if (x->flags & (side == RECORD_REQUEST ? RECORD_REQUEST_WHOLE : RECORD_RESPONSE_WHOLE))
        return "its content coding is broken";
    return x->outcome.len == 0 ? "more of it is to come" : "it did not come whole";
}

bool recorded_lacks_host(const struct record_exchange *x)
{
    return x->host.len > 0 && !recorded_has_field(x->request_head, SLICE("host"));
}

struct recorded_service recorded_service_of(const struct record_exchange *x)
{
    static const struct slice https = {"https://", 8};
    static const struct slice file = {"file:", 5};
    static const struct slice socket = {"unix:", 5};
    struct recorded_service s = {.authority = x->upstream};
    s.https = slice_ibegins(x->upstream, https);
    s.is_folder = slice_ibegins(x->upstream, file);
    if (s.https)
        s.authority = slice_of(x->upstream.p + https.len, x->upstream.len - https.len);
    if (slice_ibegins(x->upstream, socket))
        s.socket = slice_of(x->upstream.p + socket.len, x->upstream.len - socket.len);
    if (s.is_folder || s.socket.len > 0)
        s.authority = SLICE("localhost");
    return s;
}

bool recorded_url(struct buf *out, const struct record_exchange *x)
{
    struct slice host = x->host.len > 0 ? x->host : recorded_service_of(x).authority;
    bool slash = x->target.len > 0 && x->target.p[0] == '/';
    bool secure = slice_eq(x->scheme, SLICE("https"));
    if (!authority_is_valid(host))
        host = SLICE("unknown.invalid");
    return buf_append(out, "https://", secure ? 5 : 4) && buf_append(out, "://", 3) &&
           buf_append(out, host.p, host.len) && buf_append(out, "/", slash ? 0 : 1) &&
           url_escape(out, x->target);
}

bool recorded_is_forwarding_field(struct slice name)
{
    return slice_ieq(name, SLICE("forwarded")) || slice_ieq(name, SLICE("x-forwarded-for")) ||
           slice_ieq(name, SLICE("x-forwarded-proto")) ||
           slice_ieq(name, SLICE("x-forwarded-host"));
}

struct slice recorded_own_via(struct slice via)
{
    struct slice element;
    struct slice last = {0};
    while (slice_next_element(&via, &element))
        last = element;
    bool ours = last.len >= 9 && slice_ieq(slice_of(last.p + 4, 5), SLICE("adit-"));
    return ours ? last : (struct slice){0};
}

// Whether `value`, a slice of `lines`, is that of the last Via.
static bool is_last_via(struct slice lines, struct slice value)
{
    struct slice name;
    struct slice found;
    struct slice last = {0};
    while (record_next_field(&lines, &name, &found))
        if (slice_ieq(name, SLICE("via")))
            last = found;
    return last.p == value.p;
}

bool recorded_is_set_by_relay(const struct record_exchange *x, struct slice name,
                              struct slice value)
{
    if (!slice_eq(x->program, SLICE("adit http")))
        return false;
    if (slice_ieq(name, SLICE("via")))
        return is_last_via(x->request_head, value) && recorded_own_via(value).len > 0;
    return recorded_is_forwarding_field(name);
}
