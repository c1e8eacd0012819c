// SPDX-License-Identifier: MIT
#include "body_text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "common/base/printable.h"
#include "common/record/record.h"
#include "json_indent.h"
#include "multipart.h"
#include "proto/http/chars.h"
#include "proto/utf8.h"
#include "text.h"
#include "url_escape.h"
#include "write.h"

// The state of laying out one body, with the multiparts in it.
struct layout {
    const struct body_text *b;
    size_t parts; // shown so far
    size_t depth;
};

static struct slice from(struct slice s, size_t at)
{
    return slice_of(s.p + at, s.len - at);
}

static void put_line(const struct body_text *b, enum body_line_kind kind, struct slice text)
{
    const struct body_line line = {kind, {"", 0}, text};
    b->put(b->ctx, &line);
}

static void put_more(const struct body_text *b, const char *amount)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "… %s of this part", amount);
    put_line(b, BODY_LINE_MORE, slice_str(text));
}

__attribute__((format(printf, 2, 3))) static void remark(const struct body_text *b,
                                                         const char *format, ...)
{
    char text[BODY_TEXT_REMARK_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len > 0)
        put_line(b, BODY_LINE_REMARK, slice_str(text));
}

static void put_text(const struct body_text *b, struct slice s)
{
    while (s.len > 0) {
        const char *feed = memchr(s.p, '\n', s.len);
        size_t len = feed ? (size_t)(feed - s.p) : s.len;
        bool end = feed && len > 0 && s.p[len - 1] == '\r';
        put_line(b, BODY_LINE_TEXT, slice_of(s.p, end ? len - 1 : len));
        s = from(s, feed ? len + 1 : len);
    }
}

void body_hex(const struct body_text *b, struct slice body, size_t max)
{
    size_t row = b->hex_row > 0 && b->hex_row < BODY_TEXT_HEX_ROW ? b->hex_row : BODY_TEXT_HEX_ROW;
    for (size_t at = 0; at < body.len && at < max; at += row) {
        char line[16 + 4 * BODY_TEXT_HEX_ROW];
        size_t n = body.len - at < row ? body.len - at : row;
        int len = snprintf(line, sizeof(line), "%08zx ", at);
        for (size_t i = 0; i < row; i++)
            len += snprintf(line + len, sizeof(line) - (size_t)len, i < n ? " %02x" : "   ",
                            i < n ? (unsigned char)body.p[at + i] : 0U);
        line[len++] = ' ';
        line[len++] = ' ';
        for (size_t i = 0; i < n; i++) {
            char c = body.p[at + i];
            line[len++] = c >= ' ' && c <= '~' ? c : '.';
        }
        put_line(b, BODY_LINE_TEXT, slice_of(line, (size_t)len));
    }
}

// The media type without its parameters, up to the first character that no type has.
static struct slice bare_type(struct slice type)
{
    size_t len = 0;
    while (len < type.len && (char_is(type.p[len], CHAR_TOKEN) || type.p[len] == '/'))
        len++;
    return slice_of(type.p, len);
}

static bool begins(struct slice s, struct slice with)
{
    return s.len >= with.len && slice_ieq(slice_of(s.p, with.len), with);
}

static bool ends(struct slice s, struct slice with)
{
    return s.len > with.len && slice_ieq(from(s, s.len - with.len), with);
}

static bool is_form(struct slice type)
{
    return slice_ieq(bare_type(type), SLICE("application/x-www-form-urlencoded"));
}

static bool is_text_type(struct slice type)
{
    static const struct slice beginnings[] = {
        {"text/", 5},
        {"application/json", 16},
        {"application/xml", 15},
        {"application/javascript", 22},
        {"application/x-www-form-urlencoded", 33},
        {"application/graphql", 19},
        {"application/x-ndjson", 20},
    };
    type = bare_type(type);
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (begins(type, beginnings[i]))
            return true;
    return ends(type, SLICE("+json")) || ends(type, SLICE("+xml"));
}

static bool is_blank(char c)
{
    return c == '\n' || c == '\r' || c == '\t';
}

// Counts characters that cannot be shown as they are. Text of another character set than UTF-8 is
// mostly ASCII, so up to half may be hidden where the type says text. A few bytes of a binary
// format may be UTF-8 by chance, with many control characters: without a text type a quarter is the
// limit.
bool body_is_text(struct slice type, struct slice body)
{
    struct printable p = {0};
    size_t all = 0;
    size_t hidden = 0;
    bool by_type = is_text_type(type);
    if (!by_type && !utf8_is_readable(body))
        return false;
    struct slice s = slice_of(body.p, body.len < BODY_TEXT_PROBE ? body.len : BODY_TEXT_PROBE);
    while (s.len > 0) {
        bool may_stay = is_blank(s.p[0]) || utf8_is_truncated(s);
        all++;
        if (!printable_next(&p, &s).as_is && !may_stay)
            hidden++;
    }
    return hidden * (by_type ? 2 : 4) <= all;
}

