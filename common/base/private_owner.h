// SPDX-License-Identifier: MIT
// Root works in a user's directory with the rights of that user: what the user may not do, the
// kernel refuses, wherever the user's links and renamed directories lead meanwhile; and what is
// made is the user's.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

// Whom to become again.
struct private_self {
    bool changed;
    gid_t gid, *groups;
    int group_count;
};

// Takes the rights of the owner and the group of an open directory, for all threads. Changes
// nothing unless we are root and it is another's. False: see errno; nothing has changed. Otherwise
// private_become_self must follow.
bool private_become_owner(int dir, struct private_self *self);
// Ends this. False: see errno; some rights are still those of the owner.
bool private_become_self(struct private_self *self);
