// SPDX-License-Identifier: MIT
// Assertions of tests and fuzz targets alike: a failure says where, and in what run, and aborts.
#pragma once

#define CHECK(condition)                                  \
    do {                                                  \
        if (!(condition))                                 \
            check_failed(__FILE__, __LINE__, #condition); \
    } while (0)

__attribute__((noreturn)) void check_failed(const char *file, int line, const char *condition);

// What a failure is to name besides its place, a seed for example; printf-like, cut to size.
__attribute__((format(printf, 1, 2))) void check_context(const char *format, ...);
