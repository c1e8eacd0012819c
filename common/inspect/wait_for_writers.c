// SPDX-License-Identifier: MIT
// Waits until the record has what is over: of programs that were killed, whose spools are indexed
// here, and of those that record. Shows how far that is.
#include "command.h"
#include "common/base/clock.h"
#include "common/record/flush_wait.h"
#include "common/record/record.h"
#include "common/record/spool/spool_marks.h"
#include "common/record/write/recover.h"
#include "progress.h"

enum {
    SHOW_AFTER_MS = 500,  // on a terminal
    TELL_AFTER_MS = 3000, // elsewhere, one line
    // `requests --follow` lists what there is when a writer is stuck for this long: later exchanges
    // still follow.
    FOLLOW_SILENT_MS = FLUSH_PROGRESS_MS + 200,
    FOLLOW_STANDSTILL_MS = 2000
};

struct waiting {
    const struct inspect_call *call;
    struct progress progress;
    bool told;
};

static void tell_once(struct waiting *w, int percent)
{
    if (w->told || percent < 0 ||
        clock_ns() - w->progress.began_ns < TELL_AFTER_MS * (uint64_t)1000000)
        return;
    w->told = true;
    (void)fprintf(stderr, "%s %s: waiting until the newest exchanges are indexed (%d %% are)\n",
                  w->call->program->name, w->call->name, percent);
}

static void show(void *ctx, int percent)
{
    struct waiting *w = ctx;
    char line[64] = "waiting for the programs that record";
    if (percent >= 0)
        (void)snprintf(line, sizeof(line), "indexing the newest exchanges: %d %%", percent);
    if (!w->progress.wanted)
        tell_once(w, percent);
    else if (percent < 100)
        progress_show_line(&w->progress, line, SHOW_AFTER_MS);
    else
        progress_end(&w->progress);
}

static void show_recovery(void *ctx, unsigned percent)
{
    show(ctx, (int)percent);
}

static void print_broken(void *ctx)
{
    struct waiting *w = ctx;
    progress_end(&w->progress);
    (void)fprintf(stderr,
                  "%s %s: some events of a program that was killed are damaged or missing: "
                  "exchanges that ran then are not in the record, or not whole\n",
                  w->call->program->name, w->call->name);
}

// A record that may not be changed is read as it is.
static bool recover(struct waiting *w, const char *dir)
{
    const struct record_recovery how = {
        .waits = true,
        .as_owner = true,
        .progress = show_recovery,
        .broken = print_broken,
        .ctx = w,
    };
    int error = record_recover(dir, &how);
    progress_end(&w->progress);
    if (error)
        (void)fprintf(stderr,
                      "%s %s: the newest exchanges of a program that was killed are missing: they "
                      "cannot be moved from %s/spool into the record: %s\n",
                      w->call->program->name, w->call->name, dir, record_errstr(error));
    return error == 0;
}

static void print_stuck(const struct inspect_call *call, pid_t pid)
{
    char writer[64] = "a program that records";
    if (pid > 0)
        (void)snprintf(writer, sizeof(writer), "process %ld, which records,", (long)pid);
    (void)fprintf(stderr,
                  "%s %s: the newest exchanges may be missing: %s has not written all yet\n",
                  call->program->name, call->name, writer);
}

static void print_unasked(const struct inspect_call *call, const char *dir)
{
    (void)fprintf(stderr,
                  "%s %s: the newest exchanges may be missing: a program that cannot be asked from "
                  "here, in a container perhaps, still has events in %s/spool\n",
                  call->program->name, call->name, dir);
}

static bool flush(struct waiting *w, const char *dir)
{
    const struct inspect_call *call = w->call;
    const struct flush_wait how = {
        .reports = call->compares,
        .silent_ms = call->follows ? FOLLOW_SILENT_MS : FLUSH_WAIT_MS,
        .standstill_ms = call->follows ? FOLLOW_STANDSTILL_MS : FLUSH_STANDSTILL_MS,
        .show = show,
        .ctx = w,
    };
    pid_t pid = 0;
    progress_begin(&w->progress);
    bool written = flush_wait(dir, &how, &pid);
    progress_end(&w->progress);
    if (!written && !call->follows)
        print_stuck(call, pid);
    return written;
}

// A program that has answered has removed the bytes that its spool had before, and the recovery
// those of dead programs: the ones that stay are a live program's that was not asked.
bool inspect_wait_for_writers(const struct inspect_call *call, const char *dir)
{
    struct waiting w = {.call = call};
    struct spool_marks before = {0};
    bool marked = spool_marks_take(&before, dir);
    bool written = flush(&w, dir);
    // Afterwards: a program may have ended while it was asked.
    progress_begin(&w.progress);
    bool recovered = recover(&w, dir);
    bool removed = marked && spool_marks_left(&before, dir) == 0;
    spool_marks_deinit(&before);
    if (written && recovered && !removed && !call->follows)
        print_unasked(call, dir);
    return written && recovered && removed;
}
