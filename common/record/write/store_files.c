// SPDX-License-Identifier: MIT
// The files of a record: creates them, checks them before SQLite opens them, moves them aside.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/io/loop.h"
#include "common/record/lock.h"
#include "store_internal.h"

int store_open_error(void)
{
    switch (errno) {
    case ENOSPC: return SQLITE_FULL;
    case EROFS: return SQLITE_READONLY;
    case EPERM: return SQLITE_PERM; // another user owns it or may write it
    default: return SQLITE_CANTOPEN;
    }
}

static const char *const beside[] = {"", "-wal", "-shm", "-journal"};

enum {
    BESIDE = sizeof(beside) / sizeof(beside[0])
};

// SQLite trusts the files it finds beside a database, so they are checked like the database.
static int check_files(const char *path)
{
    char file[STATE_PATH_MAX + 32];
    for (size_t i = 0; i < BESIDE; i++) {
        (void)snprintf(file, sizeof(file), "%s%s", path, beside[i]);
        if (private_flaw_at(file, geteuid()))
            return SQLITE_PERM;
    }
    return SQLITE_OK;
}

// An existing database is not opened here: closing it would release the POSIX locks of any other
// connection of this process (https://sqlite.org/howtocorrupt.html §2.2).
int store_find_file(const char *path, struct store_file *file)
{
    struct stat st;
    const char *why = NULL;
    int error = check_files(path);
    if (error)
        return error;
    if (lstat(path, &st)) {
        int fd = errno == ENOENT ? private_open(path, O_RDWR | O_CREAT, &why) : -1;
        if (fd < 0)
            return store_open_error();
        (void)close(fd);
        if (lstat(path, &st))
            return SQLITE_IOERR;
    }
    *file = (struct store_file){st.st_dev, st.st_ino};
    return faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) ? store_open_error() : SQLITE_OK;
}

static bool is_in_place(const char *path, const struct store_file *file)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_dev == file->device && st.st_ino == file->inode;
}

static bool put_aside(const char *path, const char *name)
{
    char old[STATE_PATH_MAX + 32];
    char moved[STATE_PATH_MAX + 80];
    if (private_move(path, name))
        return false;
    for (size_t i = 1; i < BESIDE; i++) {
        (void)snprintf(old, sizeof(old), "%s%s", path, beside[i]);
        (void)snprintf(moved, sizeof(moved), "%s%s", name, beside[i]);
        (void)private_move(old, moved);
    }
    return true;
}

bool store_put_aside(const char *dir, const struct store_file *file,
                     char name[static STATE_PATH_MAX + 64])
{
    char path[STATE_PATH_MAX + 16];
    int lock = record_lock_open(dir);
    bool done = false;
    record_path(dir, path);
    (void)snprintf(name, STATE_PATH_MAX + 64, "%s.damaged-%lld", path,
                   (long long)(wall_clock_ns() / 1000000));
    if (lock >= 0 && record_lock_wait(lock, RECORD_LOCK_FILES, STORE_BUSY_MS))
        done = is_in_place(path, file) && put_aside(path, name);
    if (lock >= 0)
        (void)close(lock);
    return done;
}
