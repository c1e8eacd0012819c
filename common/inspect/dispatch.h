// SPDX-License-Identifier: MIT
// Runs the command that the first word of a command line names, the same way in both programs:
// help, version, the commands over the record, and those of the program itself.
#pragma once
#include "common/base/option_walk.h"
#include "inspect.h"

enum {
    DISPATCH_COMMANDS_MAX = 24 // of a program, with those of the record
};

// A command: argv[0] is its name. Returns the exit status.
typedef int dispatch_command(int argc, char **argv);

struct dispatch {
    struct inspect_program program;
    const char *help;
    const struct dispatch_own {
        const char *name;
        dispatch_command *run;
    } * commands;                       // besides those over the record; an entry of zeros ends it
    const struct option_advice *advice; // on words that are no commands; an entry of zeros ends it
    dispatch_command *bare;             // runs when no command is named; NULL: the help is printed
};

// Runs the command that argv[1] names. Returns its exit status; for an unknown command prints an
// error with the nearest name and returns 2.
int dispatch_run(const struct dispatch *d, int argc, char **argv);
