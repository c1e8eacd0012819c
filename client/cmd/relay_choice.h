// SPDX-License-Identifier: MIT
// Chooses the relay: --relay, else ADIT_RELAY of the environment, else adit.yml, else aditd's
// default address on this machine.
#pragma once
#include "common/base/destination.h"
#include "common/config/config_file.h"

struct relay_choice {
    struct destination at;
    const char *from; // "ADIT_RELAY" or "adit.yml"; NULL: --relay or the default
};

#define RELAY_DEFAULT  "localhost:7080"
#define RELAY_VARIABLE "ADIT_RELAY"

// `option` is the value of --relay, or NULL. Warns on stderr about unknown keys of adit.yml. False:
// `why` says what is wrong and where, without secrets.
bool relay_choose(struct relay_choice *c, const char *option, char why[static CONFIG_WHY_MAX]);

// Prints a line on stderr for each unknown key of the file.
void relay_print_notes(const struct config_file *f, const struct config_document *d);
