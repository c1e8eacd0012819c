// SPDX-License-Identifier: MIT
// Assertions for tests and fuzz targets: a failure prints its place and context, and aborts.
#pragma once

#define CHECK(condition)                                  \
    do {                                                  \
        if (!(condition))                                 \
            check_failed(__FILE__, __LINE__, #condition); \
    } while (0)

__attribute__((noreturn)) void check_failed(const char *file, int line, const char *condition);

// Sets the context that a failure prints, a seed for example; printf-like, cut to size.
__attribute__((format(printf, 1, 2))) void check_context(const char *format, ...);
