// SPDX-License-Identifier: MIT
#include "private_owner.h"
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool note_groups(struct private_self *self)
{
    self->gid = getegid();
    self->group_count = getgroups(0, NULL);
    if (self->group_count < 0)
        return false;
    self->groups = calloc((size_t)self->group_count + 1, sizeof(gid_t));
    if (!self->groups)
        return false;
    self->group_count = getgroups(self->group_count, self->groups);
    return self->group_count >= 0;
}

// Only root may change groups: they go first, and come back last.
static bool change(const struct stat *st)
{
    return !setgroups(0, NULL) && !setegid(st->st_gid) && !seteuid(st->st_uid);
}

bool private_become_owner(int dir, struct private_self *self)
{
    struct stat st;
    *self = (struct private_self){0};
    if (fstat(dir, &st))
        return false;
    if (geteuid() != 0 || st.st_uid == 0)
        return true;
    if (!note_groups(self)) {
        free(self->groups);
        return false;
    }
    self->changed = true;
    if (change(&st))
        return true;
    int error = errno;
    (void)private_become_self(self);
    errno = error;
    return false;
}

bool private_become_self(struct private_self *self)
{
    if (!self->changed)
        return true;
    bool back =
        !seteuid(0) && !setegid(self->gid) && !setgroups((size_t)self->group_count, self->groups);
    free(self->groups);
    *self = (struct private_self){0};
    return back;
}
