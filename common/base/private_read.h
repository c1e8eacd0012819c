// SPDX-License-Identifier: MIT
// Reads a file that other programs keep for us, such as a certificate and its key: symbolic links
// are followed, and its owner may be another user. Files that we keep are in private_file.h.
#pragma once
#include <stddef.h>
#include <sys/stat.h>

// Reads a whole regular file of 1 to `cap` bytes. Never blocks. `*bytes`, to be freed, gets a NUL
// behind them; `*st` is the file's as it was before. Returns NULL, or the reason as a phrase that
// is valid until the next strerror.
const char *private_read(const char *path, size_t cap, char **bytes, size_t *len, struct stat *st);
