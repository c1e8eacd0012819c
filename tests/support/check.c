// SPDX-License-Identifier: MIT
#include "check.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static char context[256];

void check_context(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(context, sizeof(context), format, args);
    va_end(args);
}

void check_failed(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "%s:%d: %s\n", file, line, condition);
    if (context[0])
        (void)fprintf(stderr, "in: %s\n", context);
    abort();
}
