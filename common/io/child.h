// SPDX-License-Identifier: MIT
// Another program that runs beside the loop, with few rights and for a bounded time. It gets no
// standard input and the environment of this process but for ADIT_TOKEN; what it prints comes line
// by line.
#pragma once
#include "loop.h"

enum {
    CHILD_ARGS_MAX = 48,            // of its command line
    CHILD_LINE_MAX = 1024,          // bytes of a line; the rest of a longer one is left out
    CHILD_KILL_MS = 5 * 1000,       // between SIGTERM and SIGKILL
    CHILD_DRAIN_MS = 1000,          // for output that its own children hold open
    CHILD_FILES_MAX = 256,          // descriptors that it may open
    CHILD_FILE_KIB = 16 * 1024,     // of a file that it writes
    CHILD_PROCESSOR_SECONDS = 120,  // that it may use
    CHILD_OUTPUT_MAX = 1024 * 1024, // bytes that it prints; the rest is discarded
};

struct child;

struct child_events {
    // A line of its output, without its end: printable text.
    void (*line)(struct child *c, const char *text);
    // The program has ended, and all its output has come. `status` is that of its exit, or -1 when
    // a signal or the time limit ended it. `c` may be started again.
    void (*ended)(struct child *c, int status);
};

// Embedded; the caller sets `events`, the rest is zero.
struct child {
    const struct child_events *events;
    struct loop *loop;
    uv_process_t process;
    uv_pipe_t output;
    struct timeout limit; // then between SIGTERM and SIGKILL
    char line[CHILD_LINE_MAX];
    size_t line_len;
    size_t printed; // bytes of output
    int64_t status; // of the exit
    int signal;     // that ended it; 0: none
    uint8_t open;   // handles that are open
    bool stopped;   // child_stop, or the time limit
    bool started;   // child_start has succeeded, and `ended` was not called yet
    bool silent;    // child_abandon: no event is told any more
};

// Starts `argv[0]`, found by PATH, in a session of its own: without capabilities, unable to gain
// rights, and with the limits above; it dies with this process. Arguments can be seen by all users:
// no secret may stand there. Returns 0 or a libuv error.
int child_start(struct child *c, struct loop *l, const char *const *argv, uint32_t limit_ms);
// Asks it to end, and forces it to after CHILD_KILL_MS. `ended` follows. Does nothing when it does
// not run.
void child_stop(struct child *c);
// Kills it at once and tells no more events; its handles close as the loop runs on.
void child_abandon(struct child *c);
