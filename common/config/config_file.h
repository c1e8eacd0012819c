// SPDX-License-Identifier: MIT
// adit.yml in its place: $XDG_CONFIG_HOME/adit/adit.yml, else ~/.config/adit/adit.yml. It has to be
// the user's alone, as all files of ours (common/base/private_file.h): a relay is told the token.
#pragma once
#include "common/base/private_file.h"
#include "document.h"

struct config_file {
    char path[PRIVATE_PATH_MAX + 16]; // as it was found, without links on the way where it is there
    bool exists;
    struct buf text;
};

enum {
    CONFIG_WHY_MAX = PRIVATE_PATH_MAX + PRIVATE_WHY_MAX + CONFIG_MESSAGE_MAX
};

// Finds the path alone. False: neither XDG_CONFIG_HOME nor HOME says where, and `path` is "".
bool config_file_path(char path[static PRIVATE_PATH_MAX]);
// Reads its text; one that is not there is empty. False: `why` says what is the matter and what to
// do. config_file_free afterwards in either case.
bool config_file_read(struct config_file *f, char why[static CONFIG_WHY_MAX]);
void config_file_free(struct config_file *f);
// Its text, which lasts as long as `f`.
struct slice config_file_text(const struct config_file *f);
// Puts a text into its place as a whole, mode 0600, in a directory that is made, mode 0700, where
// there is none. False: `why`; the file is as before.
bool config_file_write(struct slice text, char why[static CONFIG_WHY_MAX]);

// "PATH:LINE:COLUMN: TEXT", of a mistake in the file.
void config_file_explain(const struct config_file *f, const struct config_mistake *mistake,
                         char why[static CONFIG_WHY_MAX]);
