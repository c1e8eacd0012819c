// SPDX-License-Identifier: MIT
// Questions about a recorded exchange that several commands ask: its interim responses, its URL,
// the fields that a relay has set (docs/protocol.md §6), why a body cannot be decoded.
#pragma once
#include "common/record/read/reader.h"
#include "proto/buf.h"

struct recorded_interim {
    unsigned status;
    struct slice reason; // as it came, else the registered phrase
    struct slice fields; // as record_next_field reads them
};
// Takes the next interim response off `lines`, at first x->interim. False at the end.
bool recorded_next_interim(struct slice *lines, struct recorded_interim *out);

// Whether `lines` have a field of this name.
bool recorded_has_field(struct slice lines, struct slice name);
// Whether what followed the heads was recorded as WebSocket messages. Bytes of any other protocol
// after a 101 are kept as bodies.
bool recorded_has_messages(const struct record_exchange *x);
// Why a body cannot be decoded to its end, as a phrase. `over`: decoding hit its size limit.
const char *recorded_why_undecoded(const struct record_exchange *x, enum record_side side,
                                   bool over);
// Whether the host of the request is known, but not among its fields: a tunnel carries it apart.
bool recorded_lacks_host(const struct record_exchange *x);
// Appends the absolute URL of the request (RFC 3986 §4.3), escaped where it must be. An unknown
// or invalid host becomes unknown.invalid. False: out of memory.
bool recorded_url(struct buf *out, const struct record_exchange *x);

// The service that an exchange went to, as its column names it: HOST:PORT, https://HOST:PORT,
// unix:/PATH or file:///FOLDER.
struct recorded_service {
    struct slice authority; // "localhost" for a socket or a folder; empty: it reached no service
    struct slice socket;    // the path of a Unix socket; empty: none
    bool https, is_folder;
};
struct recorded_service recorded_service_of(const struct record_exchange *x);

// Forwarded, X-Forwarded-For, -Proto and -Host: a relay replaces the visitor's own.
bool recorded_is_forwarding_field(struct slice name);
// The last element of a Via when an adit program added it ("1.1 adit-…"), else empty.
struct slice recorded_own_via(struct slice via);
// Whether the relay set this field of x's request; of Via, its last element. Always false in the
// record of a relay or a proxy, which has requests as the visitor sent them.
bool recorded_is_set_by_relay(const struct record_exchange *x, struct slice name,
                              struct slice value);
