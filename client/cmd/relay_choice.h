// SPDX-License-Identifier: MIT
// Which relay is meant: what the command line says, else ADIT_RELAY of the environment, else
// adit.yml, else the one that aditd is on this machine without options.
#pragma once
#include "common/base/destination.h"
#include "common/config/config_file.h"

struct relay_choice {
    struct destination at;
    const char *from; // "ADIT_RELAY" or "adit.yml", where nothing on the command line names it; or
                      // NULL
};

#define RELAY_DEFAULT  "localhost:7080"
#define RELAY_VARIABLE "ADIT_RELAY"

// Chooses; `option` is the value of --relay or NULL. Keys of adit.yml that are not understood are
// told on stderr. False: `why` says what is wrong where, without what may be secret.
bool relay_choose(struct relay_choice *c, const char *option, char why[static CONFIG_WHY_MAX]);

// Tells on stderr, a line for each, which keys of the file are not understood.
void relay_tell_notes(const struct config_file *f, const struct config_document *d);
