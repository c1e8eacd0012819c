// SPDX-License-Identifier: MIT
// Lines on standard error (docs/operations.md "The log"). A command that somebody watches says
// "adit: text"; a service says when and how grave it is, too:
//   2026-01-31T12:00:01.250Z warn aditd: text
// Where standard error is the journal of systemd, both say "<4>text", for the journal has the time
// and the name. The program's name and the form are set once at start; from then on nobody waits
// for who reads the lines (common/base/line_writer.h), and what is left is written at exit.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG
};

// For a command, and for a service.
void log_init(const char *program, enum log_level level);
void log_init_service(const char *program, enum log_level level);
// Writes what is left, as exit() does by itself: for who ends by _exit().
void log_end(void);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Whether lines of this level are written at all.
bool log_enabled(enum log_level level);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

enum {
    LOG_TIME_MAX = 32
};

// "2026-01-31T12:00:01.250Z" (RFC 3339) of a time in ns since 1970; years beyond 9999 are 9999.
void log_time_text(int64_t ns, char out[static LOG_TIME_MAX]);
// Whether this descriptor is the journal: JOURNAL_STREAM, as systemd sets it, is its
// "device:inode".
bool log_is_journal(int fd, const char *journal_stream);
