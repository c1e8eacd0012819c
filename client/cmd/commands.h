// SPDX-License-Identifier: MIT
// The subcommands of adit. Each parses its own arguments, argv[0] being its name, and returns the
// exit status.
#pragma once
#include "common/base/options.h"
#include "common/base/state.h"

int command_http(int argc, char **argv);
int command_proxy(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_config(int argc, char **argv);

// Finds or makes the state directory: `data`, or the one that all commands share. False: it has
// printed why not.
bool command_state_dir(const char *data, char dir[static STATE_PATH_MAX]);