static bool looks_like_json(struct slice s)
{
    while (s.len > 0 && (is_blank(s.p[0]) || s.p[0] == ' '))
        s = from(s, 1);
    return s.len > 0 && (s.p[0] == '{' || s.p[0] == '[');
}

static bool put_json(const struct body_text *b, struct slice body)
{
    struct buf json = {0};
    bool ok =
        looks_like_json(body) && (b->cut ? json_indent_cut(body, &json) : json_indent(body, &json));
    if (ok)
        put_text(b, buf_slice(&json));
    buf_free(&json);
    return ok;
}

static struct slice take_to(struct slice *rest, char end)
{
    const char *at = rest->len > 0 ? memchr(rest->p, end, rest->len) : NULL;
    struct slice taken = slice_of(rest->p, at ? (size_t)(at - rest->p) : rest->len);
    *rest = from(*rest, taken.len + (at ? 1 : 0));
    return taken;
}

// Decodes a name or a value of a form to one line. Browsers send the line ends of a text field as
// CR LF; they become \\n.
static bool append_decoded(struct buf *out, struct slice s)
{
    struct buf text = {0};
    bool ok = url_unescape(&text, s, false);
    struct slice rest = buf_slice(&text);
    while (ok && rest.len > 0) {
        const char *feed = memchr(rest.p, '\n', rest.len);
        size_t len = feed ? (size_t)(feed - rest.p) : rest.len;
        size_t kept = feed && len > 0 && rest.p[len - 1] == '\r' ? len - 1 : len;
        ok = buf_append(out, rest.p, kept) && (!feed || buf_append(out, "\\n", 2));
        rest = from(rest, feed ? len + 1 : len);
    }
    buf_free(&text);
    return ok;
}

// Without memory the pair is shown undecoded.
static void put_pair(const struct body_text *b, struct slice pair)
{
    struct buf text = {0};
    struct slice value = pair;
    struct slice name = take_to(&value, '=');
    struct body_line line = {BODY_LINE_PAIR, name, value};
    bool ok = append_decoded(&text, name);
    size_t at = buf_len(&text);
    if (ok && append_decoded(&text, value)) {
        struct slice both = buf_slice(&text);
        line.name = slice_of(both.p, at);
        line.text = from(both, at);
    }
    b->put(b->ctx, &line);
    buf_free(&text);
}

// Whether the body looks like a form. `curl -d` gives JSON the type of a form, too.
static bool may_be_form(struct slice body)
{
    return body.len > 0 && memchr(body.p, '=', body.len) && !looks_like_json(body);
}

static void put_form(const struct body_text *b, struct slice body)
{
    size_t pairs = 0;
    while (body.len > 0 && is_blank(body.p[body.len - 1]))
        body.len--;
    while (body.len > 0) {
        struct slice rest = body;
        struct slice pair = take_to(&body, '&');
        if (pair.len == 0)
            continue;
        if (pairs++ == BODY_TEXT_PAIRS) {
            remark(b, "(%zu more bytes of the form)", rest.len);
            return;
        }
        put_pair(b, pair);
    }
}

// A word for a remark, cut to BODY_TEXT_WORD_MAX. Quotes in it stay: remarks are not parsed.
static const char *cut_word(struct slice s, char out[static BODY_TEXT_WORD_MAX + 4])
{
    size_t len = utf8_prefix_len(s, BODY_TEXT_WORD_MAX);
    for (size_t i = 0; i < len; i++)
        out[i] = s.p[i] ? s.p[i] : '?';
    (void)snprintf(out + len, 4, "%s", len < s.len ? "…" : "");
    return out;
}

// "part 2: name "file", file "a.png", image/png, 308 B".
static void put_part_title(const struct body_text *b, const char *number,
                           const struct multipart_part *part)
{
    char text[BODY_TEXT_REMARK_MAX];
    char shown[BODY_TEXT_WORD_MAX + 4];
    char size[TEXT_NUMBER_MAX];
    struct slice found;
    struct slice disposition = record_field(part->head, SLICE("content-disposition"));
    struct slice type = record_field(part->head, SLICE("content-type"));
    struct slice coding = record_field(part->head, SLICE("content-transfer-encoding"));
    size_t room = sizeof(text);
    int len = snprintf(text, room, "part %s: ", number);
    if (multipart_parameter(disposition, SLICE("name"), &found))
        len += snprintf(text + len, room - (size_t)len, "name \"%s\", ", cut_word(found, shown));
    if (multipart_parameter(disposition, SLICE("filename"), &found) ||
        multipart_parameter(disposition, SLICE("filename*"), &found))
        len += snprintf(text + len, room - (size_t)len, "file \"%s\", ", cut_word(found, shown));
    if (type.len > 0)
        len += snprintf(text + len, room - (size_t)len, "%s, ", cut_word(bare_type(type), shown));
    if (coding.len > 0)
        len += snprintf(text + len, room - (size_t)len, "%s, ", cut_word(bare_type(coding), shown));
    (void)snprintf(text + len, room - (size_t)len, "%s%s%s", text_size(part->body.len, size),
                   part->has_head ? "" : ", without a head", part->whole ? "" : ", cut short");
    remark(b, "%s", text);
}

