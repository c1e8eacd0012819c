// SPDX-License-Identifier: MIT
// The agent: keeps a tunnel to the relay, binds names, and forwards requests to their services.
#pragma once
#include "binding.h"
#include "client/link/link.h"
#include "common/base/limits.h"

struct agent_config {
    struct link_target relay;
    char relay_url[320];    // for messages
    const char *token_file; // the file of the token; NULL: it came from elsewhere, or there is none
    struct binding_config bindings[BINDINGS_MAX];
    size_t binding_count;
    char owner[72];  // our owner value at this relay
    char before[72]; // proof of the previous owner key (docs/protocol.md §2); may be empty
    bool print_bodies;
    const char *data; // the value of --data; NULL: not given
    struct limits limits;
    struct recorder_config record;
    char relay_record[8]; // the most that the relay may record: "all", "heads", "none"; "": no wish
};

// Runs until a signal or a final refusal. Returns the exit status.
int agent_run(const struct agent_config *config);
