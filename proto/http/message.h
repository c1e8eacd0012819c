// SPDX-License-Identifier: MIT
// The head of an HTTP message, as all layers pass it on (RFC 9110 §6). Its slices are borrowed.
#pragma once
#include "proto/bytes.h"

enum {
    MESSAGE_FIELDS_MAX = 100,           // of a request (docs/protocol.md §7)
    MESSAGE_RESPONSE_FIELDS_MAX = 1000, // of a response
    MESSAGE_FIELDS_CAP = 1024,          // of any head, with those that we add
    MESSAGE_FIELDS_DEFAULT = 128,       // the same for a peer that does not announce "fields"
};

struct field {
    struct slice name, value;
};

struct head_copy;

// A request when `method` is set, a response when `status` is, else trailers.
struct http_head {
    struct slice method, scheme, authority; // request
    struct slice target;                    // request: "/…", "*", or "?…" for an empty path
    struct slice reason;                    // response
    uint16_t status;                        // 100 to 999
    uint8_t minor_version;                  // of HTTP/1: 0 or 1
    bool http2;                             // came over HTTP/2, from a visitor or a service
    bool folded;                            // values contain obs-fold: see http1_unfold
    struct slice upgrade;   // protocols offered (request) or switched to (response); empty: none
    struct slice host_name; // the spelling of "Host" in a request; empty: the default
    size_t field_count;
    struct field fields[MESSAGE_FIELDS_CAP];
};

// The way in which the end of a body is found (RFC 9112 §6.3).
enum body_kind {
    BODY_NONE,        // no body
    BODY_LENGTH,      // Content-Length
    BODY_CHUNKED,     // the chunked coding; from HTTP/2, a body of unknown length
    BODY_UNTIL_CLOSE, // a response that ends with its connection
    BODY_TUNNEL,      // an upgraded connection: no longer HTTP, until close
};

struct body_framing {
    enum body_kind kind;
    uint64_t length; // of BODY_LENGTH
};

// Whether bytes follow the head: a body, or the chunked coding of an empty one.
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

// Empties a head without touching its array of fields, which is large.
static inline void head_init(struct http_head *head)
{
    memset(head, 0, offsetof(struct http_head, fields));
    head->minor_version = 1;
}

static inline void head_copy(struct http_head *to, const struct http_head *from)
{
    memcpy(to, from, offsetof(struct http_head, fields) + from->field_count * sizeof(struct field));
}

// A copy that owns its text, in one block of memory, to be freed. NULL: out of memory.
struct head_copy *head_copy_new(const struct http_head *head);
// Fills a head with slices of the copy.
void head_copy_read(const struct head_copy *copy, struct http_head *head);

// Whether repeating a request of this method has no further effect (RFC 9110 §9.2.2).
bool method_is_idempotent(struct slice method);

// The first field of this name, compared without case, or NULL.
const struct field *head_find(const struct http_head *head, struct slice name);

// The number of fields of this name.
size_t head_count(const struct http_head *head, struct slice name);

// Appends a field. Returns false when the head is full.
bool head_add(struct http_head *head, struct slice name, struct slice value);

// Removes all fields of this name and keeps the order of the others.
void head_remove(struct http_head *head, struct slice name);
