// SPDX-License-Identifier: MIT
#include "requests_follow.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include "common/io/signals.h"

enum {
    POLL_MS = 150,
    RUNNING_MAX = 65536,      // running exchanges whose ends are printed; others end unseen
    CHECK_RUNNING_EVERY = 10, // polls; without a write, too: a recorder may have died
    OPEN_TRIES_MAX = 20,      // of a record that has just been created, until it can be read
    REPORT_EVERY = 40,        // polls between two reports of losses
    ASK_EVERY = 7,            // polls, a second: writers under load index what readers ask for
};

static size_t running_count(const struct follow *f)
{
    return buf_len(&f->running) / sizeof(int64_t);
}

static bool add_running(struct follow *f, int64_t seq)
{
    return running_count(f) >= RUNNING_MAX || buf_append(&f->running, &seq, sizeof(seq));
}

// Makes `x` the newest exchange that was read.
static void mark_read(struct follow *f, const struct record_exchange *x)
{
    f->last_seq = x->seq;
    if (x->began_ns > f->last_began_ns)
        f->last_began_ns = x->began_ns;
    memcpy(f->last_id, x->id, sizeof(f->last_id));
}

bool follow_init(struct follow *f)
{
    struct record_exchange x;
    bool ok = true;
    if (record_reader_get(f->reader, record_reader_newest(f->reader), &x) == 1)
        mark_read(f, &x);
    for (int64_t seq = 0; ok && running_count(f) < RUNNING_MAX;) {
        seq = record_reader_running(f->reader, seq);
        if (seq == 0 || seq > f->last_seq)
            break;
        ok = add_running(f, seq);
    }
    return ok;
}

void follow_deinit(struct follow *f)
{
    buf_free(&f->running);
    flush_asks_deinit(&f->asks);
}

// Keeps the running exchanges for which `keep` is true.
static void filter_running(struct follow *f,
                           bool (*keep)(struct follow *f, int64_t seq, int64_t arg), int64_t arg)
{
    struct buf *b = &f->running;
    size_t kept = 0;
    size_t count = running_count(f);
    for (size_t i = 0; i < count; i++) {
        int64_t seq = 0;
        memcpy(&seq, buf_at(b) + i * sizeof(seq), sizeof(seq));
        if (!keep(f, seq, arg))
            continue;
        memcpy(buf_at(b) + kept * sizeof(seq), &seq, sizeof(seq));
        kept++;
    }
    b->end = b->start + kept * sizeof(int64_t);
}

static bool is_other(struct follow *f, int64_t seq, int64_t arg)
{
    (void)f;
    return seq != arg;
}

void follow_ended(struct follow *f, int64_t seq)
{
    filter_running(f, is_other, seq);
}

static void print_match(struct follow *f, const struct record_exchange *x)
{
    if (record_reader_match(f->reader, f->filter, x))
        row_print(&f->printer, x);
}

// Prints an exchange that has ended meanwhile. Returns whether it still runs.
static bool still_runs(struct follow *f, int64_t seq, int64_t arg)
{
    struct record_exchange x;
    (void)arg;
    int status = record_reader_get(f->reader, seq, &x);
    if (status == 1 && x.outcome.len > 0)
        print_match(f, &x);
    return status < 0 || (status == 1 && x.outcome.len == 0);
}

// Checks that last_seq is still the same exchange: rows of deleted exchanges are used again. If
// not, goes back to the newest one that had begun by then. Returns 0 or an error.
static int find_place(struct follow *f)
{
    struct record_exchange x;
    int status = record_reader_get(f->reader, f->last_seq, &x);
    if (status != 0 && (status < 0 || strcmp(x.id, f->last_id) == 0))
        return status < 0 ? -status : 0;
    f->last_seq = 0;
    int error = record_reader_query(f->reader, &(struct record_query){0});
    while (!error && (status = record_reader_next(f->reader, &x)) == 1)
        if (x.began_ns <= f->last_began_ns) {
            mark_read(f, &x);
            break;
        }
    return status < 0 ? -status : error;
}

