// SPDX-License-Identifier: MIT
// A second profile of the mux, beside the tunnel's: every message passes as it is, no field has a
// meaning, and resets have no limit.
#pragma once
#include "proto/http2/mux_profile.h"

extern const struct mux_profile mux_plain;
