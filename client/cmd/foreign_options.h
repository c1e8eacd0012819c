// SPDX-License-Identifier: MIT
// Options of other tunnels, with what adit has instead.
#pragma once
#include "common/base/option_walk.h"

// For options that adit http does not have; an entry of zeros ends them.
extern const struct option_advice foreign_options_http[];
// The same for adit proxy.
extern const struct option_advice foreign_options_proxy[];
