// SPDX-License-Identifier: MIT
// The directory of a program's state: $XDG_STATE_HOME/adit/NAME, mode 0700, files 0600.
#pragma once
#include "private_file.h"

enum {
    STATE_PATH_MAX = 1024
};

// Finds or makes the directory: `data` if given, else $XDG_STATE_HOME/adit/NAME, else
// ~/.local/state/adit/NAME. The directory and the files in it must be ours alone. False: `why` says
// what is wrong and what to do.
bool state_dir(const char *data, const char *name, char out[static STATE_PATH_MAX],
               char why[static PRIVATE_WHY_MAX]);

// The same for commands that only read or delete: makes nothing, and root may use any user's
// directory. A missing directory is no failure; `out` then has the path as given.
bool state_dir_existing(const char *data, const char *name, char out[static STATE_PATH_MAX],
                        char why[static PRIVATE_WHY_MAX]);
