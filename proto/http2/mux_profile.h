// SPDX-License-Identifier: MIT
// One kind of peer's use of HTTP/2: the messages that are legal, their translation, the fields that
// only the two muxes see. The mux knows no private field by name.
#pragma once
#include "proto/buf.h"
#include "proto/http/message.h"

// Facts about a request that its response is checked by.
struct mux_request {
    bool is_head;       // its method is HEAD
    struct slice offer; // its `upgrade`
};

// The status and the upgrade with which a response travels.
struct mux_status {
    uint16_t status;
    struct slice upgrade; // empty: none
};

// None keeps state of its own. Those that check return false when the peer may not send the
// message: the mux then resets its stream.
struct mux_profile {
    // Check and translate a received head, as it then goes to the handler, and derive its framing.
    // `end`: the head ended the stream. Names are in lower case, in memory that may be changed.
    bool (*request)(struct http_head *head, bool end, struct body_framing *framing);
    bool (*response)(struct http_head *head, bool end, const struct mux_request *request,
                     struct body_framing *framing);
    bool (*trailers)(struct http_head *trailers, bool of_request);
    // Translates a response that is sent. The field of an upgrade also carries that of a request.
    struct mux_status (*status)(const struct http_head *response);
    // The field that carries `upgrade`; empty: none does, and upgrades are lost.
    struct slice upgrade_field;
    // The field of the spelling of names, to peers that want it, and its value, empty for none,
    // written to `scratch`. NULL: spellings are lost.
    struct slice spelling_field;
    struct slice (*spelling)(const struct http_head *head, struct buf *scratch);
    // Whether a field's values never repeat: in HPACK's table they would only evict others. NULL:
    // none.
    bool (*is_unique)(struct slice name);
    // The peer is anyone: a server accepts exactly mux_limits.streams; its connection's window is
    // credited as bodies are drained; frames are short; resets have the budget of MUX_RESETS_MAX;
    // pseudo-fields come first; crumbs of Cookie are joined (RFC 9113 §8.2.3); `:protocol` is
    // accepted and is `upgrade` (RFC 8441); a head over a limit is cut (mux_stream_head_is_cut);
    // a request that is refused is malformed.
    bool is_public;
    // Resets that the peer may send: at once, and then each second. Both 0: nghttp2's own limit.
    uint64_t reset_burst, reset_rate;
};
