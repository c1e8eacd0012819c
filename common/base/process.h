// SPDX-License-Identifier: MIT
// Prepares a program's descriptors at its start: the standard streams, and the number of others.
#pragma once
#include <stdbool.h>

enum {
    // Descriptors that a program needs at least. An idle one has 17 or 18 open, and libraries that
    // find none at their start abort instead of failing.
    PROCESS_FILES_SERVE = 64,
    PROCESS_FILES_READ = 16, // for a command that reads the record
};

// Opens /dev/null in place of each closed standard stream, so that no socket or database gets its
// number; reads and writes on it still fail. To be called before anything is opened. False: it
// cannot be opened.
bool process_fill_streams(void);

// Whether the process may open `min` descriptors and the system has some left. False: says so on
// stderr, and what to do.
bool process_has_files(const char *program, unsigned min);

// Raises the soft limit of descriptors to the hard limit: each visitor and each exchange needs one,
// and the usual 1,024 is meant for users of select(). Failure is ignored.
void process_raise_files(void);
