// SPDX-License-Identifier: MIT
#include "log.h"
#include <stdarg.h>
#include <stdio.h>

enum {
    LINE_MAX_BYTES = 1024
};

struct logger {
    const char *program;
    enum log_level level;
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): the log level
static struct logger logger = {"adit", LOG_INFO};

void log_init(const char *program, enum log_level level)
{
    logger.program = program;
    logger.level = level;
}

// What came from a peer may not move the cursor of the terminal that shows it.
static void disarm(char *line)
{
    for (; *line; line++)
        if ((unsigned char)*line < 0x20 || (unsigned char)*line >= 0x7f)
            *line = '?';
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    if (level > logger.level)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    disarm(line);
    (void)fprintf(stderr, "%s: %s\n", logger.program, line);
}
