// SPDX-License-Identifier: MIT
// The head of an HTTP message as every layer hands it on (RFC 9110 §6). All slices point into
// memory of the caller.
#pragma once
#include "proto/bytes.h"

enum {
    MESSAGE_FIELDS_MAX = 100,           // of a request (docs/protocol.md §7)
    MESSAGE_RESPONSE_FIELDS_MAX = 1000, // of a response
    MESSAGE_FIELDS_CAP = 1024,          // with those we add ourselves
    MESSAGE_FIELDS_DEFAULT = 128,       // the same for peers that do not announce more
};

struct field {
    struct slice name, value;
};

// Request when `method` is set, response when `status` is.
struct http_head {
    struct slice method, scheme, authority; // request
    struct slice target;                    // request, as sent on: "/…", "*" or "?…"
    struct slice reason;                    // response
    uint16_t status;                        // 100 to 999
    uint8_t minor_version;                  // of HTTP/1: 0 or 1
    bool folded;                            // its values hold folds: http1_unfold
    struct slice upgrade;   // offered (request) or switched to (response); empty when none
    struct slice host_name; // how a request spells "Host"; empty: so
    size_t field_count;
    struct field fields[MESSAGE_FIELDS_CAP];
};

// How the length of a body is known (RFC 9112 §6.3).
enum body_kind {
    BODY_NONE,        // no body
    BODY_LENGTH,      // Content-Length
    BODY_CHUNKED,     // of unknown length: chunked in HTTP/1.1
    BODY_UNTIL_CLOSE, // a response that ends with its connection
    BODY_TUNNEL,      // no longer HTTP: the bytes of an upgraded connection, until close
};

struct body_framing {
    enum body_kind kind;
    uint64_t length; // of BODY_LENGTH
};

// Whether there are bytes behind the head: a body, or the coding of an empty one.
static inline bool framing_has_body(const struct body_framing *framing)
{
    return framing->kind != BODY_NONE && !(framing->kind == BODY_LENGTH && framing->length == 0);
}

// Whether a response of this status precedes the final one: 1xx (RFC 9110 §15.2), but not 101,
// which is final for HTTP.
static inline bool status_is_interim(unsigned status)
{
    return status >= 100 && status < 200 && status != 101;
}

// An empty head; the memory of fields that are not there is left alone, for a head is large and
// most are small.
static inline void head_init(struct http_head *head)
{
    memset(head, 0, offsetof(struct http_head, fields));
    head->minor_version = 1;
}

static inline void head_copy(struct http_head *to, const struct http_head *from)
{
    memcpy(to, from, offsetof(struct http_head, fields) + from->field_count * sizeof(struct field));
}

// Whether to do it twice is to do it once (RFC 9110 §9.2.2).
bool method_is_idempotent(struct slice method);

// The first field of this name (compared without case), or NULL.
const struct field *head_find(const struct http_head *head, struct slice name);

// How many fields have this name.
size_t head_count(const struct http_head *head, struct slice name);

// Appends a field. Returns false when the head is full.
bool head_add(struct http_head *head, struct slice name, struct slice value);

// Takes out all fields of this name, keeping the order of the others.
void head_remove(struct http_head *head, struct slice name);
