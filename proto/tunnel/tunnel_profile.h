// SPDX-License-Identifier: MIT
// HTTP/2 between a relay and an agent (docs/protocol.md §4.1): the private fields, the spelling of
// names, a 101 as a 200 with adit-upgrade.
#pragma once
#include "proto/http2/mux_profile.h"

extern const struct mux_profile tunnel_profile;
