// SPDX-License-Identifier: MIT
// The text of adit.yml (docs/configuration.md): what of it is understood, with line and column, and
// how one value is changed without touching anything else that is written there. Bytes in, bytes
// out.
#pragma once
#include <stdbool.h>
#include "proto/buf.h"

enum {
    CONFIG_BYTES_MAX = 64 * 1024, // of the file
    CONFIG_DEPTH_MAX = 16,        // of mappings and sequences within each other
    CONFIG_VALUE_MAX = 320,       // of a value that is understood, with a zero
    CONFIG_KEY_MAX = 48,          // of a key that is repeated, with a zero
    CONFIG_NOTES_MAX = 8,         // keys that are not understood and told one by one
    CONFIG_MESSAGE_MAX = 700
};

// Where in the text, from 1 on; 0: nowhere in particular.
struct config_place {
    unsigned line, column;
};

struct config_mistake {
    struct config_place place;
    char text[CONFIG_MESSAGE_MAX]; // may hold what was written: for output_line alone
};

// A node of the text, in bytes from its start, which is behind a byte order mark.
struct config_span {
    enum {
        CONFIG_NONE,
        CONFIG_EMPTY,  // null: nothing, ~ or null
        CONFIG_SCALAR, // on one line, or quoted
        CONFIG_BLOCK,  // a scalar behind | or >, or one with a tag or an anchor
        CONFIG_MAPPING
    } kind;
    bool flow;         // in braces
    size_t start, end; // of a mapping the start alone
    size_t key;        // where its own key starts
    size_t first;      // of a mapping: where its first key starts
    bool has_keys;     // of a mapping
};

struct config_document {
    bool has_relay;
    char relay[CONFIG_VALUE_MAX]; // agent.relay as it is written
    struct config_place relay_place;
    struct config_note {
        char key[CONFIG_KEY_MAX];
        struct config_place place;
    } note[CONFIG_NOTES_MAX]; // keys that this version does not understand
    size_t notes;             // how many there are, also beyond CONFIG_NOTES_MAX
    struct config_span root, agent, relay_value;
};

// The text without the byte order mark that some editors put before it.
struct slice config_skip_bom(struct slice text);

// Reads the text. False: the mistake says why nothing of it is taken.
bool config_read(struct slice text, struct config_document *d, struct config_mistake *mistake);

// Whether agent.relay, if there is one, leads to a relay. False: the mistake says why not.
bool config_check_relay(const struct config_document *d, struct config_mistake *mistake);

// Appends to `out` the text with agent.relay set to a URL as destination_url writes it, or without
// agent.relay when `url` is NULL. All else stays as it is, comments too. False: the mistake says
// why not; `out` is then of no use.
bool config_edit_relay(struct slice text, const char *url, struct buf *out,
                       struct config_mistake *mistake);
