// SPDX-License-Identifier: MIT
#include "credentials.h"
#include "url_char.h"

// The kind of name that a word stands for.
enum {
    FIELD = 1,
    PARAMETER = 2,
    BOTH = FIELD | PARAMETER,
    NEITHER = 0, // an exception to a later word of its list
};

struct word {
    struct slice text; // the letters and digits of a name
    uint8_t of;
    bool ends; // the end of a longer name counts too: "token" is also "X-Auth-Token"
};

#define WORD(text, of, ends)               \
    {                                      \
        {text, sizeof(text) - 1}, of, ends \
    }
#define LAST                \
    {                       \
        {NULL, 0}, 0, false \
    }

// The words by their last letter, so that few are compared.
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
    WORD("signature", PARAMETER, true), // not a field: a webhook's signature covers its body alone
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
    WORD("pagetoken", NEITHER, true), // a position in a paged list, as all up to "token"
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

// The lists, and the set of letters that stand before the last one of their words.
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

// Takes the last letter or digit off a name, in lower case; 0 when there is none. Bytes from 0x80
// up count as letters.
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

static inline bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

// The last letters or digits of a name. `third` is the last but two, or 0: it is not known.
struct ending {
    char third, before, last;
};

// False when the last but one is no letter, as in no word.
static inline bool ending_of(struct slice name, struct ending *e)
{
    if (name.len < 2)
        return false;
    e->before = ascii_lower(name.p[name.len - 2]);
    e->last = ascii_lower(name.p[name.len - 1]);
    e->third = name.len > 2 ? ascii_lower(name.p[name.len - 3]) : 0;
    if (is_lower(e->before) && is_lower(e->last)) { // as most names have
        e->third = is_lower(e->third) ? e->third : 0;
        return true;
    }
    e->third = 0;
    e->last = take_last(&name);
    e->before = take_last(&name);
    return is_lower(e->before);
}

// A cheap check, which most words do not pass. Each word has three letters or more.
static inline bool may_end_with(const struct ending *e, struct slice word)
{
    return word.p[word.len - 2] == e->before && (!e->third || word.p[word.len - 3] == e->third);
}

static bool is_listed(struct slice name, uint8_t of)
{
    struct ending e;
    const struct word *w = NULL;

    if (!ending_of(name, &e))
        return false;
    if (is_lower(e.last))
        w = by_last[e.last - 'a'].before & L(e.before) ? by_last[e.last - 'a'].words : NULL;
    else if (e.last == '2')
        w = of_2;
    for (; w && w->text.p; w++)
        if (may_end_with(&e, w->text) && ((w->of & of) || w->of == NEITHER) && ends_with(name, w))
            return w->of != NEITHER;
    return false;
}

bool credential_is_field(struct slice name)
{
    return is_listed(name, FIELD);
}

// Decodes a name; keeps only its end when it is long.
static struct slice unescape_name(struct slice name, char out[static CREDENTIAL_NAME_MAX])
{
    size_t len = 0;

    for (size_t at = 0; at < name.len;) {
        const struct url_char m = url_char_at(name, at);
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

// Subprotocols: a name consists of words of a language, perhaps with a number; a credential is long
// and mixes letters and digits.

enum {
    WORD_LONG = 24,  // letters alone; "notificationchannel" has 19
    WORD_MIXED = 16, // letters and digits
    WORD_MANY = 8,   // either, after a word of the list
    NUMBER_LONG = 10,
    CHANGES_MANY = 6, // changes between letters and digits
};

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static size_t count_changes(struct slice word)
{
    size_t changes = 0;

    for (size_t i = 1; i < word.len; i++)
        changes += ascii_is_digit(word.p[i]) != ascii_is_digit(word.p[i - 1]) ? 1 : 0;
    return changes;
}

static bool looks_random(struct slice word)
{
    const size_t changes = count_changes(word);
    size_t digits = 0;
    size_t odd = 0; // capitals not preceded by a capital

    for (size_t i = 0; i < word.len; i++) {
        digits += ascii_is_digit(word.p[i]) ? 1 : 0;
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
    while (from < rest->len && !ascii_is_letter(rest->p[from]) && !ascii_is_digit(rest->p[from]))
        from++;
    size_t to = from;
    while (to < rest->len && (ascii_is_letter(rest->p[to]) || ascii_is_digit(rest->p[to])))
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
        // "base64url.bearer.authorization.k8s.io.TOKEN", "api-key.sk-…": anything after a listed
        // word
        struct slice so_far = slice_of(protocol.p, (size_t)(word.p + word.len - protocol.p));
        if (is_listed(so_far, FIELD) && count_words(rest) >= WORD_MANY)
            return true;
    }
    return false;
}
