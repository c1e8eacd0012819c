// SPDX-License-Identifier: MIT
// The subcommands of adit. Each takes its own arguments (argv[0] is its name) and returns the exit
// status.
#pragma once

enum {
    EXIT_USAGE = 2
};

int command_http(int argc, char **argv);
