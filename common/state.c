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

const char *state_dir(const char *data, const char *name, char out[static STATE_PATH_MAX])
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
    if (n >= STATE_PATH_MAX - 64)
        return "the path of the state directory is too long";
    return make_dirs(out) && access(out, W_OK | X_OK) == 0 ? NULL : strerror(errno);
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
    (void)fclose(file);
    out[n] = 0;
    return is_key(out) ? NULL : "the key file is damaged: remove it to get a new one";
}

// Written beside and linked into place, so that two programs that start at once agree on one key.
static const char *make_key(const char *path, char out[static 65])
{
    char temp[STATE_PATH_MAX + 80];
    (void)snprintf(temp, sizeof(temp), "%s.%ld", path, (long)getpid());
    if (!secret_random_hex(out, 32))
        return "no randomness";
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return strerror(errno);
    bool ok = write(fd, out, 64) == 64 && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    if (ok)
        ok = link(temp, path) == 0 || errno == EEXIST;
    (void)unlink(temp);
    return ok ? read_key(path, out) : strerror(errno);
}

const char *state_key(const char *dir, const char *file, char out[static 65])
{
    char path[STATE_PATH_MAX + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, file);
    if (access(path, F_OK) == 0)
        return read_key(path, out);
    return make_key(path, out);
}
