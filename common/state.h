// SPDX-License-Identifier: MIT
// Where a program keeps what must survive it: $XDG_STATE_HOME/adit/…, directories 0700, files 0600.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    STATE_PATH_MAX = 1024
};

// The directory to use: `data` when it is given, else $XDG_STATE_HOME/adit/NAME or
// ~/.local/state/adit/NAME. Makes it when it is missing. Returns NULL or a message.
const char *state_dir(const char *data, const char *name, char out[static STATE_PATH_MAX]);

// The same without making or looking at it.
const char *state_path(const char *data, const char *name, char out[static STATE_PATH_MAX]);

// A random secret of 64 hexadecimal digits kept in a file of this directory; made when it is
// missing. Returns NULL or a message.
const char *state_key(const char *dir, const char *file, char out[static 65]);
