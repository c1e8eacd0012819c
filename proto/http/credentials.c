// SPDX-License-Identifier: MIT
#include "credentials.h"
#include "chars.h"

// Of what a word is the name.
enum {
    FIELD = 1,
    PARAMETER = 2,
    BOTH = FIELD | PARAMETER,
    NEITHER = 0, // an exception from a word that follows
};

struct word {
    struct slice text; // the letters and digits of a name
    uint8_t of;
    bool ends; // so does a longer name: "token" is "X-Auth-Token" too
};

#define WORD(text, of, ends)               \
    {                                      \
        {text, sizeof(text) - 1}, of, ends \
    }
#define LAST                \
    {                       \
        {NULL, 0}, 0, false \
    }

// By their last letters, so that few names get as far as a comparison.
static const struct word of_a[] = {
    WORD("xamznoidcdata", FIELD, false), // of Amazon's load balancers
    WORD("hdnea", PARAMETER, false),     // of Akamai
    LAST,
};
static const struct word of_c[] = {WORD("hmac", PARAMETER, false), LAST};
static const struct word of_d[] = {
    WORD("password", BOTH, true),
    WORD("passwd", BOTH, true),
    WORD("pwd", BOTH, true),
    WORD("sessionid", BOTH, true),
    WORD("sessid", BOTH, true),
    WORD("sid", PARAMETER, false),
    WORD("connectsid", PARAMETER, false),
    LAST,
};
static const struct word of_e[] = {
    WORD("cookie", BOTH, false),
    WORD("setcookie", FIELD, false),
    WORD("passphrase", BOTH, true),
    WORD("passcode", BOTH, true),
    WORD("signature", PARAMETER, true), // a webhook's field is not: it goes with its body
    WORD("samlresponse", PARAMETER, false),
    WORD("code", PARAMETER, false),
    WORD("authcode", PARAMETER, true),
    WORD("authorizationcode", PARAMETER, true),
    LAST,
};
static const struct word of_g[] = {WORD("sig", PARAMETER, false), LAST};
static const struct word of_h[] = {WORD("auth", BOTH, false), WORD("xauth", BOTH, false), LAST};
static const struct word of_l[] = {WORD("credential", BOTH, true), LAST};
static const struct word of_n[] = {
    WORD("pagetoken", NEITHER, true), // where a list goes on
    WORD("nexttoken", NEITHER, true),
    WORD("continuationtoken", NEITHER, true),
    WORD("synctoken", NEITHER, true),
    WORD("skiptoken", NEITHER, true),
    WORD("deltatoken", NEITHER, true),
    WORD("token", BOTH, true),
    WORD("authorization", BOTH, true),
    WORD("assertion", BOTH, true),
    WORD("passwordconfirmation", PARAMETER, true),
    WORD("session", PARAMETER, false),
    WORD("pin", PARAMETER, false),
    LAST,
};
static const struct word of_p[] = {
    WORD("otp", PARAMETER, false),
    WORD("totp", PARAMETER, false),
    WORD("dpop", FIELD, false),
    LAST,
};
static const struct word of_r[] = {
    WORD("bearer", BOTH, false),
    WORD("oauthverifier", PARAMETER, false),
    WORD("codeverifier", PARAMETER, false),
    LAST,
};
static const struct word of_s[] = {
    WORD("pass", PARAMETER, false),
    WORD("credentials", PARAMETER, true),
    WORD("hdnts", PARAMETER, false),
    LAST,
};
static const struct word of_t[] = {
    WORD("secret", BOTH, true),
    WORD("jwt", BOTH, true),
    WORD("samlart", PARAMETER, false),
    WORD("ticket", PARAMETER, false),
    LAST,
};
static const struct word of_y[] = {
    WORD("apikey", BOTH, true),          WORD("authkey", BOTH, true),
    WORD("accesskey", BOTH, true),       WORD("secretkey", BOTH, true),
    WORD("privatekey", BOTH, true),      WORD("sessionkey", BOTH, true),
    WORD("subscriptionkey", BOTH, true), WORD("functionskey", BOTH, true),
    WORD("customerkey", BOTH, true),     WORD("sharedkey", BOTH, true),
    WORD("signingkey", BOTH, true),      WORD("masterkey", BOTH, true),
    WORD("key", PARAMETER, false),       LAST,
};
static const struct word of_2[] = {
    WORD("cookie2", FIELD, false),
    WORD("setcookie2", FIELD, false),
    LAST,
};

