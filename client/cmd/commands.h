// SPDX-License-Identifier: MIT
// The subcommands of adit. Each parses its own arguments, argv[0] being its name, and returns the
// exit status.
#pragma once
#include "common/base/options.h"

int command_http(int argc, char **argv);
int command_proxy(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_config(int argc, char **argv);
