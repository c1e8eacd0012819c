// SPDX-License-Identifier: MIT
// The JSON messages between agent and relay: hello, welcome, refused, bind, bound, drain
// (docs/protocol.md §2 and §5). 64-bit numbers travel as strings. Members that are not known are
// ignored, so that later versions can add some.
#pragma once
#include "proto/bytes.h"

enum {
    CONTROL_VERSION = 1,
    CONTROL_OWNER_DIGITS = 64,
};

enum control_error {
    CONTROL_E_JSON = -1,    // not JSON, not UTF-8, or not an object
    CONTROL_E_TYPE = -2,    // `type` missing or unknown
    CONTROL_E_MEMBER = -3,  // a member is missing, of the wrong type, too long, or holds controls
    CONTROL_E_VERSION = -4, // a version of the protocol that we do not speak
    CONTROL_E_MEMORY = -5,
};

const char *control_strerror(int error);

enum control_type {
    CONTROL_HELLO,   // version, software, owner; perhaps before, features, record
    CONTROL_WELCOME, // version, software; perhaps features
    CONTROL_REFUSED, // code, message; and id when it answers a bind
    CONTROL_BIND,    // id; and name when one is asked for
    CONTROL_BOUND,   // id, name, url
    CONTROL_DRAIN,   // message
};

// Strings end with a zero; empty when absent. An id is 1 or more; 0 when absent.
struct control_message {
    enum control_type type;
    uint32_t version;
    uint64_t id;
    char software[64];
    char owner[72];    // 64 hexadecimal digits that only the agent and its relay know
    char before[72];   // shows that the agent knows the key of before; 64 hexadecimal digits too
    char features[64]; // a list of what the sender can do besides: "reports"
    char record[8];    // what the agent lets its relay record: "all" (or empty), "heads", "none"
    char name[64];
    char url[320];
    char code[32];
    char message[256];
};

// Parses one message. Returns 0 or a control_error.
int control_parse(struct slice json, struct control_message *h);
// Whether a hello's owner key is one: CONTROL_OWNER_DIGITS hexadecimal digits. Parsing does not
// ask.
bool control_owner_is_valid(const struct control_message *h);

// Writes one message into `out`. Returns its length, or a control_error (CONTROL_E_MEMBER: it does
// not fit in cap).
int control_write(char *out, size_t cap, const struct control_message *h);
