// SPDX-License-Identifier: MIT
// The state directory of a command, from --data.
#pragma once
#include <stdbool.h>
#include "common/base/state.h"

// Finds or makes the state directory: `data` or, when NULL, the one that all commands share. False:
// an error was printed.
bool command_state_dir(const char *data, char dir[static STATE_PATH_MAX]);
