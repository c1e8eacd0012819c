// SPDX-License-Identifier: MIT
// Fields that a relay or a proxy of ours puts into a request on its way (docs/protocol.md §6).
#pragma once
#include "common/record/record.h"

// Forwarded, X-Forwarded-For, -Proto and -Host: what a visitor sends under these names is replaced.
bool relay_replaces(struct slice name);
// The last element of a Via when it is one of ours, "1.1 adit-…", else empty.
struct slice relay_via_element(struct slice via);
// Whether the relay has set this field among those of `x`'s request; Via: its last element. Only
// the record of an agent has requests as they came through a relay.
bool relay_has_set(const struct record_exchange *x, struct slice name, struct slice value);
