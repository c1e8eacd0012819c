// SPDX-License-Identifier: MIT
// How far a command is, for who waits at a terminal.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct progress {
    uint64_t began_ns, told_ns; // by a clock that is never set; told 0: not yet
    bool wanted;                // stderr is a terminal
};

void progress_begin(struct progress *p);
// Tells of it on stderr once it has taken a second, and then now and again.
void progress_tell(struct progress *p, uint64_t exchanges);
// Takes the line away.
void progress_end(struct progress *p);
