// SPDX-License-Identifier: MIT
// Allocations that fail at will: malloc, calloc, realloc and strdup of the calling thread, in the
// test and in all that is linked into it statically; those of shared libraries never fail. Only for
// tests that tests/CMakeLists.txt links with --wrap (`failing_units`).
#pragma once
#include <stdbool.h>

// From now on the allocation `first`, counted from 1, fails, and so do the ones behind it, `count`
// in all. 0: none fails.
void failing_memory_begin(unsigned first, unsigned count);
// From now on none fails or counts. Returns how many were made since failing_memory_begin.
unsigned failing_memory_end(void);
// Between the two none fails or counts: what a test allocates itself.
void failing_memory_pause(void);
void failing_memory_resume(void);
// Whether one has failed since the last failing_memory_begin.
bool failing_memory_has_failed(void);

// Runs `trial` with its first allocation failing, with its second and so on, until it runs without
// a failure. Then the same with all allocations failing from the first on, from the second on and
// so on. A trial calls failing_memory_end before it checks and frees, or at its end. Returns the
// number of allocations of the trial that had no failure.
unsigned failing_memory_each(void (*trial)(void *ctx), void *ctx);
