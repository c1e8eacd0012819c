// SPDX-License-Identifier: MIT
// The relay: composes listeners, visitors' connections, agents, the table of names, the record and
// the log on one worker.
#pragma once
#include "relay_options.h"

// Runs until a signal, or until it cannot start, which is logged. Returns the exit status.
int relay_run(const struct relay_config *config);
