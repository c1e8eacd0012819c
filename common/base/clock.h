// SPDX-License-Identifier: MIT
// The clock that is never set and runs on while nothing waits for it.
#pragma once
#include <stdint.h>
#include <time.h>

// Nanoseconds since some moment before the program began (CLOCK_MONOTONIC, as uv_hrtime has it).
static inline uint64_t clock_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// Nanoseconds since 1970 by the system's clock, which may be set.
static inline int64_t wall_clock_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
