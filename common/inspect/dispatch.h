// SPDX-License-Identifier: MIT
// From the first word of a command line to the command that it names, the same for both programs:
// help, version, the commands of the record and those of the program itself.
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
    } * commands;                       // besides those of the record; an entry of zeros ends it
    const struct option_advice *advice; // on words that are no commands; an entry of zeros ends it
    dispatch_command *bare;             // what runs without a command; NULL: the help is shown
};

// Runs what argv[1] names. Returns the exit status: of what it ran, or 2 when there is no such
// command, which it tells with the one that was meant.
int dispatch_run(const struct dispatch *d, int argc, char **argv);
