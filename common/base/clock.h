// SPDX-License-Identifier: MIT
// The monotonic clock and the wall clock.
#pragma once
#include <stdint.h>
#include <time.h>

// Nanoseconds of CLOCK_MONOTONIC, the clock of uv_hrtime; comparable within one boot only.
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
