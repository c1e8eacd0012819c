// SPDX-License-Identifier: MIT
// What a program asks of the system for itself.
#pragma once

#include <stdbool.h>

enum {
    // Open files that a program may have at the least: 17 or 18 are open when nothing happens, and
    // where libraries get none at their start they end the program instead of their call.
    PROCESS_FILES_SERVE = 64,
    PROCESS_FILES_READ = 16, // the same of a command that reads the record
};

// Puts something into the place of a standard stream that is closed, so that no socket and no
// database gets its number: reading and writing it fail as before. To be called before anything is
// opened. False: it cannot.
bool process_fill_streams(void);

// Whether the limit of open files is at least this, and the system has some left. False: says so on
// stderr, and what to do.
bool process_has_files(const char *program, unsigned least);

// Raises the soft limit of open files to the hard one: every visitor and every exchange takes a
// descriptor, and the usual soft limit of 1,024 is for programs that use select(). Best effort.
void process_raise_files(void);
