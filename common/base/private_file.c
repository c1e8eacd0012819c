// SPDX-License-Identifier: MIT
#include "private_file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    OPEN_TRIES = 10,                // while other processes of ours make and move the same file
    SECRET_BYTES = sizeof(uint64_t) // of an unguessable name
};

#define BESIDE_END ".new"

typedef char path_text[PRIVATE_PATH_MAX + 64];

static const char *flaw_of(const struct stat *st, uid_t owner)
{
    if (S_ISLNK(st->st_mode))
        return "it is a symbolic link: put the file itself there";
    if (!S_ISREG(st->st_mode))
        return "it is no regular file: move it away";
    if (st->st_uid != 0 && st->st_uid != owner)
        return "it belongs to another user: chown it, or move it away";
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return "others may write it: chmod 600 it";
    if (st->st_nlink > 1)
        return "it has a second name (a hard link), under which it may be changed: put a copy "
               "there";
    return NULL;
}

const char *private_flaw_at(const char *path, uid_t owner)
{
    struct stat st;
    if (lstat(path, &st))
        return errno == ENOENT ? NULL : strerror(errno);
    return flaw_of(&st, owner);
}

static int make(const char *path, int flags)
{
    int fd = open(path, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && fchmod(fd, 0600)) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int open_or_make(const char *path, int flags)
{
    int how = (flags & ~O_CREAT) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    for (int i = 0; i < OPEN_TRIES; i++) {
        int fd = open(path, how);
        if (fd >= 0 || errno != ENOENT || !(flags & O_CREAT))
            return fd;
        fd = make(path, flags & ~O_CREAT);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

int private_open(const char *path, int flags, const char **why)
{
    struct stat st;
    *why = NULL;
    // Opening a device may have effects, and opening a pipe may block.
    if (!lstat(path, &st) && !S_ISREG(st.st_mode))
        *why = flaw_of(&st, geteuid());
    int fd = *why ? -1 : open_or_make(path, flags);
    int error = *why ? EPERM : errno;
    if (fd >= 0 && fstat(fd, &st)) {
        error = errno;
    } else if (fd >= 0) {
        *why = flaw_of(&st, geteuid());
        error = EPERM;
        if (!*why)
            return fd;
    }
    if (fd >= 0)
        (void)close(fd);
    if (!*why)
        *why = strerror(error);
    errno = error;
    return -1;
}

int private_write_at(int fd, const void *bytes, size_t len, off_t at)
{
    const char *from = bytes;
    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, at);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n == 0)
            return EIO;
        from += n > 0 ? n : 0;
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

// Renames without replacing. Where a file system lacks RENAME_NOREPLACE, link() comes first.
static int move_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (link(from, to) == 0)
        return unlink(from) ? errno : 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
        return errno;
    // A file system without links either: of two concurrent renames the last one wins.
    if (access(to, F_OK) == 0)
        return EEXIST;
    return rename(from, to) ? errno : 0;
}

int private_move(const char *from, const char *to)
{
    return move_new(from, to);
}

static int fill(int fd, const void *bytes, size_t len, bool sync)
{
    int error = private_write_at(fd, bytes, len, 0);
    return !error && sync && fsync(fd) ? errno : error;
}

int private_write(const char *path, const void *bytes, size_t len, enum private_write how,
                  struct stat *made)
{
    uint64_t secret = 0;
    path_text beside;
    struct stat st;
    // getrandom, because OpenSSL keeps memory for each thread that asks it.
    if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
        return EIO;
    int n = snprintf(beside, sizeof(beside), "%s.%016" PRIx64 BESIDE_END, path, secret);
    if (n < 0 || (size_t)n >= sizeof(beside))
        return ENAMETOOLONG;
    int fd = make(beside, O_WRONLY);
    if (fd < 0)
        return errno;
    int error = fill(fd, bytes, len, how != PRIVATE_REPLACE);
    if (!error && fstat(fd, &st))
        error = errno;
    if (close(fd) && !error)
        error = errno;
    if (!error && how == PRIVATE_KEEP)
        error = move_new(beside, path);
    else if (!error && rename(beside, path))
        error = errno;
    if (error)
        (void)unlink(beside);
    else if (made)
        *made = st;
    return error;
}

// Whether an entry is a temporary file: NAME, a dot, the digits of a secret, BESIDE_END.
static bool is_beside(const char *entry, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(entry, name, len) != 0 || entry[len] != '.')
        return false;
    const char *secret = entry + len + 1;
    size_t digits = strspn(secret, "0123456789abcdef");
    return digits == (size_t)2 * SECRET_BYTES && strcmp(secret + digits, BESIDE_END) == 0;
}

void private_sweep(const char *path)
{
    path_text dir;
    const char *slash = strrchr(path, '/');
    if (!slash || snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path) >= (int)sizeof(dir))
        return;
    DIR *list = opendir(dir);
    struct dirent *entry = NULL;
    while (list && (entry = readdir(list)))
        if (is_beside(entry->d_name, slash + 1))
            (void)unlinkat(dirfd(list), entry->d_name, 0);
    if (list)
        (void)closedir(list);
}

int private_remove(int dir, const char *name)
{
    return unlinkat(dir, name, 0) ? errno : 0;
}

// Closes a descriptor and returns -1 with this errno.
static int refuse(int fd, int error)
{
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return -1;
}

static bool is_owners_alone(const struct stat *st, uid_t owner)
{
    return (st->st_uid == 0 || st->st_uid == owner) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

// The user whose files are in a directory: ours; for root the directory's owner.
static uid_t owner_of(int dir)
{
    struct stat st;
    return geteuid() == 0 && dir >= 0 && fstat(dir, &st) == 0 ? st.st_uid : geteuid();
}

int private_open_dir(int dir, const char *name, bool make_it)
{
    struct stat st;
    bool made = make_it && mkdirat(dir, name, 0700) == 0;
    if (make_it && !made && errno != EEXIST)
        return -1;
    if (made && fchmodat(dir, name, 0700, 0)) // whatever the umask
        return -1;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st))
        return refuse(fd, errno);
    uid_t owner = dir >= 0 ? owner_of(dir) : geteuid() ? geteuid() : st.st_uid;
    return is_owners_alone(&st, owner) ? fd : refuse(fd, EPERM);
}

int private_make_at(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd >= 0 && fchmod(fd, 0600) ? refuse(fd, errno) : fd;
}

int private_open_at(int dir, const char *name)
{
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st))
        return refuse(fd, errno);
    bool ours = S_ISREG(st.st_mode) && st.st_nlink <= 1 && is_owners_alone(&st, owner_of(dir));
    return ours ? fd : refuse(fd, EPERM);
}

int private_remove_dir(int dir, const char *name)
{
    return unlinkat(dir, name, AT_REMOVEDIR) ? errno : 0;
}

int private_move_at(int dir, const char *from, const char *to)
{
    return renameat(dir, from, dir, to) ? errno : 0;
}

int private_cut(int fd, uint64_t len)
{
    return ftruncate(fd, (off_t)len) ? errno : 0;
}
