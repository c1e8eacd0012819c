// SPDX-License-Identifier: MIT
// HTTP/2 of visitors (RFC 9113, RFC 8441): requests are held to the rules of the HTTP/1.1 parser
// (proto/http/http1.h), and become heads as that one makes them, but for Host, which is
// `authority`.
#pragma once
#include "mux_profile.h"

// A request of extended CONNECT has `:protocol` as `upgrade`, and is otherwise as it came. A
// CONNECT without has the authority as its target.
extern const struct mux_profile public_profile;
