// SPDX-License-Identifier: MIT
#include "credential_url.h"
#include "credentials.h"
#include "url_char.h"

void credential_put(struct credential_sink *sink, struct slice text)
{
    const size_t len = text.len < sink->left ? text.len : sink->left;
    sink->full = sink->full || len < text.len;
    if (len == 0)
        return;
    memcpy(sink->at, text.p, len);
    sink->at += len;
    sink->left -= len;
}

struct scan {
    struct slice text;
    const struct credential_rules *rules;
    struct credential_sink *sink;
    enum credential_place place;
    size_t written; // offset up to which the text is in the sink
    size_t seen;    // offset up to which the last two characters are known
    bool in_query;
};

static void redact(struct scan *s, size_t from, size_t to)
{
    credential_put(s->sink, slice_of(s->text.p + s->written, from - s->written));
    credential_put(s->sink, CREDENTIAL_MARK);
    s->sink->any = true;
    s->written = to;
}

// The bytes with a meaning in a URL: most have none and are skipped.
enum {
    URL_DELIMITER = 1, // begins a parameter: ? & ; # and %, which may encode one of them
    URL_NAME_END = 2,  // ends its name: the same and =
    URL_SEPARATOR = 4, // begins a parameter or an authority: the delimiters and /
};

static const uint8_t url_bytes[256] = {
    ['?'] = URL_DELIMITER | URL_NAME_END | URL_SEPARATOR,
    ['&'] = URL_DELIMITER | URL_NAME_END | URL_SEPARATOR,
    [';'] = URL_DELIMITER | URL_NAME_END | URL_SEPARATOR,
    ['#'] = URL_DELIMITER | URL_NAME_END | URL_SEPARATOR,
    ['%'] = URL_DELIMITER | URL_NAME_END | URL_SEPARATOR,
    ['='] = URL_NAME_END,
    ['/'] = URL_SEPARATOR,
};

// The offset of the next byte with this meaning, or the end.
static inline size_t next_marked(struct slice text, size_t at, uint8_t meaning)
{
    while (at < text.len && !(url_bytes[(unsigned char)text.p[at]] & meaning))
        at++;
    return at;
}

static bool is_delimiter(char c)
{
    return c == '?' || c == '&' || c == ';' || c == '#';
}

// Whether a character ends a URL within a text.
static bool ends_url(const struct scan *s, const struct url_char *m)
{
    return s->place == CREDENTIAL_TEXT && m->level == 0 &&
           (m->c == ' ' || m->c == '\t' || m->c == '"' || m->c == '<' || m->c == '>');
}

static bool ends_value(const struct scan *s, const struct url_char *m, const struct url_char *began)
{
    if (ends_url(s, m))
        return true;
    if (m->level > began->level)
        return false;
    return m->c == '&' || m->c == '#' ||
           (began->c == ';' && (m->c == ';' || m->c == '?' || (m->c == '/' && !s->in_query)));
}

// Redacts the parameter that begins after a delimiter. Returns the offset to continue at.
static size_t redact_parameter(struct scan *s, size_t at, const struct url_char *began)
{
    const size_t name = at;
    size_t end = next_marked(s->text, at, URL_NAME_END);
    struct url_char m = {0};

    while (end < s->text.len) {
        m = url_char_at(s->text, end);
        if (m.c == '=' || is_delimiter(m.c))
            break;
        end = next_marked(s->text, end + m.len, URL_NAME_END);
    }
    if (end == s->text.len || m.c != '=' ||
        !s->rules->is_secret(s->rules->ctx, slice_of(s->text.p + name, end - name)))
        return name;
    const size_t value = end + m.len;
    for (end = value; end < s->text.len; end += m.len) {
        m = url_char_at(s->text, end);
        if (ends_value(s, &m, began))
            break;
    }
    if (end > value)
        redact(s, value, end);
    return end;
}

// Redacts the user information before the last @ of an authority. Returns the offset to continue
// at.
static size_t redact_userinfo(struct scan *s, size_t at)
{
    size_t userinfo_end = at;

    for (size_t i = at; i < s->text.len; i += url_char_at(s->text, i).len) {
        const struct url_char m = url_char_at(s->text, i);
        if (m.c == '/' || m.c == '?' || m.c == '#' || m.c == '\\' || ends_url(s, &m))
            break;
        userinfo_end = m.c == '@' ? i : userinfo_end;
    }
    if (userinfo_end == at)
        return at;
    redact(s, at, userinfo_end);
    return userinfo_end;
}

// Whether "//" after this character begins an authority: after a scheme, or at the start of a
// reference.
static bool may_precede_authority(char c, enum credential_place place)
{
    if (c == ':' || c == '=')
        return true;
    return place != CREDENTIAL_TARGET && !ascii_is_letter(c) && !ascii_is_digit(c) &&
           !strchr("/.-_~%", c);
}

void credential_write_url(struct credential_sink *sink, struct slice text,
                          enum credential_place place, const struct credential_rules *rules)
{
    struct scan s = {.text = text, .rules = rules, .sink = sink, .place = place};
    bool userinfo =
        rules->userinfo && (memchr(text.p, '@', text.len) || memchr(text.p, '%', text.len));
    const uint8_t meaning = userinfo ? URL_SEPARATOR : URL_DELIMITER;
    char before = place == CREDENTIAL_TARGET ? '/' : ':'; // the character before `last`
    char last = before;

    for (size_t at = next_marked(text, 0, meaning); at < text.len;
         at = next_marked(text, at, meaning)) {
        const struct url_char m = url_char_at(text, at);
        if (at > s.seen) { // bytes were skipped
            before = at - s.seen > 1 ? text.p[at - 2] : last;
            last = text.p[at - 1];
        }
        bool authority =
            userinfo && m.c == '/' && last == '/' && may_precede_authority(before, place);
        at += m.len;
        s.in_query = s.in_query || m.c == '?';
        before = last;
        last = m.c;
        s.seen = at;
        if (is_delimiter(m.c))
            at = redact_parameter(&s, at, &m);
        else if (authority)
            at = redact_userinfo(&s, at);
    }
    credential_put(sink, slice_of(text.p + s.written, text.len - s.written));
}

static bool is_listed_parameter(const void *ctx, struct slice name)
{
    (void)ctx;
    return credential_is_parameter(name);
}

const struct credential_rules credential_rules_all = {is_listed_parameter, NULL, true};
