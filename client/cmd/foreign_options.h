// SPDX-License-Identifier: MIT
// Options of other tunnels that people may type, with what adit has instead.
#pragma once
#include "common/base/option_walk.h"

// For adit http and for adit proxy; an entry of zeros ends each.
extern const struct option_advice foreign_options_http[];
extern const struct option_advice foreign_options_proxy[];
