// SPDX-License-Identifier: MIT
// The fields of the filter language, and suggestions for words that are none of them.
#include <stdio.h>
#include "common/base/nearest.h"
#include "filter_internal.h"
#include "proto/http/chars.h"

#define TEXT(name, id, equal, presence)         \
    {                                           \
        name, id, KIND_TEXT, equal, 0, presence \
    }
#define FLAG(name, id)                              \
    {                                               \
        name, id, KIND_FLAG, EQUAL_EXACTLY, 0, true \
    }
#define SIDES(name, id, kind, sides, presence)         \
    {                                                  \
        name, id, kind, EQUAL_EXACTLY, sides, presence \
    }

static const struct filter_field fields[] = {
    SIDES("status", FILTER_BY_STATUS, KIND_STATUS, 0, true),
    TEXT("method", FILTER_BY_METHOD, EQUAL_WITHOUT_CASE, false),
    TEXT("path", FILTER_BY_PATH, EQUAL_EXACTLY, false),
    TEXT("target", FILTER_BY_TARGET, EQUAL_EXACTLY, false),
    TEXT("query", FILTER_BY_QUERY, EQUAL_EXACTLY, true),
    TEXT("host", FILTER_BY_HOST, EQUAL_HOST, true),
    TEXT("scheme", FILTER_BY_SCHEME, EQUAL_WITHOUT_CASE, false),
    TEXT("protocol", FILTER_BY_PROTOCOL, EQUAL_WITHOUT_CASE, false),
    TEXT("url", FILTER_BY_URL, EQUAL_EXACTLY, false),
    TEXT("visitor", FILTER_BY_VISITOR, EQUAL_WITHOUT_CASE, true),
    TEXT("tunnel", FILTER_BY_TUNNEL, EQUAL_WITHOUT_CASE, true),
    TEXT("upstream", FILTER_BY_UPSTREAM, EQUAL_WITHOUT_CASE, true),
    SIDES("body", FILTER_BY_BODY, KIND_TEXT, SIDE_EITHER, true),
    SIDES("req.body", FILTER_BY_BODY, KIND_TEXT, SIDE_REQUEST, true),
    SIDES("res.body", FILTER_BY_BODY, KIND_TEXT, SIDE_RESPONSE, true),
    SIDES("header.", FILTER_BY_HEADER, KIND_TEXT, SIDE_EITHER, true),
    SIDES("req.header.", FILTER_BY_HEADER, KIND_TEXT, SIDE_REQUEST, true),
    SIDES("res.header.", FILTER_BY_HEADER, KIND_TEXT, SIDE_RESPONSE, true),
    TEXT("outcome", FILTER_BY_OUTCOME, EQUAL_WORDS, true),
    TEXT("error", FILTER_BY_ERROR, EQUAL_WITHOUT_CASE, true),
    TEXT("program", FILTER_BY_PROGRAM, EQUAL_WORDS, false),
    SIDES("id", FILTER_BY_ID, KIND_ID, 0, false),
    SIDES("time", FILTER_BY_TIME, KIND_DURATION, 0, false),
    SIDES("stalled", FILTER_BY_STALLED, KIND_DURATION, 0, false),
    SIDES("size", FILTER_BY_SIZE, KIND_BYTES, SIDE_RESPONSE, false),
    SIDES("res.size", FILTER_BY_SIZE, KIND_BYTES, SIDE_RESPONSE, false),
    SIDES("req.size", FILTER_BY_SIZE, KIND_BYTES, SIDE_REQUEST, false),
    SIDES("since", FILTER_BY_SINCE, KIND_MOMENT, 0, false),
    SIDES("until", FILTER_BY_UNTIL, KIND_MOMENT, 0, false),
    FLAG("running", FILTER_BY_RUNNING),
    FLAG("replayed", FILTER_BY_REPLAYED),
    FLAG("shed", FILTER_BY_SHED),
    FLAG("redacted", FILTER_BY_REDACTED),
    FLAG("upgraded", FILTER_BY_UPGRADED),
};

enum {
    FIELDS = sizeof(fields) / sizeof(fields[0]),
    WORD_SHOWN_MAX = 40, // bytes of a word that a message repeats
    NAME_MAX_BYTES = 12, // of a field's name
    ID_SHOWN = 6         // last characters of an id, as listings show it
};

