// SPDX-License-Identifier: MIT
// A folder whose files are served: opened for reading alone, and only beneath it, whatever names
// and symbolic links say. Calls may block: they are for threads other than the loop's.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct folder_entry {
    const char *name;
    bool is_folder; // so is a symbolic link to one below the same folder
};

// Opens a folder. -1: `*why` says why, valid until the next strerror; it is so, too, where the
// kernel cannot keep paths beneath a folder (Linux before 5.6).
int folder_open(const char *path, const char **why);
// Puts what is now at the path of an open folder in its place, under the same number, if that is
// another folder than before: it was made anew, or a symbolic link was switched. Any number of
// threads may call it and use the folder meanwhile. Returns 0, or a negative errno: there is no
// folder that can be opened now, and the old one stays.
int folder_renew(int folder, const char *path);
void folder_close(int folder);

// Opens a regular file or a folder beneath one, "" being itself. Never waits for a FIFO's writer
// and opens no device. Returns a close-on-exec descriptor, or a negative errno: -ENOENT also for
// what is neither, and for a path that leads out.
int folder_open_beneath(int folder, const char *path, struct stat *st);
// Reads at an offset. Returns the number of bytes, 0 at the end, or a negative errno.
ssize_t folder_read(int fd, void *to, size_t len, uint64_t at);
// Calls `each` for every entry of an open folder, but . and .., until it returns false. Returns 0
// or a negative errno.
int folder_list(int fd, bool (*each)(void *ctx, const struct folder_entry *e), void *ctx);
