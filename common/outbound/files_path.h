// SPDX-License-Identifier: MIT
// The path of a file that a request's target names, relative to the folder that is served.
#pragma once
#include "files.h"

struct files_path {
    char text[FILES_PATH_MAX]; // without slashes at the ends; empty: the folder itself
    size_t len;
    bool is_folder; // ended in a slash
};

// Decodes a target once. False: no file can have this name, or it is not served: "..", a name with
// a dot first that is not below /.well-known/, encoded slashes, backslashes, control characters, a
// path that does not fit.
bool files_path_read(struct slice target, struct files_path *path);