const struct filter_field *filter_field_find(struct slice word, struct slice *header)
{
    for (size_t i = 0; i < FIELDS; i++) {
        struct slice name = slice_str(fields[i].name);
        if (fields[i].id != FILTER_BY_HEADER && slice_ieq(word, name))
            return &fields[i];
        if (fields[i].id != FILTER_BY_HEADER || word.len <= name.len ||
            !slice_ieq(slice_of(word.p, name.len), name))
            continue;
        *header = slice_of(word.p + name.len, word.len - name.len);
        return chars_are(*header, CHAR_TOKEN) ? &fields[i] : NULL;
    }
    return NULL;
}

static const char *nearest_field(struct slice word)
{
    char lower[NAME_MAX_BYTES];
    const char *best = NULL;
    size_t min = 3;
    for (size_t i = 0; i < word.len && i < NAME_MAX_BYTES; i++)
        lower[i] = ascii_lower(word.p[i]);
    for (size_t i = 0; i < FIELDS && word.len <= NAME_MAX_BYTES; i++) {
        struct slice name = slice_str(fields[i].name);
        size_t d = name_distance(slice_of(lower, word.len), name);
        if (d < min && d * 2 < name.len) {
            min = d;
            best = fields[i].name;
        }
    }
    return best;
}

static bool is_upper(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.len > 2;
}

// Whether a word looks like a whole id, or like the end of one as listings show it. A digit is
// required, since letters alone are a word.
static bool is_like_id(struct slice word)
{
    char whole[EXCHANGE_ID_LEN + 1] = "0000000000000000";
    bool has_digit = false;
    if (word.len != EXCHANGE_ID_LEN && word.len != ID_SHOWN)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        has_digit = has_digit || (word.p[i] >= '0' && word.p[i] <= '9');
        whole[i] = ascii_lower(word.p[i]);
    }
    return has_digit && exchange_id_is_valid(slice_of(whole, EXCHANGE_ID_LEN));
}

// Returns the beginning of a comparison with this word that is likely meant, or NULL.
static const char *likely_comparison(struct slice word)
{
    uint64_t low;
    uint64_t high;
    if (filter_status(word, &low, &high))
        return "status=";
    if (is_upper(word))
        return "method=";
    if (word.len > 3 && memmem(word.p, word.len, "://", 3))
        return "url~";
    if (memchr(word.p, '/', word.len))
        return "path~";
    if (is_like_id(word))
        return "id=";
    return NULL;
}

static bool is_shown(struct slice word)
{
    for (size_t i = 0; i < word.len; i++)
        if (word.p[i] <= ' ' || word.p[i] > '~')
            return false;
    return word.len <= WORD_SHOWN_MAX;
}

static void suggest_comparison(struct slice word, char why[static FILTER_WHY_MAX])
{
    const char *text = is_shown(word) ? word.p : "...";
    int len = is_shown(word) ? (int)word.len : 3;
    const char *comparison = likely_comparison(word);
    if (slice_eq(word, SLICE("last")))
        (void)snprintf(why, FILTER_WHY_MAX,
                       "last is no filter: show, replay and diff take it; the command requests "
                       "lists the newest with -n 1");
    else if (comparison)
        (void)snprintf(why, FILTER_WHY_MAX, "did you mean %s%.*s?", comparison, len, text);
    else
        (void)snprintf(why, FILTER_WHY_MAX, "did you mean path~%.*s, or body~%.*s?", len, text, len,
                       text);
}

void filter_field_suggest(struct slice word, bool has_operator, char why[static FILTER_WHY_MAX])
{
    struct slice header;
    const char *colon = memchr(word.p, ':', word.len);
    struct slice before = slice_of(word.p, colon ? (size_t)(colon - word.p) : 0);
    const char *name = !has_operator && likely_comparison(word) ? NULL : nearest_field(word);
    bool is_header = name && name[strlen(name) - 1] == '.';
    if (!has_operator && colon && filter_field_find(before, &header))
        (void)snprintf(why, FILTER_WHY_MAX, "a colon is no operator: write = or ~ instead");
    else if (is_header)
        (void)snprintf(why, FILTER_WHY_MAX, "a header field needs a name: %sNAME", name);
    else if (name)
        (void)snprintf(why, FILTER_WHY_MAX, "there is no such field; did you mean %s?", name);
    else if (!has_operator)
        suggest_comparison(word, why);
    else
        (void)snprintf(why, FILTER_WHY_MAX,
                       "there is no such field; there are status, method, path, host, body, "
                       "header.NAME, time, size, since and more");
}