#define L(letter) (1U << ((letter) - 'a'))

// And by those before them: the letters that words have there.
static const struct {
    const struct word *words;
    uint32_t before;
} by_last[26] = {
    ['a' - 'a'] = {of_a, L('t') | L('e')},
    ['c' - 'a'] = {of_c, L('a')},
    ['d' - 'a'] = {of_d, L('r') | L('w') | L('i')},
    ['e' - 'a'] = {of_e, L('i') | L('s') | L('d') | L('r')},
    ['g' - 'a'] = {of_g, L('i')},
    ['h' - 'a'] = {of_h, L('t')},
    ['l' - 'a'] = {of_l, L('a')},
    ['n' - 'a'] = {of_n, L('e') | L('o') | L('i')},
    ['p' - 'a'] = {of_p, L('t') | L('o')},
    ['r' - 'a'] = {of_r, L('e')},
    ['s' - 'a'] = {of_s, L('s') | L('l') | L('t')},
    ['t' - 'a'] = {of_t, L('e') | L('w') | L('r')},
    ['y' - 'a'] = {of_y, L('e')},
};

// Takes the last letter or digit off a name, in lower case; 0 when there is none. A byte of another
// script is one, too.
static inline char take_last(struct slice *name)
{
    while (name->len > 0) {
        char c = ascii_lower(name->p[--name->len]);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80)
            return c;
    }
    return 0;
}

static bool ends_with(struct slice name, const struct word *word)
{
    size_t at = word->text.len;

    while (at > 0)
        if (take_last(&name) != word->text.p[--at])
            return false;
    return word->ends || take_last(&name) == 0;
}

static inline bool is_small(char c)
{
    return c >= 'a' && c <= 'z';
}

// The last two letters or digits of a name. False: there are not as many.
static inline bool last_two(struct slice name, char *before, char *last)
{
    if (name.len < 2)
        return false;
    *before = ascii_lower(name.p[name.len - 2]);
    *last = ascii_lower(name.p[name.len - 1]);
    if (is_small(*before) && is_small(*last)) // as most names have
        return true;
    *last = take_last(&name);
    *before = take_last(&name);
    return is_small(*before);
}

static bool is_listed(struct slice name, uint8_t of)
{
    char before = 0;
    char last = 0;
    const struct word *w = NULL;

    if (!last_two(name, &before, &last))
        return false;
    if (is_small(last))
        w = by_last[last - 'a'].before & L(before) ? by_last[last - 'a'].words : NULL;
    else if (last == '2')
        w = of_2;
    for (; w && w->text.p; w++)
        if (w->text.p[w->text.len - 2] == before && ((w->of & of) || w->of == NEITHER) &&
            ends_with(name, w))
            return w->of != NEITHER;
    return false;
}

bool credential_is_field(struct slice name)
{
    return is_listed(name, FIELD);
}

// A character of a URL when its escaping is undone, and how often it was escaped: "/" never, "%2F"
// once, "%252F" twice.
struct mark {
    char c;
    unsigned level;
    size_t len;
};

static bool is_escaped_percent(struct slice s, size_t at)
{
    return s.len - at >= 2 && s.p[at] == '2' && s.p[at + 1] == '5';
}

static struct mark mark_at(struct slice text, size_t at)
{
    struct slice s = slice_of(text.p + at, text.len - at);
    size_t i = 1;
    unsigned level = 1;

    if (s.p[0] != '%')
        return (struct mark){s.p[0], 0, 1};
    for (; is_escaped_percent(s, i); i += 2)
        level++;
    if (s.len - i >= 2 && char_is(s.p[i], CHAR_HEX) && char_is(s.p[i + 1], CHAR_HEX))
        return (struct mark){(char)(char_hex(s.p[i]) << 4 | char_hex(s.p[i + 1])), level, i + 2};
    return (struct mark){'%', level - 1, i};
}

// The end of a name that has escaped characters.
static struct slice unescape_name(struct slice name, char out[static CREDENTIAL_NAME_MAX])
{
    size_t len = 0;

    for (size_t at = 0; at < name.len;) {
        const struct mark m = mark_at(name, at);
        if (len == CREDENTIAL_NAME_MAX)
            memmove(out, out + 1, --len);
        out[len++] = m.c;
        at += m.len;
    }
    return slice_of(out, len);
}

static struct slice plain_name(struct slice name, char out[static CREDENTIAL_NAME_MAX])
{
    return name.len > 0 && memchr(name.p, '%', name.len) ? unescape_name(name, out) : name;
}

