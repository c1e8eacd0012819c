// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "private_file.h"

enum {
    UNMAPPED = 65534, // the uid that the kernel shows for unmapped ones
    LINE_BYTES = 128, // of /proc/self/uid_map
    NAME_BYTES = 256,
    NAMES_BYTES = 4096 // of a user's or group's entry
};

// The walk from the root to a directory, one component at a time.
struct walk {
    struct private_dir *dir; // `path`: the current directory, "" at the root
    enum private_use use;
    int fd;                          // the current directory, O_PATH
    char left[2 * PRIVATE_PATH_MAX]; // the rest of the path
    size_t taken;                    // bytes of `left` already walked
    unsigned links;                  // followed so far
    char *why;
};

static int refuse(struct walk *w, const char *problem, const struct stat *st)
{
    const char *path = w->dir->path[0] ? w->dir->path : "/";
    if (st)
        (void)snprintf(w->why, PRIVATE_WHY_MAX, "%s %s belongs to another user (uid %ld)", problem,
                       path, (long)st->st_uid);
    else
        (void)snprintf(w->why, PRIVATE_WHY_MAX, "%s %s: chmod go-w it", problem, path);
    return EPERM;
}

static int fail(struct walk *w, int error)
{
    (void)snprintf(w->why, PRIVATE_WHY_MAX, "%s", strerror(error));
    return error;
}

// In a user namespace without root, unmapped owners such as root appear as the user 65534.
static bool is_unmapped(uid_t uid)
{
    FILE *map = uid == UNMAPPED ? fopen("/proc/self/uid_map", "re") : NULL;
    char line[LINE_BYTES];
    bool mapped = !map;
    while (map && !mapped && fgets(line, sizeof(line), map)) {
        char *at = line;
        unsigned long inside = strtoul(at, &at, 10);
        (void)strtoul(at, &at, 10); // the uid outside
        mapped = uid >= inside && uid - inside < strtoul(at, &at, 10);
    }
    if (map)
        (void)fclose(map);
    return !mapped;
}

// Whether a group is the owner's private one: it has the user's name and no other member. Homes may
// be writable for it (Debian's user private groups).
static bool is_own_group(int fd, const struct stat *st, uid_t owner)
{
    char names[2][NAMES_BYTES];
    struct passwd user;
    struct group group;
    struct passwd *u = NULL;
    struct group *g = NULL;
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (getxattr(path, "system.posix_acl_access", NULL, 0) > 0)
        return false; // with an ACL the mode's group bits are a mask for others
    if (getpwuid_r(owner, &user, names[0], NAMES_BYTES, &u) || !u || user.pw_gid != st->st_gid ||
        getgrgid_r(st->st_gid, &group, names[1], NAMES_BYTES, &g) || !g)
        return false;
    for (char **member = group.gr_mem; *member; member++)
        if (strcmp(*member, user.pw_name) != 0)
            return false;
    return strcmp(group.gr_name, user.pw_name) == 0;
}

// Checks a directory on the path: its writers can replace its entries, unless it is sticky.
static int check_step(struct walk *w, const struct stat *st)
{
    if (st->st_uid != 0 && st->st_uid != w->dir->owner && !is_unmapped(st->st_uid))
        return refuse(w, "others may replace it, because", st);
    if (st->st_mode & S_ISVTX)
        return 0;
    if ((st->st_mode & S_IWOTH) ||
        ((st->st_mode & S_IWGRP) && !is_own_group(w->fd, st, w->dir->owner)))
        return refuse(w, "others may replace it, because they may write in", NULL);
    return 0;
}

// Takes the next component of the path. False: none is left.
static bool take_name(struct walk *w, char name[static NAME_BYTES])
{
    const char *at = w->left + w->taken;
    at += strspn(at, "/");
    size_t len = strcspn(at, "/");
    if (len == 0)
        return false;
    (void)snprintf(name, NAME_BYTES, "%.*s", (int)len, at);
    if (len >= NAME_BYTES)
        name[0] = '/'; // too long: a name that no file can have
    w->taken = (size_t)(at + len - w->left);
    return true;
}

static int go_to(struct walk *w, int fd)
{
    if (fd < 0)
        return fail(w, errno);
    if (w->fd >= 0)
        (void)close(w->fd);
    w->fd = fd;
    return 0;
}

