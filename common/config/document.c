// SPDX-License-Identifier: MIT
#include "document.h"
#include <stdio.h>
#include <string.h>
#include <yaml.h>
#include "common/base/destination.h"
#include "proto/utf8.h"

struct reader {
    yaml_parser_t parser;
    struct slice text;
    size_t chars, bytes; // the last converted place: libyaml counts characters, we need bytes
    struct config_document *d;
    struct config_mistake *mistake;
};

static bool fail(struct config_mistake *m, struct config_place place, const char *why)
{
    m->place = place;
    (void)snprintf(m->text, sizeof(m->text), "%s", why);
    return false;
}

static struct config_place place_of(yaml_mark_t mark)
{
    return (struct config_place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

// Converts a mark of libyaml to a byte offset.
static size_t byte_of(struct reader *r, yaml_mark_t mark)
{
    if (mark.index < r->chars)
        r->chars = r->bytes = 0;
    while (r->chars < mark.index && r->bytes < r->text.len) {
        size_t len = utf8_len(slice_of(r->text.p + r->bytes, r->text.len - r->bytes));
        r->bytes += len ? len : 1;
        r->chars++;
    }
    return r->bytes;
}

static bool fail_parsing(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    char text[200];
    bool has_mark = p->error == YAML_SCANNER_ERROR || p->error == YAML_PARSER_ERROR;
    bool is_tab = has_mark && p->problem && strstr(p->problem, "any token");
    (void)snprintf(text, sizeof(text), "it is not valid YAML: %s%s",
                   p->error == YAML_MEMORY_ERROR ? "out of memory"
                   : p->problem                  ? p->problem
                                                 : "it cannot be read",
                   is_tab ? " (YAML is indented by spaces, never by tabs)" : "");
    return fail(r->mistake, has_mark ? place_of(p->problem_mark) : (struct config_place){0}, text);
}

// Gets the next event, which the caller deletes.
static bool next(struct reader *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) || fail_parsing(r);
}

static bool begins(const yaml_event_t *e)
{
    return e->type == YAML_MAPPING_START_EVENT || e->type == YAML_SEQUENCE_START_EVENT;
}

static bool ends(const yaml_event_t *e)
{
    return e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT;
}

// Skips the rest of a node that begins with `first`, at nesting `depth`. Aliases are never
// expanded.
static bool skip(struct reader *r, const yaml_event_t *first, unsigned depth)
{
    unsigned open = begins(first) ? 1 : 0;
    while (open > 0) {
        yaml_event_t e;
        if (!next(r, &e))
            return false;
        open = open + (begins(&e) ? 1 : 0) - (ends(&e) ? 1 : 0);
        struct config_place place = place_of(e.start_mark);
        yaml_event_delete(&e);
        if (open + depth > CONFIG_DEPTH_MAX)
            return fail(r->mistake, place, "it is nested too deeply: 16 levels at most");
    }
    return true;
}

static bool is_null(const yaml_event_t *e)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    const char *value = (const char *)e->data.scalar.value;
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(nulls[i], value) == 0)
            return true;
    return false;
}

static bool is_flow(const yaml_event_t *e)
{
    return e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
}

// Notes kind and place of a value; its key has been noted before.
static void note_span(struct reader *r, struct config_span *s, const yaml_event_t *e)
{
    s->start = byte_of(r, e->start_mark);
    s->end = byte_of(r, e->end_mark);
    if (e->type == YAML_MAPPING_START_EVENT) {
        s->kind = CONFIG_MAPPING;
        s->flow = is_flow(e);
        return;
    }
    yaml_scalar_style_t style = e->data.scalar.style;
    bool plain_text = !e->data.scalar.anchor && !e->data.scalar.tag &&
                      style != YAML_LITERAL_SCALAR_STYLE && style != YAML_FOLDED_SCALAR_STYLE;
    s->kind = !plain_text ? CONFIG_BLOCK : is_null(e) ? CONFIG_EMPTY : CONFIG_SCALAR;
}

static bool take_unknown(struct reader *r, const char *key, struct config_place place,
                         const yaml_event_t *value, unsigned depth)
{
    struct config_document *d = r->d;
    if (d->notes < CONFIG_NOTES_MAX) {
        struct config_note *n = &d->note[d->notes];
        (void)snprintf(n->key, sizeof(n->key), "%s", key);
        n->place = place;
    }
    d->notes++;
    return skip(r, value, depth);
}

static bool take_version(struct reader *r, const yaml_event_t *value)
{
    if (value->type == YAML_SCALAR_EVENT && strcmp((char *)value->data.scalar.value, "3") == 0)
        return true;
    return fail(r->mistake, place_of(value->start_mark), "only version: 3 is understood");
}

static bool take_relay(struct reader *r, const yaml_event_t *value)
{
    struct config_document *d = r->d;
    d->relay_place = place_of(value->start_mark);
    if (value->type != YAML_SCALAR_EVENT)
        return fail(r->mistake, d->relay_place, "agent.relay is one URL");
    note_span(r, &d->relay_value, value);
    if (is_null(value))
        return true;
    if (value->data.scalar.length >= sizeof(d->relay) ||
        strlen((char *)value->data.scalar.value) != value->data.scalar.length)
        return fail(r->mistake, d->relay_place, "agent.relay is too long for a URL");
    d->has_relay = true;
    memcpy(d->relay, value->data.scalar.value, value->data.scalar.length + 1);
    return true;
}

