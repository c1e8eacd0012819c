// SPDX-License-Identifier: MIT
// Files that only we may change. All files that the programs keep are opened, replaced and moved
// here. "Ours" means owned by root or by the user that the program runs as (after dropping
// privileges). private_dir first checks the directory and every step of the path to it; behind
// that, paths are stable and nothing in the directory was put there by another user.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
    PRIVATE_PATH_MAX = 4096,
    PRIVATE_WHY_MAX = PRIVATE_PATH_MAX + 256,
    PRIVATE_LINKS_MAX = 40 // symbolic links on the path to a directory
};

enum private_use {
    PRIVATE_MAKE,    // missing directories are made, mode 0700
    PRIVATE_EXISTING // for reading and deleting only: root may do so in any user's directory
};

// A directory that only its owner may change.
struct private_dir {
    uid_t owner; // besides root: the user that the program runs as, or with PRIVATE_EXISTING for
                 // root the owner of the directory
    char path[PRIVATE_PATH_MAX]; // without symbolic links
};

// Checks a directory and every step of the path to it, as sshd's StrictModes does: none may belong
// to another user, who could replace what lies below, or be writable by others, except sticky
// directories like /tmp on the way. Returns 0 or an errno (EPERM: it is not ours alone), and in
// `why` what is wrong and what to do.
int private_dir(const char *path, enum private_use use, struct private_dir *d,
                char why[static PRIVATE_WHY_MAX]);

// Returns why the file at a path is not the owner's alone, and what to do, as a phrase; NULL when
// it is, or when there is none.
const char *private_flaw_at(const char *path, uid_t owner);

// Opens a regular file of ours that nobody else may write. `flags` are O_RDONLY, O_WRONLY or
// O_RDWR; with O_CREAT a missing file is made, mode 0600 whatever the umask. Never blocks. Returns
// a close-on-exec descriptor; or -1, with errno (EPERM: not ours alone) and in `why` a phrase that
// is valid until the next strerror.
int private_open(const char *path, int flags, const char **why);

// The treatment of a file that exists already.
enum private_write {
    PRIVATE_REPLACE,
    PRIVATE_REPLACE_SYNCED, // replaced once the new one is on disk
    PRIVATE_KEEP            // kept: EEXIST
};

// Writes a whole file atomically: under an unguessable name beside `path`, then renamed. With
// PRIVATE_KEEP too the new file is synced first. `made`, unless NULL, gets the new file's identity.
// Returns 0 or an errno.
int private_write(const char *path, const void *bytes, size_t len, enum private_write how,
                  struct stat *made);
// Deletes temporary files that killed writers of this path left. No writer may run meanwhile.
void private_sweep(const char *path);

// Renames a file of ours within its directory; never overwrites (EEXIST). Returns 0 or an errno.
int private_move(const char *from, const char *to);

// Writes all bytes at an offset. Returns 0 or an errno.
int private_write_at(int fd, const void *bytes, size_t len, off_t at);
// Deletes a file of an open directory. Returns 0 or an errno.
int private_remove(int dir, const char *name);

// Files and directories in an open directory of ours, or of an owner's that private_dir found.
// Opens a directory that its owner alone may change; with `make` a missing one is made, mode 0700.
// -1, with errno (EPERM: it is not its owner's alone).
int private_open_dir(int dir, const char *name, bool make);
// Makes a file that does not exist yet, mode 0600, for reading and writing. -1, with errno.
int private_make_at(int dir, const char *name);
// Opens a regular file for reading, which its owner alone may write. -1, with errno.
int private_open_at(int dir, const char *name);
// Deletes an empty directory. Returns 0 or an errno.
int private_remove_dir(int dir, const char *name);
// Renames a file within an open directory; replaces what has the new name. Returns 0 or an errno.
int private_move_at(int dir, const char *from, const char *to);
// Cuts an open file to a length. Returns 0 or an errno.
int private_cut(int fd, uint64_t len);