static int print_new(struct follow *f)
{
    struct record_exchange x;
    int gone = find_place(f);
    if (gone)
        return gone;
    struct record_query query = {.oldest_first = true, .after_seq = f->last_seq};
    int error = record_reader_query(f->reader, &query);
    int status = error ? -error : 1;
    while (status > 0 && (status = record_reader_next(f->reader, &x)) == 1) {
        mark_read(f, &x);
        print_match(f, &x);
        if (x.outcome.len == 0 && !add_running(f, x.seq))
            status = -RECORD_E_MEMORY;
    }
    return -status;
}

static void report_losses(struct follow *f)
{
    struct record_losses losses;
    if (record_reader_losses(f->reader, &losses) ||
        (losses.shed == f->shed && losses.shed_bytes == f->shed_bytes &&
         losses.trouble_writer == f->trouble_writer))
        return;
    f->trouble_writer = losses.trouble_writer;
    f->shed = losses.shed;
    f->shed_bytes = losses.shed_bytes;
    inspect_losses(f->call, f->reader);
}

// Waits for POLL_MS. False: stop, because of a signal. Dies of SIGPIPE when the reader of stdout
// has left, as a write would, whether there was something to write by then or not.
static bool wait_for_next_poll(int signals)
{
    struct pollfd fds[2] = {{.fd = signals, .events = POLLIN}, {.fd = STDOUT_FILENO}};
    if (poll(fds, 2, POLL_MS) < 0 || fds[0].revents & POLLIN)
        return false;
    if (fds[1].revents)
        (void)raise(SIGPIPE);
    return !fds[1].revents;
}

// Whether there is a record that can be opened, or one that cannot be opened after many tries,
// whose error inspect_open prints.
static bool is_there(const char *dir, unsigned *tries)
{
    char path[STATE_PATH_MAX + 16];
    char why[RECORD_WHY_MAX];
    record_path(dir, path);
    if (access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR))
        return false;
    struct record_reader *r = record_reader_open(dir, why); // tables may not be created yet
    record_reader_close(r);
    return r || ++*tries >= OPEN_TRIES_MAX;
}

static void print_that_it_waits(const struct inspect_call *call, const char *dir)
{
    bool relay = strcmp(call->program->name, "aditd") == 0;
    (void)fprintf(stderr, "%s %s: there is no record yet in ", call->program->name, call->name);
    write_safe(stderr, slice_str(dir));
    (void)fprintf(stderr, "; waiting until %s creates one; Ctrl-C ends this\n",
                  relay ? "aditd" : "adit http 8080");
}

bool follow_wait_for_record(struct inspect_call *call)
{
    struct signals_blocked signals;
    char dir[STATE_PATH_MAX];
    unsigned tries = 0;
    if (!inspect_directory(call, dir))
        return false;
    bool there = is_there(dir, &tries);
    if (there || tries > 0 || !signals_block(&signals))
        return true;
    print_that_it_waits(call, dir);
    while (!there && wait_for_next_poll(signals.fd))
        there = is_there(dir, &tries);
    signals_unblock(&signals);
    if (!there)
        call->exit_status = INSPECT_OK;
    return there;
}

static int follow_until(struct follow *f, int signals)
{
    int64_t version = -1;
    for (uint64_t round = 0;; round++) {
        int64_t now = record_reader_version(f->reader);
        if (now != version || round % CHECK_RUNNING_EVERY == 0)
            filter_running(f, still_runs, 0);
        int error = now != version ? print_new(f) : 0;
        if (error && error != RECORD_E_BUSY)
            return inspect_fail(f->call, "cannot read the record: ", record_errstr(error));
        if (!error) // a busy record is read again at the next poll
            version = now;
        if (round % REPORT_EVERY == 0)
            report_losses(f);
        record_reader_end(f->reader);
        flush_asks_close_answered(&f->asks);
        if (round % ASK_EVERY == ASK_EVERY - 1)
            flush_asks_repeat(&f->asks, f->call->directory);
        if (fflush(stdout) || ferror(stdout))
            return inspect_end(f->call, INSPECT_FAILED);
        if (!wait_for_next_poll(signals))
            return INSPECT_OK;
    }
}

int follow_run(struct follow *f)
{
    struct signals_blocked signals;
    if (!signals_block(&signals))
        return inspect_fail(f->call, "cannot wait for signals", "");
    int status = follow_until(f, signals.fd);
    signals_unblock(&signals);
    return status;
}
