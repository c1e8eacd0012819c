// SPDX-License-Identifier: MIT
// The changes that a replay makes to the recorded request.
#pragma once
#include "proto/http/message.h"

enum {
    REPLAY_FIELDS_MAX = 64 // set, and as many dropped
};

struct replay_changes {
    const char *method, *path; // NULL: as recorded
    struct field set[REPLAY_FIELDS_MAX];
    size_t set_count;
    const char *drop[REPLAY_FIELDS_MAX];
    size_t drop_count;
    bool has_body; // `body` replaces the recorded one
    struct slice body;
};

// Adds "Name: value", or a name, to the changes, which keep pointing to `text`. False: it is not a
// field, there are too many, or adit writes this field itself.
bool replay_set_field(struct replay_changes *c, const char *text);
bool replay_drop_field(struct replay_changes *c, const char *text);

// Whether a field of this name is set or dropped: the recorded one is not sent.
bool replay_changes_field(const struct replay_changes *c, struct slice name);
