// SPDX-License-Identifier: MIT
// The text of adit.yml (docs/configuration.md): parses it, with line and column of mistakes, and
// changes one value while all other text stays as it is. No file is touched here.
#pragma once
#include <stdbool.h>
#include "proto/buf.h"

enum {
    CONFIG_BYTES_MAX = 64 * 1024, // of the file
    CONFIG_DEPTH_MAX = 16,        // nested mappings and sequences
    CONFIG_VALUE_MAX = 320,       // bytes of a known key's value, with a zero
    CONFIG_KEY_MAX = 48,          // bytes of an unknown key that are repeated, with a zero
    CONFIG_NOTES_MAX = 8,         // unknown keys that are kept
    CONFIG_MESSAGE_MAX = 700
};

// A place in the text, counted from 1; 0: no particular place.
struct config_place {
    unsigned line, column;
};

struct config_mistake {
    struct config_place place;
    char text[CONFIG_MESSAGE_MAX]; // may repeat the file: to be printed by output_line only
};

// A node, as offsets into the text behind the byte order mark.
struct config_span {
    enum {
        CONFIG_NONE,
        CONFIG_EMPTY,  // null, ~ or no value
        CONFIG_SCALAR, // plain or quoted
        CONFIG_BLOCK,  // a block scalar (| or >), or one with a tag or an anchor
        CONFIG_MAPPING
    } kind;
    bool flow;         // a mapping in braces
    size_t start, end; // of a mapping only the start is known
    size_t key;        // start of the node's own key
    size_t first;      // start of a mapping's first key
    bool has_keys;     // a mapping that is not empty
};

struct config_document {
    bool has_relay;
    char relay[CONFIG_VALUE_MAX]; // the value of agent.relay, not checked
    struct config_place relay_place;
    struct config_note {
        char key[CONFIG_KEY_MAX];
        struct config_place place;
    } note[CONFIG_NOTES_MAX]; // unknown keys
    size_t notes;             // their number, which may exceed CONFIG_NOTES_MAX
    struct config_span root, agent, relay_value;
};

// Returns the text without a leading byte order mark.
struct slice config_skip_bom(struct slice text);

// Parses the text. False: the mistake says why; nothing of the text is used then.
bool config_read(struct slice text, struct config_document *d, struct config_mistake *mistake);

// Checks agent.relay, if set. False: the mistake says why it is no relay's URL.
bool config_check_relay(const struct config_document *d, struct config_mistake *mistake);

// Appends to `out` the text with agent.relay set to `url`, which destination_url wrote; or, when
// NULL, without agent.relay. Everything else stays unchanged, comments too. False: the mistake says
// why; `out` is incomplete then.
bool config_edit_relay(struct slice text, const char *url, struct buf *out,
                       struct config_mistake *mistake);
