// SPDX-License-Identifier: MIT
// Lines on standard error: "aditd: text". The program's name is set once at start; from then on
// nobody waits for who reads them (common/writer.h), and what is left is written at exit.
#pragma once

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG
};

void log_init(const char *program, enum log_level level);
// Writes what is left, as exit() does by itself: for who ends by _exit().
void log_end(void);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
