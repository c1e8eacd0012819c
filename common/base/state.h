// SPDX-License-Identifier: MIT
// Where a program keeps what must survive it: $XDG_STATE_HOME/adit/…, directories 0700, files 0600.
#pragma once
#include "private_file.h"

enum {
    STATE_PATH_MAX = 1024
};

// Finds or makes the directory to use: `data` when it is given, else $XDG_STATE_HOME/adit/NAME or
// ~/.local/state/adit/NAME. It has to be ours alone, and so has what lies in it. False: `why` says
// what is the matter and what to do.
bool state_dir(const char *data, const char *name, char out[static STATE_PATH_MAX],
               char why[static PRIVATE_WHY_MAX]);

// The same for commands that read what is there, and delete of it: nothing is made, root may do so
// in anybody's directory, and of one that is not there the path is told as it was given.
bool state_dir_existing(const char *data, const char *name, char out[static STATE_PATH_MAX],
                        char why[static PRIVATE_WHY_MAX]);
