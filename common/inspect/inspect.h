// SPDX-License-Identifier: MIT
// The commands that read a record, the same in adit (for its own record) and aditd (for the
// relay's).
#pragma once
#include <stdbool.h>
#include "common/record/read/reader.h"

// The program that runs the command: "adit" with the state directory "agent", or "aditd" with
// "relay".
struct inspect_program {
    const char *name, *state;
};

// Runs a command; argv[0] is its name. Returns the exit status.
typedef int inspect_command(const struct inspect_program *program, int argc, char **argv);

inspect_command inspect_requests, inspect_show, inspect_stats, inspect_diff, inspect_verify,
    inspect_export, inspect_delete;

// The command of this name, or NULL.
inspect_command *inspect_find(const char *name);
// Puts the names of all commands, at most `cap`, into `names`. Returns how many there are.
size_t inspect_names(const char **names, size_t cap);

// Exit statuses; diff has its own.
enum {
    INSPECT_OK = 0,
    INSPECT_FAILED = 1, // a failure, or "no"
    INSPECT_USAGE = 2
};
