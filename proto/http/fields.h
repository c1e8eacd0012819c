// SPDX-License-Identifier: MIT
// The fields at a hop: those that we drop and those that we add (RFC 9110 §7.6, RFC 7239,
// docs/protocol.md §6); and the check of heads that came through HTTP/2.
#pragma once
#include "message.h"

enum fields_error {
    FIELDS_E_LOOP = -1,     // 508: this relay has already forwarded the request
    FIELDS_E_TOO_MANY = -2, // 431: no room for the fields that we add
    FIELDS_E_INVALID = -3,  // a name or value that must not be forwarded
};

const char *fields_strerror(int error);

// Facts about a request that are not in its head.
struct fields_edge {
    struct slice visitor; // the client's address, without port and brackets
    struct slice scheme;  // "http" or "https"
    struct slice host;    // the authority of the request, as sent; may be empty
    struct slice loop_id; // this relay's name in Via: "adit-" and its id
};

// Removes the hop-by-hop fields of a head (RFC 9110 §7.6.1): those that Connection names,
// Connection itself, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade, HTTP2-Settings,
// and every "adit-" field; from a request also their twins and those of the fields that we replace
// (field_names.h). Keeps "TE: trailers" when TE listed it, and Host and Content-Length even when
// Connection names them, which a sender must not do. Removes "h2c" offers from `upgrade`. Leaves
// one of equal Content-Length fields, and none in a 1xx or 204 (RFC 9110 §8.6).
void fields_strip_hop_by_hop(struct http_head *head);

// The first run of protocols other than h2c in an upgrade offer: h2c is never passed on. Empty when
// there is none.
struct slice fields_upgrade_offer(struct slice upgrade);

// Removes from trailers the same fields, those that must not be trailers (RFC 9110 §6.5.1: framing,
// routing, authentication: all of field_names.h), and their twins. `named` is the list that
// fields_save_connection_names made of the head before them.
void fields_strip_trailers(struct http_head *trailers, struct slice named);

// Saves the names of the fields that Connection lists, for fields_strip_trailers; to be called
// before the head is stripped. Frees the old `*names` and sets it to a new list, which the caller
// frees, or NULL when there are none, as in nearly every head. False when out of memory.
bool fields_save_connection_names(const struct http_head *head, char **names);

// Removes the fields that a client may forge (FIELD_CLAIM) and adds Forwarded, X-Forwarded-For,
// -Proto and -Host, and Via. Writes the values to `scratch`, which must live as long as `head` is
// read: FIELDS_SCRATCH bytes suffice when each slice of `edge` has at most 255. Returns 0 or a
// fields_error.
enum {
    FIELDS_SCRATCH = 2048
};
int fields_add_forwarded(struct http_head *head, const struct fields_edge *edge, char *scratch,
                         size_t cap);

// Checks a head that came through HTTP/2, since HPACK carries any bytes (RFC 9113 §8.2): names are
// tokens in lower case, values are field values, the pseudo-fields are well-formed, no field is
// connection-specific, Content-Length is a single number. A head with neither method nor status is
// a trailer section. To be called before spelling_apply. Returns 0 or FIELDS_E_INVALID.
int fields_check(const struct http_head *head);
