// SPDX-License-Identifier: MIT
// A simulation: exchanges of every shape between two tunnels in one process, over links that
// deliver any part of a message at any time, on a clock of their own. All choices come from
// `chance`, so that a seed reproduces a failure. Bodies and trailers are verified by content; a
// breach of the contract of proto/tunnel/tunnel.h or mux.h is a failed CHECK.
#pragma once
#include "chance.h"

struct sim_result {
    size_t exchanges, complete, reset;
    uint64_t bytes; // body bytes that arrived
};

struct sim_result sim_run(struct chance *chance, size_t steps);
