// SPDX-License-Identifier: MIT
// The command line of a program or of one of its commands: the options that every one has, and how
// mistakes are told.
#pragma once
#include "limits.h"
#include "option_walk.h"

enum {
    EXIT_USAGE = 2
};

// Embedded in what a command knows of its command line.
struct options {
    const char *program;                // as mistakes name it: "aditd", "adit http"
    const char *help;                   // which ends where the limits follow
    enum limits_of limits_of;           // those it may set
    const struct option *known;         // ends with OPTIONS_COMMON
    const struct option_advice *advice; // on options of other programs; NULL: none
    void (*take)(struct options *o, int option, const char *value); // one that is not common
    const char *given; // for take: the option as it was typed, with its dashes
    const char *data;
    struct limits limits;
    bool verbose;
    int exit_status; // -1: run
};

#define OPTIONS_COMMON                                                               \
    {"data", required_argument, NULL, 'D'}, {"limit", required_argument, NULL, 'L'}, \
        {"verbose", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},       \
    {                                                                                \
        NULL, 0, NULL, 0                                                             \
    }

// Takes all options. Returns the index of the first argument that is none.
int options_parse(struct options *o, int argc, char **argv);
// Tells a mistake, once: "PROGRAM: TEXTWHAT", and what to do. Nothing is run then. `what` is shown
// as options_redact says.
void options_wrong(struct options *o, const char *text, const char *what);
// The exit status of what was asked to print something: `status`, or 1 when not all of it reached
// the standard output, which is told in the name of `program`.
int options_printed(const char *program, int status);
