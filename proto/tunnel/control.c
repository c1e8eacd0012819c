// SPDX-License-Identifier: MIT
#include "control.h"
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include "private_fields.h"
#include "proto/http/authority.h"
#include "proto/http/chars.h"
#include "proto/utf8.h"

const char *control_strerror(int error)
{
    switch ((enum control_error)error) {
    case CONTROL_E_JSON: return "not a JSON object";
    case CONTROL_E_TYPE: return "message of unknown type";
    case CONTROL_E_MEMBER: return "a member is missing or wrong";
    case CONTROL_E_VERSION: return "another version of the protocol";
    case CONTROL_E_MEMORY: return "out of memory";
    }
    return "no error";
}

enum {
    M_VERSION,
    M_ID,
    M_SOFTWARE,
    M_OWNER,
    M_BEFORE,
    M_FEATURES,
    M_RECORD,
    M_NAME,
    M_URL,
    M_CODE,
    M_MESSAGE,
    MEMBERS
};

// The form of a string: each is shown to people, stored, or compared.
enum form {
    FORM_TEXT,  // UTF-8 without controls
    FORM_ASCII, // printable ASCII
    FORM_CODE,  // private_is_code
    FORM_URL,   // http:// or https://, a host, optionally a port
};

// The place of a member in struct control_message; numbers (version, id) have no size.
static const struct member {
    const char *key;
    size_t offset, size;
    enum form form;
} members[MEMBERS] = {
    [M_VERSION] = {"version", offsetof(struct control_message, version), 0, FORM_TEXT},
    [M_ID] = {"id", offsetof(struct control_message, id), 0, FORM_TEXT},
    [M_SOFTWARE] = {"software", offsetof(struct control_message, software),
                    sizeof((struct control_message){0}.software), FORM_ASCII},
    [M_OWNER] = {"owner", offsetof(struct control_message, owner),
                 sizeof((struct control_message){0}.owner), FORM_TEXT},
    [M_BEFORE] = {"before", offsetof(struct control_message, before),
                  sizeof((struct control_message){0}.before), FORM_TEXT},
    [M_FEATURES] = {"features", offsetof(struct control_message, features),
                    sizeof((struct control_message){0}.features), FORM_ASCII},
    [M_RECORD] = {"record", offsetof(struct control_message, record),
                  sizeof((struct control_message){0}.record), FORM_ASCII},
    [M_NAME] = {"name", offsetof(struct control_message, name),
                sizeof((struct control_message){0}.name), FORM_TEXT},
    [M_URL] = {"url", offsetof(struct control_message, url),
               sizeof((struct control_message){0}.url), FORM_URL},
    [M_CODE] = {"code", offsetof(struct control_message, code),
                sizeof((struct control_message){0}.code), FORM_CODE},
    [M_MESSAGE] = {"message", offsetof(struct control_message, message),
                   sizeof((struct control_message){0}.message), FORM_TEXT},
};

#define BIT(m) (1u << (m))

// `labels` must be DNS labels. The name in a bind need not be one: the relay refuses it by itself.
static const struct rule {
    const char *type;
    unsigned required, optional, labels;
} rules[] = {
    [CONTROL_HELLO] = {"hello", BIT(M_VERSION) | BIT(M_SOFTWARE) | BIT(M_OWNER),
                       BIT(M_BEFORE) | BIT(M_FEATURES) | BIT(M_RECORD), 0},
    [CONTROL_WELCOME] = {"welcome", BIT(M_VERSION) | BIT(M_SOFTWARE), BIT(M_FEATURES), 0},
    [CONTROL_REFUSED] = {"refused", BIT(M_CODE) | BIT(M_MESSAGE), BIT(M_ID), 0},
    [CONTROL_BIND] = {"bind", BIT(M_ID), BIT(M_NAME), 0},
    [CONTROL_BOUND] = {"bound", BIT(M_ID) | BIT(M_NAME) | BIT(M_URL), 0, BIT(M_NAME)},
    [CONTROL_DRAIN] = {"drain", BIT(M_MESSAGE), 0, 0},
};
enum {
    RULES = sizeof(rules) / sizeof(rules[0])
};

// Whether UTF-8 text fits in `size` and has no C0 control, DEL or C1 control, which terminals obey.
static bool has_no_controls(const char *s, size_t size)
{
    size_t len = strlen(s);
    if (len >= size)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s[i + 1] < 0xa0))
            return false;
    }
    return true;
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] < ' ' || text.p[i] > '~')
            return false;
    return true;
}

// Whether a text is a DNS label in lower case (docs/protocol.md §5).
static bool is_label(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.p[i] >= 'a' && text.p[i] <= 'z') && !(text.p[i] >= '0' && text.p[i] <= '9') &&
            text.p[i] != '-')
            return false;
    return text.len > 0 && text.p[0] != '-' && text.p[text.len - 1] != '-';
}

// Whether a text is a URL of a host, an optional port and an optional final slash. People paste it
// into shells, so the characters of sub-delims (RFC 3986 §2.2) and escapes are not allowed.
static bool is_url(struct slice text)
{
    const char *mark = text.len > 7 ? memchr(text.p, ':', text.len) : NULL;
    size_t scheme = mark ? (size_t)(mark - text.p) : 0;
    if (!slice_eq(slice_of(text.p, scheme), SLICE("http")) &&
        !slice_eq(slice_of(text.p, scheme), SLICE("https")))
        return false;
    struct slice rest = slice_of(text.p + scheme, text.len - scheme);
    if (rest.len <= 3 || !slice_eq(slice_of(rest.p, 3), SLICE("://")))
        return false;
    rest = slice_of(rest.p + 3, rest.len - 3 - (rest.p[rest.len - 1] == '/'));
    for (size_t i = 0; i < rest.len; i++)
        if (!char_is(rest.p[i], CHAR_HEX) && !strchr("-._:[]", rest.p[i]) &&
            !(ascii_lower(rest.p[i]) >= 'g' && ascii_lower(rest.p[i]) <= 'z'))
            return false;
    return authority_is_valid(rest);
}

