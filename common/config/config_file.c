// SPDX-License-Identifier: MIT
#include "config_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "adit.yml"

static bool explain(const char *path, const char *problem, char why[static CONFIG_WHY_MAX])
{
    (void)snprintf(why, CONFIG_WHY_MAX, "cannot use %s: %s", path, problem);
    return false;
}

static bool find_directory(char dir[static PRIVATE_PATH_MAX])
{
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int n = -1;
    if (xdg && xdg[0] == '/')
        n = snprintf(dir, PRIVATE_PATH_MAX, "%s/adit", xdg);
    else if (home && home[0] == '/')
        n = snprintf(dir, PRIVATE_PATH_MAX, "%s/.config/adit", home);
    return n > 0 && n < PRIVATE_PATH_MAX - 64;
}

bool config_file_path(char path[static PRIVATE_PATH_MAX])
{
    char dir[PRIVATE_PATH_MAX];
    path[0] = 0;
    if (!find_directory(dir))
        return false;
    int n = snprintf(path, PRIVATE_PATH_MAX, "%s/" NAME, dir);
    return n > 0 && n < PRIVATE_PATH_MAX;
}

// Reads an open file, at most one byte more than allowed. Returns 0 or an errno.
static int fill(int fd, struct buf *text)
{
    for (;;) {
        size_t room = CONFIG_BYTES_MAX + 1 - buf_len(text);
        char *to = room ? buf_reserve(text, room) : NULL;
        if (room && !to)
            return ENOMEM;
        ssize_t n = room ? read(fd, to, room) : 0;
        if (n < 0 && errno != EINTR)
            return errno;
        if (n == 0)
            return 0;
        buf_commit(text, n > 0 ? (size_t)n : 0);
    }
}

bool config_file_read(struct config_file *f, char why[static CONFIG_WHY_MAX])
{
    char dir[PRIVATE_PATH_MAX];
    struct private_dir d;
    char not_ours[PRIVATE_WHY_MAX];
    const char *flaw = NULL;
    *f = (struct config_file){0};
    if (!config_file_path(f->path) || !find_directory(dir))
        return true; // without a path there is no file
    int error = private_dir(dir, PRIVATE_EXISTING, &d, not_ours);
    if (error && access(f->path, F_OK))
        return true; // missing, or hidden by a sandbox
    if (error)
        return explain(dir, not_ours, why);
    (void)snprintf(f->path, sizeof(f->path), "%s/" NAME, d.path);
    int fd = private_open(f->path, O_RDONLY, &flaw);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return explain(f->path, flaw, why);
    f->exists = true;
    error = fill(fd, &f->text);
    (void)close(fd);
    return !error || explain(f->path, strerror(error), why);
}

struct slice config_file_text(const struct config_file *f)
{
    return f->text.bytes ? slice_of(buf_at(&f->text), buf_len(&f->text)) : SLICE("");
}

void config_file_free(struct config_file *f)
{
    buf_free(&f->text);
}

bool config_file_write(struct slice text, char why[static CONFIG_WHY_MAX])
{
    char dir[PRIVATE_PATH_MAX];
    char path[PRIVATE_PATH_MAX + 16];
    struct private_dir d;
    char not_ours[PRIVATE_WHY_MAX];
    if (!find_directory(dir))
        return explain(NAME, "neither XDG_CONFIG_HOME nor HOME says where it is", why);
    if (private_dir(dir, PRIVATE_MAKE, &d, not_ours))
        return explain(dir, not_ours, why);
    (void)snprintf(path, sizeof(path), "%s/" NAME, d.path);
    int error = private_write(path, text.p, text.len, PRIVATE_REPLACE_SYNCED, NULL);
    return !error || explain(path, strerror(error), why);
}

void config_file_explain(const struct config_file *f, const struct config_mistake *mistake,
                         char why[static CONFIG_WHY_MAX])
{
    const struct config_place *at = &mistake->place;
    if (at->line)
        (void)snprintf(why, CONFIG_WHY_MAX, "%s:%u:%u: %s", f->path, at->line, at->column,
                       mistake->text);
    else
        (void)snprintf(why, CONFIG_WHY_MAX, "%s: %s", f->path, mistake->text);
}
