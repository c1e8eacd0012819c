// SPDX-License-Identifier: MIT
// The log: lines on standard error (docs/operations.md "The log"). A command writes "adit: text"; a
// service adds time and level:
//   2026-01-31T12:00:01.250Z warn aditd: text
// To systemd's journal, which has time and name itself, both write "<4>text". Program and form are
// set once at start. From then on a thread writes (line_writer.h), so that no caller waits; lines
// that still wait are written at exit.
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

// Starts the log of a command, or of a service. Lines above `level` are left out.
void log_init(const char *program, enum log_level level);
void log_init_service(const char *program, enum log_level level);
// Writes the lines that still wait. exit() does so by itself; callers of _exit() must call this.
void log_end(void);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Whether lines of this level are written.
bool log_enabled(enum log_level level);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

enum {
    LOG_TIME_MAX = 32
};

// Writes a time in ns since 1970 as "2026-01-31T12:00:01.250Z" (RFC 3339); years beyond 9999 become
// 9999.
void log_time_text(int64_t ns, char out[static LOG_TIME_MAX]);
// Whether a descriptor is systemd's journal: its "device:inode" is JOURNAL_STREAM's value.
bool log_is_journal(int fd, const char *journal_stream);