bool credential_is_parameter(struct slice name)
{
    char plain[CREDENTIAL_NAME_MAX];

    return is_listed(plain_name(name, plain), PARAMETER);
}

bool credential_same_parameter(struct slice a, struct slice b)
{
    char plain[2][CREDENTIAL_NAME_MAX];
    bool any = false;

    a = plain_name(a, plain[0]);
    b = plain_name(b, plain[1]);
    for (;;) {
        char c = take_last(&a);
        if (c != take_last(&b))
            return false;
        if (c == 0)
            return any;
        any = true;
    }
}

// Subprotocols. A name is of words like those of a language, perhaps with a number; a credential is
// long and mixed.

enum {
    WORD_LONG = 24,  // of letters alone; "notificationchannel" has 19
    WORD_MIXED = 16, // of letters and digits
    WORD_MANY = 8,   // of either, behind a word that says so
    NUMBER_LONG = 10,
    CHANGES_MANY = 6, // between letters and digits
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static size_t count_changes(struct slice word)
{
    size_t changes = 0;

    for (size_t i = 1; i < word.len; i++)
        changes += is_digit(word.p[i]) != is_digit(word.p[i - 1]) ? 1 : 0;
    return changes;
}

static bool looks_random(struct slice word)
{
    const size_t changes = count_changes(word);
    size_t digits = 0;
    size_t odd = 0; // capitals behind small letters

    for (size_t i = 0; i < word.len; i++) {
        digits += is_digit(word.p[i]) ? 1 : 0;
        odd += i > 0 && is_capital(word.p[i]) && !is_capital(word.p[i - 1]) ? 1 : 0;
    }
    if (digits == word.len)
        return word.len >= NUMBER_LONG;
    return word.len >= WORD_LONG || (word.len >= WORD_MIXED && digits > 0) ||
           (word.len >= 8 && (changes >= 3 || (changes >= 2 && odd >= 1) || odd >= 4));
}

// Takes the next run of letters and digits; empty at the end.
static struct slice next_word(struct slice *rest)
{
    size_t from = 0;
    while (from < rest->len && !is_letter(rest->p[from]) && !is_digit(rest->p[from]))
        from++;
    size_t to = from;
    while (to < rest->len && (is_letter(rest->p[to]) || is_digit(rest->p[to])))
        to++;
    struct slice word = slice_of(rest->p + from, to - from);
    *rest = slice_of(rest->p + to, rest->len - to);
    return word;
}

static size_t count_words(struct slice text)
{
    size_t bytes = 0;

    for (struct slice word = next_word(&text); word.len > 0; word = next_word(&text))
        bytes += word.len;
    return bytes;
}

bool credential_is_subprotocol(struct slice protocol, struct slice before)
{
    bool announced = before.len > 0 && is_listed(before, FIELD);
    size_t changes = 0;
    struct slice rest = protocol;

    for (struct slice word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
        changes += count_changes(word);
        if (announced || looks_random(word) || changes >= CHANGES_MANY)
            return true;
        // "base64url.bearer.authorization.k8s.io.TOKEN", "api-key.sk-…": whatever comes behind
        struct slice so_far = slice_of(protocol.p, (size_t)(word.p + word.len - protocol.p));
        if (is_listed(so_far, FIELD) && count_words(rest) >= WORD_MANY)
            return true;
    }
    return false;
}

// URLs

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
    size_t written; // of the text, up to where it is in the sink
    size_t seen;    // up to where the last two characters are known
    bool in_query;
};

static void leave_out(struct scan *s, size_t from, size_t to)
{
    credential_put(s->sink, slice_of(s->text.p + s->written, from - s->written));
    credential_put(s->sink, CREDENTIAL_MARK);
    s->sink->any = true;
    s->written = to;
}

// What may mean something in a URL: most bytes do not.
enum {
    MAY_DELIMIT = 1, // ? & ; # and %, which may escape one of them
    MAY_EQUAL = 2,   // = as well
    MAY_PART = 4,    // what may delimit, and a slash
};

static const uint8_t meanings[256] = {
    ['?'] = MAY_DELIMIT | MAY_EQUAL | MAY_PART,
    ['&'] = MAY_DELIMIT | MAY_EQUAL | MAY_PART,
    [';'] = MAY_DELIMIT | MAY_EQUAL | MAY_PART,
    ['#'] = MAY_DELIMIT | MAY_EQUAL | MAY_PART,
    ['%'] = MAY_DELIMIT | MAY_EQUAL | MAY_PART,
    ['='] = MAY_EQUAL,
    ['/'] = MAY_PART,
};

