// SPDX-License-Identifier: MIT
// A file that a command makes: nobody else's, written where nobody finds it, in its place when it
// is whole. What was there before is lost only when that was asked for.
#pragma once
#include <stdbool.h>
#include <stdio.h>

enum {
    EXPORT_FILE_PATH_MAX = 4096
};

struct export_file {
    const char *path;
    bool force;
    bool in_place; // a device or a pipe: there is nothing to replace
    bool named;    // `beside` is there; until then it has no name at all
    char beside[EXPORT_FILE_PATH_MAX];
    FILE *out;
};

// The message when a file is there and may not be replaced.
extern const char export_file_exists[];

// Opens `out` for what will stand at `path`, which must outlive it. With `force` a file or a link
// that is there will be replaced, never what a link points to. NULL, or what is wrong.
const char *export_file_open(struct export_file *f, const char *path, bool force);
// Puts what was written in its place; or, not `keep`, forgets it. NULL, or what is wrong; then
// nothing has changed.
const char *export_file_close(struct export_file *f, bool keep);
