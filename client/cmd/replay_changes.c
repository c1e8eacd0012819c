// SPDX-License-Identifier: MIT
#include "replay_changes.h"
#include "proto/http/authority.h"
#include "proto/http/chars.h"
#include "proto/http/http1.h"

static bool is_one_of(struct slice name, const char *const names[])
{
    for (size_t i = 0; names[i]; i++)
        if (slice_ieq(name, slice_str(names[i])))
            return true;
    return false;
}

// Fields about the framing of the body or the connection: adit writes them.
static bool is_framing_field(struct slice name)
{
    static const char *const names[] = {"content-length",
                                        "transfer-encoding",
                                        "connection",
                                        "keep-alive",
                                        "upgrade",
                                        "te",
                                        "trailer",
                                        "expect",
                                        NULL};
    return is_one_of(name, names);
}

bool replay_set_field(struct replay_changes *c, const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon || c->set_count == REPLAY_FIELDS_MAX)
        return false;
    struct slice name = slice_of(text, (size_t)(colon - text));
    struct slice value = slice_trim(slice_str(colon + 1));
    bool is_host = slice_ieq(name, SLICE("host"));
    if (name.len == 0 || !chars_are(name, CHAR_TOKEN) || !chars_are(value, CHAR_VALUE) ||
        is_framing_field(name) || (is_host && (value.len == 0 || !authority_is_valid(value))))
        return false;
    c->set[c->set_count++] = (struct field){name, value};
    return true;
}

bool replay_drop_field(struct replay_changes *c, const char *text)
{
    static const char *const needed[] = {"host", "content-length", "transfer-encoding", NULL};
    struct slice name = slice_str(text);
    if (c->drop_count == REPLAY_FIELDS_MAX || name.len == 0 || !chars_are(name, CHAR_TOKEN) ||
        is_one_of(name, needed))
        return false;
    c->drop[c->drop_count++] = text;
    return true;
}

static bool is_set(const struct replay_changes *c, struct slice name)
{
    for (size_t i = 0; i < c->set_count; i++)
        if (slice_ieq(name, c->set[i].name))
            return true;
    return false;
}

bool replay_changes_field(const struct replay_changes *c, struct slice name)
{
    for (size_t i = 0; i < c->drop_count; i++)
        if (slice_ieq(name, slice_str(c->drop[i])))
            return true;
    return is_set(c, name);
}
