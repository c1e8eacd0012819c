// SPDX-License-Identifier: MIT
#include "log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "printable.h"
#include "writer.h"

enum {
    LINE_MAX_BYTES = 1024
};

struct logger {
    const char *program;
    enum log_level level;
    struct writer *writer; // NULL: lines are written at once
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): the log and its level
static struct logger logger = {"adit", LOG_INFO, NULL};

void log_end(void)
{
    writer_free(logger.writer);
    logger.writer = NULL;
}

void log_init(const char *program, enum log_level level)
{
    logger.program = program;
    logger.level = level;
    if (logger.writer)
        return;
    logger.writer = writer_new(STDERR_FILENO, program, 0);
    if (logger.writer)
        (void)atexit(log_end);
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    if (level > logger.level)
        return;
    (void)snprintf(line, sizeof(line) - 1, "%s: ", logger.program);
    size_t len = strlen(line);
    va_start(args, format);
    (void)vsnprintf(line + len, sizeof(line) - 1 - len, format, args);
    va_end(args);
    len = strlen(line);
    printable_disarm_line(line, len);
    line[len++] = '\n';
    if (logger.writer)
        writer_line(logger.writer, line, len);
    else
        (void)fwrite(line, 1, len, stderr);
}
