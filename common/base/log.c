// SPDX-License-Identifier: MIT
#include "log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "line_writer.h"
#include "printable.h"

enum {
    LINE_MAX_BYTES = 1024
};

// The prefix of a line.
enum log_form {
    FORM_NAME,    // "adit: "
    FORM_DATED,   // "2026-01-31T12:00:01.250Z warn aditd: "
    FORM_JOURNAL, // "<4>"
};

struct logger {
    const char *program;
    enum log_level level;
    enum log_form form;
    struct line_writer *writer; // NULL: lines are written at once
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): one log per process
static struct logger logger = {"adit", LOG_INFO, FORM_NAME, NULL};

// Names, and syslog priorities (RFC 5424 §6.2.1) for the journal.
static const struct {
    const char *name;
    int priority;
} levels[] = {
    [LOG_ERROR] = {"error", 3},
    [LOG_WARN] = {"warn", 4},
    [LOG_INFO] = {"info", 6},
    [LOG_DEBUG] = {"debug", 7},
};

void log_end(void)
{
    line_writer_free(logger.writer);
    logger.writer = NULL;
}

bool log_is_journal(int fd, const char *journal_stream)
{
    char is[48];
    struct stat st;
    if (!journal_stream || fstat(fd, &st))
        return false;
    (void)snprintf(is, sizeof(is), "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    return strcmp(is, journal_stream) == 0;
}

void log_time_text(int64_t ns, char out[static LOG_TIME_MAX])
{
    const int64_t last = 253402300799; // the last second of 9999
    int64_t second = ns / 1000000000;
    time_t t = (time_t)(second > last ? last : second);
    struct tm tm;
    char text[LOG_TIME_MAX] = "";
    if (!gmtime_r(&t, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        text[0] = 0;
    (void)snprintf(out, LOG_TIME_MAX, "%.19s.%03uZ", text, (unsigned)(ns % 1000000000 / 1000000));
}

// Writes the prefix of a line. Returns its length.
static size_t write_prefix(enum log_level level, char *out, size_t cap)
{
    char at[LOG_TIME_MAX];
    struct timespec now = {0};
    int len = 0;
    switch (logger.form) {
    case FORM_NAME: len = snprintf(out, cap, "%s: ", logger.program); break;
    case FORM_JOURNAL: len = snprintf(out, cap, "<%d>", levels[level].priority); break;
    case FORM_DATED:
        (void)clock_gettime(CLOCK_REALTIME, &now);
        log_time_text((int64_t)now.tv_sec * 1000000000 + now.tv_nsec, at);
        len = snprintf(out, cap, "%s %s %s: ", at, levels[level].name, logger.program);
        break;
    }
    return len > 0 ? (size_t)len : 0;
}

// The prefix of the writer's own lines.
static size_t write_warning_prefix(char *out, size_t cap)
{
    return write_prefix(LOG_WARN, out, cap);
}

static void init(const char *program, enum log_level level, enum log_form form)
{
    logger.program = program;
    logger.level = level;
    logger.form = log_is_journal(STDERR_FILENO, getenv("JOURNAL_STREAM")) ? FORM_JOURNAL : form;
    if (logger.writer)
        return;
    logger.writer = line_writer_new(STDERR_FILENO, program, 0);
    if (!logger.writer)
        return;
    line_writer_set_prefix(logger.writer, write_warning_prefix);
    (void)atexit(log_end);
}

void log_init(const char *program, enum log_level level)
{
    init(program, level, FORM_NAME);
}

void log_init_service(const char *program, enum log_level level)
{
    init(program, level, FORM_DATED);
}

bool log_enabled(enum log_level level)
{
    return level <= logger.level;
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    if (!log_enabled(level))
        return;
    size_t len = write_prefix(level, line, sizeof(line) - 1);
    va_start(args, format);
    (void)vsnprintf(line + len, sizeof(line) - 1 - len, format, args);
    va_end(args);
    len = strlen(line);
    printable_sanitize_line(line, len);
    line[len++] = '\n';
    if (logger.writer)
        line_writer_put(logger.writer, line, len);
    else
        (void)fwrite(line, 1, len, stderr);
}