typedef bool take_key(struct reader *r, const yaml_event_t *key, const yaml_event_t *value);

// Reads the keys and values of a mapping, up to its end.
static bool read_mapping(struct reader *r, struct config_span *s, take_key *take)
{
    for (;;) {
        yaml_event_t key;
        yaml_event_t value;
        if (!next(r, &key))
            return false;
        bool more = key.type != YAML_MAPPING_END_EVENT;
        if (more && !s->has_keys)
            s->first = byte_of(r, key.start_mark);
        s->has_keys = s->has_keys || more;
        bool ok = !more || key.type == YAML_SCALAR_EVENT ||
                  fail(r->mistake, place_of(key.start_mark), "a key is a word");
        if (ok && more && next(r, &value)) {
            ok = take(r, &key, &value);
            yaml_event_delete(&value);
        } else if (more) {
            ok = false;
        }
        yaml_event_delete(&key);
        if (!ok || !more)
            return ok;
    }
}

static bool is_key(const yaml_event_t *key, const char *name)
{
    return strcmp((const char *)key->data.scalar.value, name) == 0;
}

// Notes the place of a known key, which may occur once.
static bool begin_known(struct reader *r, struct config_span *s, const yaml_event_t *key)
{
    bool again = s->kind != CONFIG_NONE;
    s->key = byte_of(r, key->start_mark);
    return !again || fail(r->mistake, place_of(key->start_mark), "this key is there twice");
}

static bool take_agent_key(struct reader *r, const yaml_event_t *key, const yaml_event_t *value)
{
    if (!is_key(key, "relay"))
        return take_unknown(r, (char *)key->data.scalar.value, place_of(key->start_mark), value, 2);
    return begin_known(r, &r->d->relay_value, key) && take_relay(r, value);
}

static bool take_agent(struct reader *r, const yaml_event_t *value)
{
    struct config_span *s = &r->d->agent;
    bool mapping = value->type == YAML_MAPPING_START_EVENT;
    if (!mapping && !(value->type == YAML_SCALAR_EVENT && is_null(value)))
        return fail(r->mistake, place_of(value->start_mark),
                    "agent holds keys of its own, as in agent: {relay: URL}");
    note_span(r, s, value);
    return !mapping || read_mapping(r, s, take_agent_key);
}

static bool take_root_key(struct reader *r, const yaml_event_t *key, const yaml_event_t *value)
{
    if (is_key(key, "version"))
        return take_version(r, value);
    if (is_key(key, "agent"))
        return begin_known(r, &r->d->agent, key) && take_agent(r, value);
    return take_unknown(r, (char *)key->data.scalar.value, place_of(key->start_mark), value, 1);
}

static bool take_root(struct reader *r, const yaml_event_t *e)
{
    struct config_span *s = &r->d->root;
    if (e->type == YAML_SCALAR_EVENT && is_null(e))
        return true;
    if (e->type != YAML_MAPPING_START_EVENT)
        return fail(r->mistake, place_of(e->start_mark),
                    "it holds keys with values, as in version: 3");
    note_span(r, s, e);
    return read_mapping(r, s, take_root_key);
}

// Reads all events: one document at most.
static bool read_stream(struct reader *r)
{
    bool seen = false;
    for (;;) {
        yaml_event_t e;
        if (!next(r, &e))
            return false;
        yaml_event_type_t type = e.type;
        bool ok = true;
        if (type == YAML_DOCUMENT_START_EVENT) {
            ok = !seen || fail(r->mistake, place_of(e.start_mark), "a second document begins here");
            seen = true;
        } else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
                   type != YAML_DOCUMENT_END_EVENT) {
            ok = take_root(r, &e);
        }
        yaml_event_delete(&e);
        if (!ok || type == YAML_STREAM_END_EVENT)
            return ok;
    }
}

struct slice config_skip_bom(struct slice text)
{
    static const struct slice mark = {"\xef\xbb\xbf", 3};
    bool marked = text.len >= mark.len && slice_eq(slice_of(text.p, mark.len), mark);
    return marked ? slice_of(text.p + mark.len, text.len - mark.len) : text;
}

// The byte order mark is removed first: libyaml skips it, but counts it as a column, so that the
// first key would look indented.
bool config_read(struct slice text, struct config_document *d, struct config_mistake *mistake)
{
    text = config_skip_bom(text);
    struct reader r = {.text = text, .d = d, .mistake = mistake};
    *d = (struct config_document){0};
    *mistake = (struct config_mistake){0};
    if (text.len > CONFIG_BYTES_MAX)
        return fail(mistake, (struct config_place){0}, "it is larger than 64 KiB");
    if (!utf8_is_valid(text) || (text.len > 0 && memchr(text.p, 0, text.len)))
        return fail(mistake, (struct config_place){0}, "it is not UTF-8 text");
    if (!yaml_parser_initialize(&r.parser))
        return fail(mistake, (struct config_place){0}, "out of memory");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.len ? text.p : ""),
                                 text.len);
    bool ok = read_stream(&r);
    yaml_parser_delete(&r.parser);
    return ok;
}

bool config_check_relay(const struct config_document *d, struct config_mistake *mistake)
{
    struct destination at;
    char text[DESTINATION_MESSAGE_MAX];
    const char *why = d->has_relay ? destination_parse(d->relay, DESTINATION_RELAY, &at) : NULL;
    if (!why)
        return true;
    destination_explain(text, "agent.relay", why, d->relay);
    return fail(mistake, d->relay_place, text);
}