static bool has_form(struct slice text, enum form form)
{
    switch (form) {
    case FORM_TEXT: return true;
    case FORM_ASCII: return is_printable(text);
    case FORM_CODE: return private_is_code(text);
    case FORM_URL: return is_url(text);
    }
    return false;
}

static int parse_member(const cJSON *item, unsigned m, struct control_message *message)
{
    char *base = (char *)message + members[m].offset;
    if (!item)
        return CONTROL_E_MEMBER;
    if (m == M_VERSION) {
        if (!cJSON_IsNumber(item) || item->valueint < 0 ||
            item->valuedouble != (double)item->valueint)
            return CONTROL_E_MEMBER;
        message->version = (uint32_t)item->valueint;
        return 0;
    }
    if (!cJSON_IsString(item))
        return CONTROL_E_MEMBER;
    if (m == M_ID) {
        bool number = slice_to_u64(slice_str(item->valuestring), &message->id);
        return number && message->id > 0 ? 0 : CONTROL_E_MEMBER;
    }
    if (!has_no_controls(item->valuestring, members[m].size) ||
        !has_form(slice_str(item->valuestring), members[m].form))
        return CONTROL_E_MEMBER;
    if ((rules[message->type].labels & BIT(m)) && !is_label(slice_str(item->valuestring)))
        return CONTROL_E_MEMBER;
    memcpy(base, item->valuestring, strlen(item->valuestring) + 1);
    return 0;
}

static int parse_object(const cJSON *object, struct control_message *message)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(object, "type");
    unsigned t = 0;
    if (!cJSON_IsString(type))
        return CONTROL_E_TYPE;
    while (t < RULES && strcmp(rules[t].type, type->valuestring) != 0)
        t++;
    if (t == RULES)
        return CONTROL_E_TYPE;
    message->type = (enum control_type)t;
    for (unsigned m = 0; m < MEMBERS; m++) {
        if (!((rules[t].required | rules[t].optional) & BIT(m)))
            continue;
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, members[m].key);
        if (!item && (rules[t].optional & BIT(m)))
            continue;
        int error = parse_member(item, m, message);
        if (error)
            return error;
    }
    if ((rules[t].required & BIT(M_VERSION)) && message->version != CONTROL_VERSION)
        return CONTROL_E_VERSION;
    return 0;
}

// Whether any string may hold a zero: cJSON would end the string there and accept the rest unseen.
static bool has_zero(struct slice json)
{
    static const char escaped[] = "u0000";
    for (size_t i = 0; i < json.len; i++) {
        if (json.p[i] == 0)
            return true;
        if (json.p[i] != '\\')
            continue;
        if (json.len - i > 5 && memcmp(json.p + i + 1, escaped, 5) == 0)
            return true;
        i++; // skip the escaped character, which may be a backslash
    }
    return false;
}

// Whether only white space follows `end` in the text.
static bool is_only_space(struct slice json, const char *end)
{
    const char *last = json.p + json.len;
    while (end < last && (*end == ' ' || *end == '\t' || *end == '\r' || *end == '\n'))
        end++;
    return end == last;
}

bool control_owner_is_valid(const struct control_message *message)
{
    const char *s = message->owner;
    return strspn(s, "0123456789abcdefABCDEF") == CONTROL_OWNER_DIGITS && !s[CONTROL_OWNER_DIGITS];
}

int control_parse(struct slice json, struct control_message *message)
{
    const char *end = NULL;
    *message = (struct control_message){0};
    if (json.len == 0 || has_zero(json) || !utf8_is_valid(json))
        return CONTROL_E_JSON;
    cJSON *object = cJSON_ParseWithLengthOpts(json.p, json.len, &end, 0);
    bool valid = cJSON_IsObject(object) && is_only_space(json, end);
    int error = valid ? parse_object(object, message) : CONTROL_E_JSON;
    cJSON_Delete(object);
    return error;
}

static bool add_member(cJSON *object, unsigned m, const struct control_message *message)
{
    const char *base = (const char *)message + members[m].offset;
    if (m == M_VERSION)
        return cJSON_AddNumberToObject(object, members[m].key, message->version) != NULL;
    if (m == M_ID) {
        char digits[24];
        (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)message->id);
        return cJSON_AddStringToObject(object, members[m].key, digits) != NULL;
    }
    return cJSON_AddStringToObject(object, members[m].key, base) != NULL;
}

static bool is_present(unsigned m, const struct control_message *message)
{
    return m == M_ID ? message->id != 0
                     : members[m].size > 0 && ((const char *)message)[members[m].offset] != 0;
}

int control_write(char *out, size_t cap, const struct control_message *message)
{
    const struct rule *rule = &rules[message->type];
    cJSON *object = cJSON_CreateObject();
    bool ok = object && cJSON_AddStringToObject(object, "type", rule->type);
    for (unsigned m = 0; ok && m < MEMBERS; m++)
        if ((rule->required & BIT(m)) || ((rule->optional & BIT(m)) && is_present(m, message)))
            ok = add_member(object, m, message);
    char *text = ok ? cJSON_PrintUnformatted(object) : NULL;
    size_t len = text ? strlen(text) : 0;
    int result = CONTROL_E_MEMORY;
    if (text)
        result = len <= cap ? (int)len : CONTROL_E_MEMBER;
    if (result >= 0)
        memcpy(out, text, len);
    cJSON_free(text);
    cJSON_Delete(object);
    return result;
}
