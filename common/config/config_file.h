// SPDX-License-Identifier: MIT
// The file adit.yml: $XDG_CONFIG_HOME/adit/adit.yml, else ~/.config/adit/adit.yml. It must be the
// user's alone (common/base/private_file.h), since it names the relay that gets the token.
#pragma once
#include "common/base/private_file.h"
#include "document.h"

struct config_file {
    char path[PRIVATE_PATH_MAX + 16]; // without symbolic links when the file exists
    bool exists;
    struct buf text;
};

enum {
    CONFIG_WHY_MAX = PRIVATE_PATH_MAX + PRIVATE_WHY_MAX + CONFIG_MESSAGE_MAX
};

// Finds the path without opening anything. False: neither XDG_CONFIG_HOME nor HOME is set, and
// `path` is "".
bool config_file_path(char path[static PRIVATE_PATH_MAX]);
// Reads the file; a missing one has an empty text. False: `why` says what is wrong and what to do.
// In either case config_file_free must follow.
bool config_file_read(struct config_file *f, char why[static CONFIG_WHY_MAX]);
void config_file_free(struct config_file *f);
// Returns the text, valid as long as `f`.
struct slice config_file_text(const struct config_file *f);
// Replaces the file atomically, mode 0600; a missing directory is made, mode 0700. False: `why`
// says what is wrong, and the file is unchanged.
bool config_file_write(struct slice text, char why[static CONFIG_WHY_MAX]);

// Writes "PATH:LINE:COLUMN: TEXT" for a mistake in the file.
void config_file_explain(const struct config_file *f, const struct config_mistake *mistake,
                         char why[static CONFIG_WHY_MAX]);