// The next place where there is something of this meaning, or the end.
static inline size_t next_of(struct slice text, size_t at, uint8_t meaning)
{
    while (at < text.len && !(meanings[(unsigned char)text.p[at]] & meaning))
        at++;
    return at;
}

static bool is_delimiter(char c)
{
    return c == '?' || c == '&' || c == ';' || c == '#';
}

// What ends a URL within a text.
static bool ends_url(const struct scan *s, const struct mark *m)
{
    return s->place == CREDENTIAL_SOMEWHERE && m->level == 0 &&
           (m->c == ' ' || m->c == '\t' || m->c == '"' || m->c == '<' || m->c == '>');
}

static bool ends_value(const struct scan *s, const struct mark *m, const struct mark *began)
{
    if (ends_url(s, m))
        return true;
    if (m->level > began->level)
        return false;
    return m->c == '&' || m->c == '#' ||
           (began->c == ';' && (m->c == ';' || m->c == '?' || (m->c == '/' && !s->in_query)));
}

// Looks at what a delimiter begins. Returns where to go on.
static size_t take_parameter(struct scan *s, size_t at, const struct mark *began)
{
    const size_t name = at;
    size_t end = next_of(s->text, at, MAY_EQUAL);
    struct mark m = {0};

    while (end < s->text.len) {
        m = mark_at(s->text, end);
        if (m.c == '=' || is_delimiter(m.c))
            break;
        end = next_of(s->text, end + m.len, MAY_EQUAL);
    }
    if (end == s->text.len || m.c != '=' ||
        !s->rules->is_secret(s->rules->ctx, slice_of(s->text.p + name, end - name)))
        return name;
    const size_t value = end + m.len;
    for (end = value; end < s->text.len; end += m.len) {
        m = mark_at(s->text, end);
        if (ends_value(s, &m, began))
            break;
    }
    if (end > value)
        leave_out(s, value, end);
    return end;
}

// What stands before the last @ of an authority.
static size_t take_authority(struct scan *s, size_t at)
{
    size_t user_end = at;

    for (size_t i = at; i < s->text.len; i += mark_at(s->text, i).len) {
        const struct mark m = mark_at(s->text, i);
        if (m.c == '/' || m.c == '?' || m.c == '#' || m.c == '\\' || ends_url(s, &m))
            break;
        user_end = m.c == '@' ? i : user_end;
    }
    if (user_end == at)
        return at;
    leave_out(s, at, user_end);
    return user_end;
}

// Whether "//" behind this begins an authority: behind a scheme, or where a reference may begin.
static bool may_precede_authority(char c, enum credential_place place)
{
    if (c == ':' || c == '=')
        return true;
    return place != CREDENTIAL_TARGET && !is_letter(c) && !is_digit(c) && !strchr("/.-_~%", c);
}

void credential_write_url(struct credential_sink *sink, struct slice text,
                          enum credential_place place, const struct credential_rules *rules)
{
    struct scan s = {.text = text, .rules = rules, .sink = sink, .place = place};
    bool users = rules->users && (memchr(text.p, '@', text.len) || memchr(text.p, '%', text.len));
    const uint8_t meaning = users ? MAY_PART : MAY_DELIMIT;
    char before = place == CREDENTIAL_TARGET ? '/' : ':'; // what stands before a slash
    char last = before;

    for (size_t at = next_of(text, 0, meaning); at < text.len; at = next_of(text, at, meaning)) {
        const struct mark m = mark_at(text, at);
        if (at > s.seen) { // something was passed over
            before = at - s.seen > 1 ? text.p[at - 2] : last;
            last = text.p[at - 1];
        }
        bool authority = users && m.c == '/' && last == '/' && may_precede_authority(before, place);
        at += m.len;
        s.in_query = s.in_query || m.c == '?';
        before = last;
        last = m.c;
        s.seen = at;
        if (is_delimiter(m.c))
            at = take_parameter(&s, at, &m);
        else if (authority)
            at = take_authority(&s, at);
    }
    credential_put(sink, slice_of(text.p + s.written, text.len - s.written));
}

static bool is_in_list(const void *ctx, struct slice name)
{
    (void)ctx;
    return credential_is_parameter(name);
}

const struct credential_rules credential_rules_all = {is_in_list, NULL, true};
