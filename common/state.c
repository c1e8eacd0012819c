// SPDX-License-Identifier: MIT
#include "state.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "secret.h"

static bool make_dirs(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int error = mkdir(path, 0700) && errno != EEXIST;
        *slash = '/';
        if (error)
            return false;
    }
    return !mkdir(path, 0700) || errno == EEXIST;
}

const char *state_path(const char *data, const char *name, char out[static STATE_PATH_MAX])
{
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int n = -1;
    out[0] = 0;
    if (data && *data)
        n = snprintf(out, STATE_PATH_MAX, "%s", data);
    else if (xdg && xdg[0] == '/')
        n = snprintf(out, STATE_PATH_MAX, "%s/adit/%s", xdg, name);
    else if (home && home[0] == '/')
        n = snprintf(out, STATE_PATH_MAX, "%s/.local/state/adit/%s", home, name);
    if (n < 0)
        return "neither --data nor HOME says where to keep state";
    return n >= STATE_PATH_MAX - 64 ? "the path of the state directory is too long" : NULL;
}

const char *state_dir(const char *data, const char *name, char out[static STATE_PATH_MAX])
{
    const char *why = state_path(data, name, out);
    if (why)
        return why;
    if (!make_dirs(out))
        return strerror(errno);
    struct stat st;
    if (!stat(out, &st) && !S_ISDIR(st.st_mode))
        return strerror(ENOTDIR);
    return access(out, W_OK | X_OK) == 0 ? NULL : strerror(errno);
}

static bool is_key(const char *key)
{
    return strlen(key) == 64 && strspn(key, "0123456789abcdef") == 64;
}

static const char *read_key(const char *path, char out[static 65])
{
    FILE *file = fopen(path, "re");
    if (!file)
        return strerror(errno);
    size_t n = fread(out, 1, 64, file);
    const char *why = ferror(file) ? strerror(errno) : NULL;
    (void)fclose(file);
    out[n] = 0;
    if (why)
        return why;
    return is_key(out) ? NULL : "the key file is damaged: remove it to get a new one";
}

// Writes a file that only its owner reads, and makes sure that it is on the disk. 0 or errno.
static int write_file(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int error = 0;
    while (len > 0 && !error) {
        ssize_t n = write(fd, text, len);
        if (n < 0)
            error = errno == EINTR ? 0 : errno;
        else if (n == 0)
            error = EIO;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    if (!error && fsync(fd))
        error = errno;
    if (close(fd) && !error)
        error = errno;
    return error;
}

// Written beside and linked into place, so that two programs that start at once agree on one key,
// and nobody ever reads half of one.
static const char *make_key(const char *path, char out[static 65])
{
    char temp[STATE_PATH_MAX + 80];
    (void)snprintf(temp, sizeof(temp), "%s.%ld", path, (long)getpid());
    if (!secret_random_hex(out, 32))
        return "no randomness";
    int error = write_file(temp, out, 64);
    if (!error && link(temp, path) && errno != EEXIST)
        error = errno;
    // Some file systems have no links: then the last of two that start at once wins.
    if ((error == EPERM || error == EOPNOTSUPP) && rename(temp, path) == 0)
        error = 0;
    (void)unlink(temp);
    return error ? strerror(error) : read_key(path, out);
}

const char *state_key(const char *dir, const char *file, char out[static 65])
{
    char path[STATE_PATH_MAX + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, file);
    if (access(path, F_OK) == 0)
        return read_key(path, out);
    return make_key(path, out);
}
