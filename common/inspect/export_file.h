// SPDX-License-Identifier: MIT
// The file that `export` writes: readable for its owner alone, without a name until it is whole.
// A file that was there before is replaced only with --force.
#pragma once
#include <stdbool.h>
#include <stdio.h>

enum {
    EXPORT_FILE_PATH_MAX = 4096
};

struct export_file {
    const char *path;
    bool force;
    bool in_place; // `path` is a device or a pipe, which is written to
    bool named;    // the temporary file `beside` exists; before, the file has no name
    char beside[EXPORT_FILE_PATH_MAX];
    FILE *out;
};

// The error when a file exists and may not be replaced.
extern const char export_file_exists[];

// Opens `out` for what will be at `path`, a string that must outlive `f`. With `force` an existing
// file or symbolic link will be replaced, never the target of the link. NULL, or an error.
const char *export_file_open(struct export_file *f, const char *path, bool force);
// Closes `out` and moves what was written to `path`, or discards it unless `keep`. NULL, or an
// error; `path` is then as it was.
const char *export_file_close(struct export_file *f, bool keep);
