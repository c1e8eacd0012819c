// SPDX-License-Identifier: MIT
// The commands that read a record, the same in adit (for its own record) and aditd (for the
// relay's).
//
// Each command is a file of its name: requests, show, stats, diff, verify, export, delete. Its
// parts have its name as prefix. dispatch finds the command that a command line names. The other
// files are shared by commands:
//   command, filter_flags, progress    the command line, the record, messages
//   recorded, timing, ws_messages      facts about an exchange
//   compare, line_diff                 the differences of two exchanges
//   body_text, multipart, json_indent  bodies as lines
//   json_writer, json_exchange         JSON output
//   text, write, url_escape, shell_quote
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
// Puts the names of all commands, at most `cap`, into `names`. Returns how many it put.
size_t inspect_names(const char **names, size_t cap);

// Exit statuses; diff has its own.
enum {
    INSPECT_OK = 0,
    INSPECT_FAILED = 1, // a failure, or "no"
    INSPECT_USAGE = 2
};
