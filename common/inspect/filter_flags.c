// SPDX-License-Identifier: MIT
#include "filter_flags.h"
#include <string.h>

enum {
    FLAG_STATUS = 0x10,
    FLAG_METHOD,
    FLAG_PATH,
    FLAG_HOST,
    FLAG_SINCE,
    FLAG_UNTIL,
    FLAG_BODY,
    FLAG_GREP
};

const struct option filter_flags_options[] = {
    {"status", required_argument, NULL, FLAG_STATUS},
    {"method", required_argument, NULL, FLAG_METHOD},
    {"path", required_argument, NULL, FLAG_PATH},
    {"host", required_argument, NULL, FLAG_HOST},
    {"since", required_argument, NULL, FLAG_SINCE},
    {"until", required_argument, NULL, FLAG_UNTIL},
    {"body", required_argument, NULL, FLAG_BODY},
    {"grep", required_argument, NULL, FLAG_GREP},
    {NULL, 0, NULL, 0},
};

const char filter_flags_help[] =
    "  --status 404|5xx     the status, or its class; also --status '>=500'.\n"
    "                       The options from --status to --grep are comparisons\n"
    "                       of a filter (docs/filters.md); all of them must hold\n"
    "  --method POST        the method; also --method '!=GET'\n"
    "  --path /api          the path begins with it; a * matches anything. Without\n"
    "                       the slash it may stand anywhere in the path\n"
    "  --host NAME          the host: whole, without its port, or its first label\n"
    "  --since 10m|DATE     the exchange began since then\n"
    "  --until 10m|DATE     the exchange began until then\n"
    "  --body PATTERN       a body matches this regular expression\n"
    "  --grep PATTERN       the URL or a body matches it\n";

static void add(struct filter_flags *f, const char *s, size_t len)
{
    if (len > FILTER_TEXT_MAX - f->len) {
        f->too_long = true;
        return;
    }
    memcpy(f->text + f->len, s, len);
    f->len += len;
    f->text[f->len] = 0;
}

static void add_text(struct filter_flags *f, const char *s)
{
    add(f, s, strlen(s));
}

// Adds a value, quoted where it must be. A star at the beginning would be read as part of "~*".
static void add_value(struct filter_flags *f, const char *value)
{
    if (value[0] && value[0] != '*' && !value[strcspn(value, " \t\r\n\f\v()\"\\")]) {
        add_text(f, value);
        return;
    }
    add_text(f, "\"");
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            add_text(f, "\\");
        add(f, value, 1);
    }
    add_text(f, "\"");
}

// Takes the operator that a value begins with off it; `usual` without one.
static const char *take_operator(const char **value, const char *usual)
{
    static const char *const operators[] = {
        "!=", "!~*", "!~", ">=", "<=", "~*", "=", ">", "<", "~"};
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        size_t len = strlen(operators[i]);
        if (strncmp(*value, operators[i], len) != 0)
            continue;
        *value += len;
        return operators[i];
    }
    return usual;
}

static void add_comparison(struct filter_flags *f, const char *field, const char *value)
{
    add_text(f, field);
    add_text(f, take_operator(&value, "="));
    add_value(f, value);
}

// Adds a path as a pattern: with a slash first it is the beginning of a path; "*" matches anything.
static void add_path(struct filter_flags *f, const char *value)
{
    char pattern[FILTER_TEXT_MAX + 1];
    size_t len = 0;
    if (strchr("=!~", value[0])) { // also an empty value, which the filter refuses
        add_comparison(f, "path", value);
        return;
    }
    if (value[0] == '/')
        pattern[len++] = '^';
    for (; *value && len + 2 < sizeof(pattern); value++) {
        if (*value == '*')
            pattern[len++] = '.';
        else if (strchr(".[]()+?{}|^$\\", *value))
            pattern[len++] = '\\';
        pattern[len++] = *value;
    }
    pattern[len] = 0;
    f->too_long = f->too_long || *value;
    add_text(f, "path~");
    add_value(f, pattern);
}

static void add_anywhere(struct filter_flags *f, const char *value)
{
    add_text(f, "(url~");
    add_value(f, value);
    add_text(f, " or body~");
    add_value(f, value);
    add_text(f, ")");
}

bool filter_flags_take(struct filter_flags *f, int option, const char *value)
{
    if (option < FLAG_STATUS || option > FLAG_GREP)
        return false;
    if (f->len > 0)
        add_text(f, " ");
    switch (option) {
    case FLAG_STATUS: add_comparison(f, "status", value); return true;
    case FLAG_METHOD: add_comparison(f, "method", value); return true;
    case FLAG_PATH: add_path(f, value); return true;
    case FLAG_HOST: add_comparison(f, "host", value); return true;
    case FLAG_SINCE:
    case FLAG_UNTIL:
        add_text(f, option == FLAG_SINCE ? "since=" : "until=");
        add_value(f, value);
        return true;
    case FLAG_BODY:
        add_text(f, "body~");
        add_value(f, value);
        return true;
    default: add_anywhere(f, value); return true;
    }
}
