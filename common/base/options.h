// SPDX-License-Identifier: MIT
// The command line of a program or command: options that all have in common, mistakes, --help.
#pragma once
#include "limits.h"
#include "option_walk.h"

enum {
    EXIT_USAGE = 2
};

// Embedded in a command's own state. The caller sets the first six members.
struct options {
    const char *program;                // in messages: "aditd", "adit http"
    const char *help;                   // ends where the list of limits follows
    const char *help_more;              // the second part of a long one; NULL: none
    enum limits_of limits_of;           // limits that --limit may set
    const struct option *known;         // ends with OPTIONS_COMMON
    const struct option_advice *advice; // NULL: none
    void (*take)(struct options *o, int option, const char *value); // an option of its own
    const char *given; // during `take`: the option as typed, with dashes
    const char *data;
    struct limits limits;
    bool verbose;
    int exit_status; // -1: no reason to end yet
};

#define OPTIONS_COMMON                                                               \
    {"data", required_argument, NULL, 'D'}, {"limit", required_argument, NULL, 'L'}, \
        {"verbose", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},       \
    {                                                                                \
        NULL, 0, NULL, 0                                                             \
    }

// Takes all options. Returns the index of the first argument. Afterwards `exit_status` is -1, or
// the program must end with that status, since help or a mistake was printed.
int options_parse(struct options *o, int argc, char **argv);
// Tells the first mistake, "PROGRAM: TEXTVALUE" and a hint, and sets the exit status; later ones
// are ignored. `value` is repeated as options_redact writes it.
void options_wrong(struct options *o, const char *text, const char *value);
// Flushes standard output. Returns `status`, or 1 after a message when not everything was written.
int options_printed(const char *program, int status);
