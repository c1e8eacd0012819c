// SPDX-License-Identifier: MIT
// The directory of --data.
#pragma once
#include <stdbool.h>
#include "common/base/state.h"

// Finds or makes the state directory: `data`, or the one that all commands share. False: it has
// printed why not.
bool command_state_dir(const char *data, char dir[static STATE_PATH_MAX]);