static int go_to_root(struct walk *w)
{
    w->dir->path[0] = 0;
    return go_to(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static int go_up(struct walk *w)
{
    char *slash = strrchr(w->dir->path, '/');
    if (slash)
        *slash = 0;
    return go_to(w, openat(w->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// Follows a symbolic link. Its owner decides where it leads, so the link must be ours too.
static int follow(struct walk *w, int link, const struct stat *st)
{
    char target[PRIVATE_PATH_MAX];
    char rest[sizeof(w->left)];
    ssize_t len = readlinkat(link, "", target, sizeof(target) - 1);
    int error = len < 0 ? errno : 0;
    if (st->st_uid != 0 && st->st_uid != w->dir->owner && !is_unmapped(st->st_uid))
        return refuse(w, "a symbolic link on the way, in", st);
    if (error || ++w->links > PRIVATE_LINKS_MAX)
        return fail(w, error ? error : ELOOP);
    target[len] = 0;
    (void)snprintf(rest, sizeof(rest), "%s", w->left + w->taken);
    w->taken = 0;
    int n = snprintf(w->left, sizeof(w->left), "%s/%s", target, rest);
    if (n < 0 || (size_t)n >= sizeof(w->left))
        return fail(w, ENAMETOOLONG);
    return target[0] == '/' ? go_to_root(w) : 0;
}

// Opens an entry without following a link. With PRIVATE_MAKE a missing directory is made.
static int open_name(struct walk *w, const char *name)
{
    const int how = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(w->fd, name, how);
    if (fd >= 0 || errno != ENOENT || w->use != PRIVATE_MAKE)
        return fd;
    bool made = mkdirat(w->fd, name, 0700) == 0;
    if (!made && errno != EEXIST)
        return -1;
    if (made && fchmodat(w->fd, name, 0700, 0)) // whatever the umask
        return -1;
    return openat(w->fd, name, how);
}

static int enter(struct walk *w, const char *name)
{
    struct stat st;
    if (strcmp(name, ".") == 0)
        return 0;
    int error = fstat(w->fd, &st) ? fail(w, errno) : check_step(w, &st);
    if (error)
        return error;
    if (strcmp(name, "..") == 0)
        return go_up(w);
    int fd = open_name(w, name);
    if (fd < 0 || fstat(fd, &st)) {
        error = fail(w, errno);
    } else if (S_ISLNK(st.st_mode)) {
        error = follow(w, fd, &st);
    } else if (!S_ISDIR(st.st_mode)) {
        error = fail(w, ENOTDIR);
    } else {
        size_t len = strlen(w->dir->path);
        int n = snprintf(w->dir->path + len, PRIVATE_PATH_MAX - len, "/%s", name);
        bool fits = n > 0 && (size_t)n < PRIVATE_PATH_MAX - len;
        return fits ? go_to(w, fd) : (close(fd), fail(w, ENAMETOOLONG));
    }
    if (fd >= 0)
        (void)close(fd);
    return error;
}

static int begin(struct walk *w, const char *path)
{
    char here[PRIVATE_PATH_MAX] = "";
    if (path[0] != '/' && !getcwd(here, sizeof(here)))
        return fail(w, errno);
    int n = snprintf(w->left, sizeof(w->left), "%s/%s", here, path);
    if (n < 0 || (size_t)n >= sizeof(w->left))
        return fail(w, ENAMETOOLONG);
    return go_to_root(w);
}

// Checks the directory itself. Sticky is not enough here: others could create the files that are
// missing.
static int check_end(struct walk *w)
{
    struct stat st;
    if (fstat(w->fd, &st))
        return fail(w, errno);
    if (st.st_uid != 0 && st.st_uid != w->dir->owner) {
        (void)snprintf(w->why, PRIVATE_WHY_MAX,
                       "it belongs to another user (uid %ld): run this as that user, or chown %ld "
                       "it and what is in it",
                       (long)st.st_uid, (long)w->dir->owner);
        return EPERM;
    }
    if (!(st.st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    (void)snprintf(w->why, PRIVATE_WHY_MAX, "others may write in it: chmod go-w it");
    return EPERM;
}

int private_dir(const char *path, enum private_use use, struct private_dir *d,
                char why[static PRIVATE_WHY_MAX])
{
    struct walk w = {.dir = d, .use = use, .fd = -1, .why = why};
    char name[NAME_BYTES];
    struct stat st;
    why[0] = 0;
    d->owner = geteuid();
    d->path[0] = 0;
    if (use == PRIVATE_EXISTING && d->owner == 0 && stat(path, &st) == 0)
        d->owner = st.st_uid;
    int error = begin(&w, path);
    while (!error && take_name(&w, name))
        error = enter(&w, name);
    if (!error)
        error = check_end(&w);
    if (w.fd >= 0)
        (void)close(w.fd);
    return error;
}
