// SPDX-License-Identifier: MIT
// The control messages between agent and relay, in JSON (docs/protocol.md §2 and §5). 64-bit
// numbers travel as strings. Unknown members are ignored, so that later versions can add some.
#pragma once
#include "proto/bytes.h"

enum {
    CONTROL_VERSION = 1,
    CONTROL_OWNER_DIGITS = 64,
};

enum control_error {
    CONTROL_E_JSON = -1,    // not JSON, not UTF-8, or not an object
    CONTROL_E_TYPE = -2,    // `type` missing or unknown
    CONTROL_E_MEMBER = -3,  // a member is missing, of the wrong type or form, or too long
    CONTROL_E_VERSION = -4, // not CONTROL_VERSION
    CONTROL_E_MEMORY = -5,
};

const char *control_strerror(int error);

enum control_type {
    CONTROL_HELLO,   // version, software, owner; optional: before, features, record
    CONTROL_WELCOME, // version, software; optional: features
    CONTROL_REFUSED, // code, message; id when it answers a bind
    CONTROL_BIND,    // id; name when the agent asks for one
    CONTROL_BOUND,   // id, name, url
    CONTROL_DRAIN,   // message
};

// Strings end with a zero and are empty when absent. An id is 0 when absent.
struct control_message {
    enum control_type type;
    uint32_t version;
    uint64_t id;
    char software[64];
    char owner[72];    // the agent's secret: CONTROL_OWNER_DIGITS hexadecimal digits
    char before[72];   // proves knowledge of the previous key, in as many digits
    char features[64]; // a comma-separated list: "reports,case"
    char record[8];    // what the relay may record: "all" (or empty), "heads", "none"
    char name[64];
    char url[320];
    char code[32];
    char message[256];
};

// Parses one message. Returns 0 or a control_error.
int control_parse(struct slice json, struct control_message *message);
// Whether the owner of a hello has the form of a key, which control_parse does not check.
bool control_owner_is_valid(const struct control_message *message);

// Writes one message into `out`, without a final zero. Returns its length, or a control_error:
// CONTROL_E_MEMBER when it does not fit in `cap`.
int control_write(char *out, size_t cap, const struct control_message *message);
