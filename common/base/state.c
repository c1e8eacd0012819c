// SPDX-License-Identifier: MIT
#include "state.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Files that programs trust when they find them. Files that were put aside as damaged are never
// opened, and a file of names that is not ours is put aside without stopping the relay.
static const char *const kept[] = {
    "record.db",   "record.db-wal", "record.db-shm",    "record.db-journal",
    "record.lock", "owner.key",     "owner.key.before", "names.lock",
};

static const char *find_path(const char *data, const char *name, char out[static STATE_PATH_MAX])
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

static bool explain(const char *problem, char why[static PRIVATE_WHY_MAX])
{
    (void)snprintf(why, PRIVATE_WHY_MAX, "%s", problem);
    return false;
}

static bool check_files(const struct private_dir *d, char why[static PRIVATE_WHY_MAX])
{
    char path[PRIVATE_PATH_MAX + 32];
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", d->path, kept[i]);
        const char *flaw = private_flaw_at(path, d->owner);
        if (!flaw)
            continue;
        (void)snprintf(why, PRIVATE_WHY_MAX, "%s in it may not be used: %s", kept[i], flaw);
        return false;
    }
    return true;
}

// Copies the path without links, which another user can no longer redirect.
static bool take_path(const struct private_dir *d, char out[static STATE_PATH_MAX],
                      char why[static PRIVATE_WHY_MAX])
{
    int n = snprintf(out, STATE_PATH_MAX, "%s", d->path);
    return n < STATE_PATH_MAX - 64 || explain("its path is too long", why);
}

bool state_dir(const char *data, const char *name, char out[static STATE_PATH_MAX],
               char why[static PRIVATE_WHY_MAX])
{
    struct private_dir d;
    const char *problem = find_path(data, name, out);
    if (problem)
        return explain(problem, why);
    if (private_dir(out, PRIVATE_MAKE, &d, why) || !check_files(&d, why))
        return false;
    if (access(d.path, W_OK | X_OK))
        return explain(strerror(errno), why);
    return take_path(&d, out, why);
}

bool state_dir_existing(const char *data, const char *name, char out[static STATE_PATH_MAX],
                        char why[static PRIVATE_WHY_MAX])
{
    struct private_dir d;
    const char *problem = find_path(data, name, out);
    if (problem)
        return explain(problem, why);
    int error = private_dir(out, PRIVATE_EXISTING, &d, why);
    if (error == ENOENT || error == ENOTDIR)
        return true;
    return !error && check_files(&d, why) && take_path(&d, out, why);
}
