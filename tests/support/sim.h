// SPDX-License-Identifier: MIT
// A tunnel at work: exchanges of every shape between two tunnels in one process, over links that
// carry any part of a message at any time, on a clock of their own. All choices come from `chance`,
// so a failure comes back with its seed. Bodies and trailers are verified by content; any breach of
// the contract of proto/tunnel/tunnel.h and proto/tunnel/mux.h is a failed CHECK.
#pragma once
#include "chance.h"

struct sim_result {
    size_t exchanges, complete, reset;
    uint64_t bytes; // of bodies that arrived
};

struct sim_result sim_run(struct chance *chance, size_t steps);
