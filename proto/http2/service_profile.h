// SPDX-License-Identifier: MIT
// The profile of services that speak HTTP/2, as a proxy in front of them takes their responses
// (RFC 9113 §8). What is odd and can mean one thing only is passed on in its plain form; what
// contradicts itself is refused.
#pragma once
#include "mux_profile.h"

extern const struct mux_profile service_profile;
