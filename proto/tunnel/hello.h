// SPDX-License-Identifier: MIT
// The JSON messages between agent and relay: hello, welcome, refused, bind, bound, drain
// (docs/protocol.md §2 and §5). 64-bit numbers travel as strings. Members that are not known are
// ignored, so that later versions can add some.
#pragma once
#include "proto/bytes.h"

enum {
    HELLO_VERSION = 1,
    HELLO_OWNER_DIGITS = 64,
};

enum hello_error {
    HELLO_E_JSON = -1,    // not JSON, not UTF-8, or not an object
    HELLO_E_TYPE = -2,    // `type` missing or unknown
    HELLO_E_MEMBER = -3,  // a member is missing, of the wrong type, too long, or holds controls
    HELLO_E_VERSION = -4, // a version of the protocol that we do not speak
    HELLO_E_MEMORY = -5,
};

const char *hello_strerror(int error);

enum hello_type {
    HELLO_HELLO,   // version, software, owner; perhaps before, features, record
    HELLO_WELCOME, // version, software; perhaps features
    HELLO_REFUSED, // code, message; and id when it answers a bind
    HELLO_BIND,    // id; and name when one is asked for
    HELLO_BOUND,   // id, name, url
    HELLO_DRAIN,   // message
};

// Strings end with a zero; empty when absent. An id is 1 or more; 0 when absent.
struct hello {
    enum hello_type type;
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

// Parses one message. Returns 0 or a hello_error.
int hello_parse(struct slice json, struct hello *h);
// Whether a hello's owner key is one: HELLO_OWNER_DIGITS hexadecimal digits. Parsing does not ask.
bool hello_has_owner(const struct hello *h);

// Writes one message into `out`. Returns its length, or a hello_error (HELLO_E_MEMBER: it does not
// fit in cap).
int hello_write(char *out, size_t cap, const struct hello *h);
