// SPDX-License-Identifier: MIT
#include "folder.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    RENAMED_TRIES = 16 // openat2 gives up with EAGAIN when something is renamed meanwhile
};

// glibc has no function for it before 2.43.
static int openat2(int folder, const char *path, uint64_t flags)
{
    const struct open_how how = {.flags = flags | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = -1;
    errno = EAGAIN;
    for (int i = 0; i < RENAMED_TRIES && fd < 0 && (errno == EAGAIN || errno == EINTR); i++)
        fd = syscall(SYS_openat2, folder, *path ? path : ".", &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

// Opens a folder beneath which openat2 works. Returns a negative errno if it cannot; `*beneath`
// says whether openat2 was what failed.
static int open_root(const char *path, bool *beneath)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *beneath = fd >= 0;
    if (fd < 0)
        return -errno;
    int probe = openat2(fd, "", O_PATH);
    (void)close(probe >= 0 ? probe : fd);
    return probe >= 0 ? fd : probe;
}

int folder_open(const char *path, const char **why)
{
    bool beneath = false;
    int fd = open_root(path, &beneath);
    if (fd >= 0)
        return fd;
    *why = beneath && (fd == -ENOSYS || fd == -EPERM)
               ? "this needs openat2 of Linux 5.6, by which no link leads out of the folder"
               : strerror(-fd);
    return -1;
}

// The descriptor keeps its number, and dup3 replaces what it stands for at once: other threads see
// the old folder or the new one.
int folder_renew(int folder, const char *path)
{
    struct stat own;
    struct stat now;
    bool beneath = false;
    if (fstat(folder, &own) != 0 || stat(path, &now) != 0)
        return -errno;
    if (own.st_dev == now.st_dev && own.st_ino == now.st_ino)
        return 0;
    int fd = open_root(path, &beneath);
    if (fd < 0)
        return fd;
    int error = dup3(fd, folder, O_CLOEXEC) < 0 ? -errno : 0;
    (void)close(fd);
    return error;
}

void folder_close(int folder)
{
    if (folder >= 0)
        (void)close(folder);
}

static bool is_served(const struct stat *st)
{
    return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode);
}

// Looks before opening, since that alone may have an effect on a device.
int folder_open_beneath(int folder, const char *path, struct stat *st)
{
    int place = openat2(folder, path, O_PATH);
    if (place < 0)
        return place == -EXDEV ? -ENOENT : place;
    bool served = fstat(place, st) == 0 && is_served(st);
    (void)close(place);
    if (!served)
        return -ENOENT;
    int fd = openat2(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fd == -EXDEV ? -ENOENT : fd;
    if (fstat(fd, st) == 0 && is_served(st))
        return fd;
    (void)close(fd);
    return -ENOENT;
}

ssize_t folder_read(int fd, void *to, size_t len, uint64_t at)
{
    ssize_t n;
    do {
        n = pread(fd, to, len, (off_t)at);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

// Tells nothing of what lies outside.
static bool is_folder(int fd, const struct dirent *e)
{
    struct stat st;
    if (e->d_type != DT_LNK && e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    int place = openat2(fd, e->d_name, O_PATH);
    bool found = place >= 0 && fstat(place, &st) == 0 && S_ISDIR(st.st_mode);
    folder_close(place);
    return found;
}

int folder_list(int fd, bool (*each)(void *ctx, const struct folder_entry *e), void *ctx)
{
    int own = openat2(fd, "", O_RDONLY | O_DIRECTORY);
    DIR *d = own < 0 ? NULL : fdopendir(own);
    int error = own < 0 ? own : d ? 0 : -errno;
    bool more = d != NULL;
    while (more) {
        errno = 0;
        const struct dirent *e = readdir(d); // NOLINT(concurrency-mt-unsafe): of this stream alone
        if (!e) {
            error = -errno;
            break;
        }
        const struct folder_entry entry = {e->d_name, is_folder(own, e)};
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            more = each(ctx, &entry);
    }
    if (d)
        (void)closedir(d);
    else
        folder_close(own);
    return error;
}
