// SPDX-License-Identifier: MIT
// Changes one value in the text of adit.yml, at the places that parsing noted. The result is parsed
// again, and refused unless it means what was intended.
#include <stdio.h>
#include <string.h>
#include "document.h"

enum {
    INDENT = 2,
    COLUMN_MAX = 200 // largest indentation of a key
};

// Replaces the bytes [start, end) of the text by `lines`.
struct edit {
    struct slice text;
    size_t start, end;
    char lines[CONFIG_VALUE_MAX + 3 * COLUMN_MAX];
};

static const char by_hand[] =
    "adit cannot change this file without touching its other contents: edit it by hand, as in "
    "agent: {relay: URL}";

static bool refuse(struct config_mistake *m)
{
    m->place = (struct config_place){0};
    (void)snprintf(m->text, sizeof(m->text), "%s", by_hand);
    return false;
}

static size_t line_start(struct slice text, size_t at)
{
    while (at > 0 && text.p[at - 1] != '\n')
        at--;
    return at;
}

// Gets the column of a byte. False: its line has more than spaces before it, or too many.
static bool indent_of(struct slice text, size_t at, int *column)
{
    size_t start = line_start(text, at);
    for (size_t i = start; i < at; i++)
        if (text.p[i] != ' ')
            return false;
    *column = (int)(at - start);
    return at - start < COLUMN_MAX;
}

static void replace(struct edit *e, size_t start, size_t end)
{
    e->start = start;
    e->end = end;
}

#define LINES(e, ...) (void)snprintf((e)->lines, sizeof((e)->lines), __VA_ARGS__)

// Replaces an existing value.
static bool set_value(struct edit *e, const struct config_document *d, const char *url)
{
    const struct config_span *s = &d->relay_value;
    bool flow = d->agent.flow || d->root.flow;
    if (s->kind == CONFIG_BLOCK)
        return false;
    LINES(e, flow ? "%s\"%s\"" : "%s%s", s->start == s->end ? " " : "", url);
    replace(e, s->start, s->end);
    return true;
}

// Adds a key before the first one of an existing mapping.
static bool add_key(struct edit *e, const struct config_span *s, const char *key, const char *url)
{
    int column = 0;
    if (s->flow) {
        LINES(e, "%s \"%s\"%s%s", key, url, strchr(key, '{') ? "}" : "", s->has_keys ? ", " : "");
        replace(e, s->start + 1, s->start + 1);
        return true;
    }
    if (!s->has_keys || !indent_of(e->text, s->first, &column))
        return false;
    LINES(e, "%s %s\n%*s", key, url, column, "");
    replace(e, s->first, s->first);
    return true;
}

// Gives an empty agent a value.
static bool fill_agent(struct edit *e, const struct config_document *d, const char *url)
{
    const struct config_span *s = &d->agent;
    int column = 0;
    const char *space = s->start == s->end ? " " : "";
    if (s->kind == CONFIG_EMPTY && !d->root.flow && indent_of(e->text, s->key, &column))
        LINES(e, "\n%*srelay: %s", column + INDENT, "", url);
    else
        LINES(e, "%s{relay: \"%s\"}", space, url);
    replace(e, s->start, s->end);
    return s->kind == CONFIG_EMPTY;
}

// Adds agent at the end of the text.
static bool add_agent(struct edit *e, const struct config_document *d, const char *url)
{
    int column = 0;
    size_t len = e->text.len;
    const char *line_feed = len > 0 && e->text.p[len - 1] != '\n' ? "\n" : "";
    if (d->root.kind == CONFIG_MAPPING && d->root.flow)
        return add_key(e, &d->root, "agent: {relay:", url);
    if (d->root.kind == CONFIG_MAPPING && !indent_of(e->text, d->root.first, &column))
        return false;
    LINES(e, "%s%s%*sagent:\n%*srelay: %s\n", line_feed,
          d->root.kind == CONFIG_NONE ? "version: 3\n" : "", column, "", column + INDENT, "", url);
    replace(e, len, len);
    return true;
}

static bool set_relay(struct edit *e, const struct config_document *d, const char *url)
{
    if (d->relay_value.kind != CONFIG_NONE)
        return set_value(e, d, url);
    if (d->agent.kind == CONFIG_MAPPING)
        return add_key(e, &d->agent, "relay:", url);
    return d->agent.kind != CONFIG_NONE ? fill_agent(e, d, url) : add_agent(e, d, url);
}

// Removes the line of agent.relay when it has one of its own; otherwise the value becomes null.
static bool unset_relay(struct edit *e, const struct config_document *d)
{
    const struct config_span *s = &d->relay_value;
    int column = 0;
    if (s->kind == CONFIG_BLOCK)
        return false;
    e->lines[0] = 0;
    replace(e, s->start, s->end);
    if (s->kind == CONFIG_NONE || s->start == s->end)
        return true;
    bool one_line = !memchr(e->text.p + s->key, '\n', s->end - s->key);
    if (d->agent.flow || d->root.flow || !one_line || !indent_of(e->text, s->key, &column)) {
        LINES(e, "null");
        return true;
    }
    const char *end = memchr(e->text.p + s->end, '\n', e->text.len - s->end);
    replace(e, line_start(e->text, s->key), end ? (size_t)(end - e->text.p) + 1 : e->text.len);
    return true;
}

static bool apply(const struct edit *e, struct buf *out)
{
    return buf_append(out, e->text.p, e->start) && buf_append(out, e->lines, strlen(e->lines)) &&
           buf_append(out, e->text.p + e->end, e->text.len - e->end);
}

bool config_edit_relay(struct slice text, const char *url, struct buf *out,
                       struct config_mistake *mistake)
{
    struct config_document before;
    struct config_document after;
    struct edit e = {.text = config_skip_bom(text)};
    size_t from = buf_len(out);
    if (!config_read(text, &before, mistake))
        return false;
    if (!(url ? set_relay(&e, &before, url) : unset_relay(&e, &before)))
        return refuse(mistake);
    if (!buf_append(out, text.p, text.len - e.text.len) || !apply(&e, out)) {
        (void)snprintf(mistake->text, sizeof(mistake->text), "out of memory");
        return false;
    }
    bool ok = config_read(slice_of(buf_at(out) + from, buf_len(out) - from), &after, mistake) &&
              after.notes == before.notes && after.has_relay == (url != NULL) &&
              (!url || strcmp(after.relay, url) == 0);
    return ok || refuse(mistake);
}
