// SPDX-License-Identifier: MIT
#include "export_file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "common/base/secret.h"

enum {
    RANDOM_BYTES = 8,
    LINK_BYTES = 40
};

const char export_file_exists[] = "it exists already; --force replaces it";

static void link_of(int fd, char out[static LINK_BYTES])
{
    (void)snprintf(out, LINK_BYTES, "/proc/self/fd/%d", fd);
}

// Whether another user put a named pipe there, to read what we write. A pipe without a name, which
// /dev/stdout may be, was passed to us and is fine whoever made it.
static bool is_foreign_pipe(int fd, const struct stat *st)
{
    struct statfs fs;
    return S_ISFIFO(st->st_mode) && st->st_uid != 0 && st->st_uid != geteuid() &&
           (fstatfs(fd, &fs) || fs.f_type != PIPEFS_MAGIC);
}

// Opens an existing device or pipe for writing; checks its type after opening, against races.
static const char *open_in_place(struct export_file *f)
{
    struct stat st;
    int fd = open(f->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, &st) || !(S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)))) {
        (void)close(fd);
        return export_file_exists; // replaced after the first look
    }
    if (fd >= 0 && is_foreign_pipe(fd, &st)) {
        (void)close(fd);
        return "it is a pipe of another user, who would read what is written";
    }
    f->in_place = true;
    f->out = fd < 0 ? NULL : fdopen(fd, "w");
    return f->out ? NULL : strerror(errno);
}

// Opens a file without a name in the directory of `path` (O_TMPFILE): it vanishes with the process,
// however that ends. -1: the file system lacks such files, or /proc to name them later is missing.
static int open_nameless(const struct export_file *f)
{
    char dir[EXPORT_FILE_PATH_MAX];
    char link[LINK_BYTES];
    const char *slash = strrchr(f->path, '/');
    size_t len = slash ? (size_t)(slash - f->path) + 1 : 1;
    memcpy(dir, slash ? f->path : ".", len);
    dir[len] = 0;
    int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    link_of(fd, link);
    if (access(link, F_OK) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static const char *open_beside(struct export_file *f)
{
    int fd = open_nameless(f);
    f->named = fd < 0;
    if (f->named)
        fd = open(f->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    f->out = fd < 0 ? NULL : fdopen(fd, "w");
    if (f->out)
        return NULL;
    const char *why = strerror(errno);
    if (fd >= 0) {
        (void)close(fd);
        if (f->named)
            (void)unlink(f->beside);
    }
    return why;
}

const char *export_file_open(struct export_file *f, const char *path, bool force)
{
    struct stat st;
    char random[2 * RANDOM_BYTES + 1];
    *f = (struct export_file){.path = path, .force = force};
    if (!secret_random_hex(random, RANDOM_BYTES))
        return "the system gives no random bytes";
    int len = snprintf(f->beside, sizeof(f->beside), "%s.%s.tmp", path, random);
    if (len < 0 || len >= (int)sizeof(f->beside))
        return strerror(ENAMETOOLONG);
    if (stat(path, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)))
        return open_in_place(f);
    if (lstat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return strerror(EISDIR);
        if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
            return "it is neither a file nor a pipe";
        if (!force)
            return export_file_exists;
    }
    return open_beside(f);
}

// Gives the file its temporary name.
static bool give_name(struct export_file *f)
{
    char link[LINK_BYTES];
    link_of(fileno(f->out), link);
    f->named = f->named || linkat(AT_FDCWD, link, AT_FDCWD, f->beside, AT_SYMLINK_FOLLOW) == 0;
    return f->named;
}

// Moves the file to `path` unless something is there, without a race.
static bool move_unless_exists(const struct export_file *f)
{
    if (renameat2(AT_FDCWD, f->beside, AT_FDCWD, f->path, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    // The file system lacks RENAME_NOREPLACE: claim the name with an empty file, then replace that.
    int fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    (void)close(fd);
    return rename(f->beside, f->path) == 0;
}

static bool finish(struct export_file *f)
{
    bool ok = fflush(f->out) == 0 && !ferror(f->out) && (f->in_place || give_name(f));
    int error = ok ? 0 : errno;
    if (fclose(f->out) != 0 && ok) {
        ok = false;
        error = errno;
    }
    errno = error;
    if (!ok || f->in_place)
        return ok;
    return f->force ? rename(f->beside, f->path) == 0 : move_unless_exists(f);
}

const char *export_file_close(struct export_file *f, bool keep)
{
    bool ok = keep ? finish(f) : (fclose(f->out), true);
    int error = ok ? 0 : errno;
    if (f->named && (!keep || !ok))
        (void)unlink(f->beside);
    if (error == EEXIST)
        return export_file_exists;
    return error ? strerror(error) : ok ? NULL : strerror(EIO);
}
