// SPDX-License-Identifier: MIT
// The commands that read a record, the same in adit (its own record) and aditd (the relay's).
#pragma once
#include <stdbool.h>
#include "common/record/read/reader.h"

// Which program asks: "adit" with the state directory "agent", or "aditd" with "relay".
struct inspect_program {
    const char *name, *state;
};

// A command: argv[0] is its name. Returns the exit status: 0, 1 failure or "no", 2 usage.
typedef int inspect_command(const struct inspect_program *program, int argc, char **argv);

inspect_command inspect_requests, inspect_show, inspect_stats, inspect_diff, inspect_verify,
    inspect_export, inspect_delete;

// The command of this name, NULL when there is none.
inspect_command *inspect_find(const char *name);
// The names of all, at most `cap`. Returns how many.
size_t inspect_names(const char **names, size_t cap);

// Exit statuses.
enum {
    INSPECT_OK = 0,
    INSPECT_FAILED = 1,
    INSPECT_USAGE = 2
};
