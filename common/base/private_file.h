// SPDX-License-Identifier: MIT
// Files that nobody but us may change: each one that the programs keep is opened, replaced and
// moved here. Ours is what belongs to the user that the program runs as (the one it drops to, if it
// drops to one) or to root. The directory that files lie in is opened first, by private_dir, which
// looks at the whole way there: behind that a path leads nowhere else, and nothing in it was put
// there by somebody else.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
    PRIVATE_PATH_MAX = 4096,
    PRIVATE_WHY_MAX = PRIVATE_PATH_MAX + 256,
    PRIVATE_LINKS_MAX = 40 // symbolic links on the way to a directory
};

enum private_use {
    PRIVATE_MAKE,    // it and what is missing on the way is made, mode 0700
    PRIVATE_EXISTING // it is only read, or deleted from: root may do so in anybody's directory
};

// A directory that only its owner may change.
struct private_dir {
    uid_t owner;                 // whose it is, apart from root: the user that the program runs as,
                                 // and of another one's that root looks at, the other one
    char path[PRIVATE_PATH_MAX]; // without symbolic links
};

// Looks at a directory and every step of the way to it, as sshd's StrictModes does: none may belong
// to somebody else, who could replace what comes behind it, or be open to others for writing (but
// for those on the way that are sticky, like /tmp). Returns 0 or an errno (EPERM: it is not ours
// alone), and in `why` what is the matter and what to do.
int private_dir(const char *path, enum private_use use, struct private_dir *d,
                char why[static PRIVATE_WHY_MAX]);

// What keeps a file from being the owner's alone, and what to do about it, as a phrase; or NULL.
const char *private_flaw(const struct stat *st, uid_t owner);
// The same of a file that may lie at a path, a directory or a link too; NULL also when none does.
const char *private_flaw_at(const char *path, uid_t owner);

// Opens a file of ours: no link, pipe or device, nobody else's and nobody else may write it.
// `flags` are O_RDONLY, O_WRONLY or O_RDWR, and O_CREAT, by which it is made with mode 0600
// whatever the umask. Never waits, and programs that are started do not get it. Returns the
// descriptor; or -1, errno (EPERM: it is not ours alone), and in `why` a phrase, which lasts until
// the next strerror.
int private_open(const char *path, int flags, const char **why);

// What becomes of a file that is there already.
enum private_write {
    PRIVATE_REPLACE,
    PRIVATE_REPLACE_SYNCED, // likewise, once the disk has the new one
    PRIVATE_KEEP            // it stays: EEXIST
};

// Writes a file as a whole: beside its place, under a name that nobody knows, and then into it.
// PRIVATE_KEEP too waits until the disk has it. `made` gets what identifies the new file; NULL is
// fine. Returns 0 or an errno.
int private_write(const char *path, const void *bytes, size_t len, enum private_write how,
                  struct stat *made);
// Deletes what writers of this path have left beside it that were killed: only where none writes.
void private_sweep(const char *path);

// Moves a file of ours within its directory. Nothing is overwritten: EEXIST. Returns 0 or an errno.
int private_move(const char *from, const char *to);

// Writes all of it at this offset. Returns 0 or an errno.
int private_write_at(int fd, const void *bytes, size_t len, off_t at);
// Deletes a file of a directory that is open. Returns 0 or an errno.
int private_remove(int dir, const char *name);
