// SPDX-License-Identifier: MIT
// Which fields pass a hop, and which we add (RFC 9110 §7.6, RFC 7239, docs/protocol.md §6).
#pragma once
#include "message.h"

enum fields_error {
    FIELDS_E_LOOP = -1,     // 508: this relay already handled the request
    FIELDS_E_TOO_MANY = -2, // 431: no room for the fields that we add
    FIELDS_E_INVALID = -3,  // a name or value that may not be sent on (HPACK checks nothing)
};

const char *fields_strerror(int error);

// What the public edge knows of a request besides its head.
struct fields_edge {
    struct slice visitor; // its address, no port; an IPv6 address without brackets
    struct slice scheme;  // "http" or "https"
    struct slice host;    // what the visitor asked for, as sent
    struct slice loop_id; // names this relay in Via: "adit-" and its id
};

// Makes a request or response head fit to be sent on: drops the fields that Connection names, then
// Connection, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade, HTTP2-Settings and
// every field that begins "adit-" in place; of a request also their twins and those of all that we
// replace (field_names.h). Never drops Host or Content-Length because Connection
// names it (RFC 9110 §7.6.1: a sender must not). Keeps "TE: trailers" when TE listed it. `upgrade`
// is left as it is, except that an "h2c" offer is dropped. A 1xx or 204 loses its Content-Length,
// which it may not have (RFC 9110 §8.6).
void fields_strip_hop_by_hop(struct http_head *head);

// What is left of an offer to upgrade without h2c, which is never passed on; empty when nothing is.
struct slice fields_upgrade_offer(struct slice upgrade);

// The same for trailers: those, and the fields that may not be trailers (RFC 9110 §6.5.1: framing,
// routing, authentication…: all of field_names.h), and their twins.
// `named` is what fields_save_connection_names said of the head before them.
void fields_strip_trailers(struct http_head *trailers, struct slice named);

// Keeps the fields that the Connection of a head names, as a list: a string of its own in place of
// the one before (free), NULL when there are none, as of nearly every head. To be asked before the
// head is stripped. False when out of memory.
bool fields_save_connection_names(const struct http_head *head, char **names);

// Drops what a visitor claims of its own address, and the like (FIELD_CLAIM); adds Forwarded,
// X-Forwarded-For, -Proto and -Host of ours, and our Via. `scratch` gets
// the text of the new values and must live as long as `head` is read; FIELDS_SCRATCH bytes are
// enough when the slices of `edge` are at most 255 bytes each.
enum {
    FIELDS_SCRATCH = 2048
};
int fields_add_forwarded(struct http_head *head, const struct fields_edge *edge, char *scratch,
                         size_t cap);

// Checks a head that came through HPACK, which lets anything pass: names are lower-case tokens
// (spelling_apply comes after),
// values are field values, the pseudo-fields are sound, no field belongs to a connection,
// Content-Length is one number. A head with neither method nor status is a trailer section. Returns
// 0 or FIELDS_E_INVALID.
int fields_check(const struct http_head *head);