static void put_body(struct layout *l, const struct body_text *b, struct slice body,
                     const char *number);

// A sink that passes the first lines of a part on and counts the others.
struct part_lines {
    const struct body_text *of;
    size_t left;
    uint64_t hidden;
};

static void on_part_line(void *ctx, const struct body_line *line)
{
    struct part_lines *p = ctx;
    if (p->left == 0) {
        p->hidden++;
        return;
    }
    p->left--;
    p->of->put(p->of->ctx, line);
}

static void put_text_part(struct layout *l, struct body_text *own, struct slice body,
                          const char *number)
{
    char amount[32];
    struct part_lines lines = {.of = l->b, .left = own->part_lines};
    if (own->part_lines > 0) {
        own->put = on_part_line;
        own->ctx = &lines;
    }
    put_body(l, own, body, number);
    (void)snprintf(amount, sizeof(amount), "%" PRIu64 " more line%s", lines.hidden,
                   text_plural(lines.hidden));
    if (lines.hidden > 0)
        put_more(l->b, amount);
}

static void put_part(struct layout *l, const struct multipart_part *part, const char *number)
{
    struct body_text own = *l->b;
    char size[TEXT_NUMBER_MAX];
    char amount[TEXT_NUMBER_MAX + 8];
    put_part_title(l->b, number, part);
    own.type = record_field(part->head, SLICE("content-type"));
    own.cut = !part->whole;
    if (body_is_text(own.type, part->body) || begins(own.type, SLICE("multipart/"))) {
        put_text_part(l, &own, part->body, number);
        return;
    }
    body_hex(&own, part->body, own.part_hex_bytes);
    if (own.part_hex_bytes == 0 || part->body.len <= own.part_hex_bytes)
        return;
    (void)snprintf(amount, sizeof(amount), "%s more",
                   text_size(part->body.len - own.part_hex_bytes, size));
    put_more(l->b, amount);
}

// False, and no line: the body has no valid boundary, or no delimiter.
static bool put_parts(struct layout *l, const struct body_text *b, struct slice body,
                      const char *before)
{
    struct multipart m;
    struct multipart_part part;
    char number[64];
    if (!multipart_begin(&m, b->type, body))
        return false;
    l->depth++;
    for (size_t i = 1; l->parts < BODY_TEXT_PARTS && multipart_next(&m, &part); i++) {
        l->parts++;
        (void)snprintf(number, sizeof(number), "%s%s%zu", before, *before ? "." : "", i);
        put_part(l, &part, number);
    }
    l->depth--;
    if (!m.closed && m.rest.len > 0)
        remark(b, "(more parts: %zu bytes)", m.rest.len);
    else if (!m.closed && !b->cut)
        remark(b, "(the multipart does not end as it should)");
    else if (m.closed && slice_trim(m.rest).len > 2)
        remark(b, "(behind the last part: %zu bytes)", m.rest.len);
    return true;
}

// Lays out a body that is text or multipart.
static void put_body(struct layout *l, const struct body_text *b, struct slice body,
                     const char *number)
{
    bool is_multipart = begins(b->type, SLICE("multipart/"));
    if (!b->as_it_is) {
        bool deep = l->depth == BODY_TEXT_DEPTH;
        if (is_multipart && !deep && put_parts(l, b, body, number))
            return;
        if (is_multipart && body.len > 0)
            remark(b, deep ? "(not taken apart: it is too deep inside others)"
                           : "(not taken apart: the boundary that its type names is missing)");
        if (put_json(b, body))
            return;
        if (is_form(b->type) && may_be_form(body)) {
            put_form(b, body);
            return;
        }
    }
    if (body_is_text(b->type, body))
        put_text(b, body);
    else
        body_hex(b, body, b->part_hex_bytes);
}

// Whether the body is a multipart that can be taken apart, even if not all parts are text.
static bool is_multipart(const struct body_text *b, struct slice body)
{
    struct multipart m;
    return !b->as_it_is && begins(b->type, SLICE("multipart/")) &&
           multipart_begin(&m, b->type, body);
}

bool body_text(const struct body_text *b, struct slice body)
{
    struct layout l = {.b = b};
    if (!is_multipart(b, body) && !body_is_text(b->type, body))
        return false;
    put_body(&l, b, body, "");
    return true;
}
