// SPDX-License-Identifier: MIT
#include "requests_follow.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include "common/io/signals.h"

enum {
    POLL_MS = 150,
    RUNNING_MAX = 65536, // running exchanges whose end is waited for
    LOOK_EVERY = 10,     // polls after which those are looked at anyway: a recorder may have died
    LOOKS_MAX = 20,      // at a record that has just been made, until it can be read
    TELL_EVERY = 40,     // polls between two words on what was shed
};

static size_t running_count(const struct follow *f)
{
    return buf_len(&f->running) / sizeof(int64_t);
}

static bool add_running(struct follow *f, int64_t seq)
{
    return running_count(f) >= RUNNING_MAX || buf_append(&f->running, &seq, sizeof(seq));
}

static void look_at(struct follow *f, const struct record_exchange *x)
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
        look_at(f, &x);
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
}

// Keeps those of the waiting for which `keep` is true.
static void sift(struct follow *f, bool (*keep)(struct follow *f, int64_t seq, int64_t arg),
                 int64_t arg)
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
    sift(f, is_other, seq);
}

static void print_match(struct follow *f, const struct record_exchange *x)
{
    if (record_reader_match(f->reader, f->filter, x))
        row_print(&f->printer, x);
}

static bool still_runs(struct follow *f, int64_t seq, int64_t arg)
{
    struct record_exchange x;
    (void)arg;
    int status = record_reader_get(f->reader, seq, &x);
    if (status == 1 && x.outcome.len > 0)
        print_match(f, &x);
    return status < 0 || (status == 1 && x.outcome.len == 0);
}

// When the newest exchanges are deleted their rows are used again, and ours may be another's by
// now: then we go back to the newest that had begun when we looked.
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
            look_at(f, &x);
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
        look_at(f, &x);
        print_match(f, &x);
        if (x.outcome.len == 0 && !add_running(f, x.seq))
            status = -RECORD_E_MEMORY;
    }
    return -status;
}

static void tell_losses(struct follow *f)
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

// Waits for a while. False: it is over, since somebody said so or nobody reads any more.
static bool wait_a_while(int signals)
{
    struct pollfd fds[2] = {{.fd = signals, .events = POLLIN}, {.fd = STDOUT_FILENO}};
    return poll(fds, 2, POLL_MS) >= 0 && !(fds[0].revents & POLLIN) && !fds[1].revents;
}

// Whether there is a record, or something else in its place, of which opening it will tell.
static bool is_there(const char *dir, unsigned *looks)
{
    char path[STATE_PATH_MAX + 16];
    char why[RECORD_WHY_MAX];
    record_path(dir, path);
    if (access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR))
        return false;
    struct record_reader *r = record_reader_open(dir, why); // its tables may be missing still
    record_reader_close(r);
    return r || ++*looks >= LOOKS_MAX;
}

static void say_that_it_waits(const struct inspect_call *call, const char *dir)
{
    bool relay = strcmp(call->program->name, "aditd") == 0;
    (void)fprintf(stderr, "%s %s: there is no record yet in ", call->program->name, call->name);
    write_safe(stderr, slice_str(dir));
    (void)fprintf(stderr, "; waiting for %s to make one, until Ctrl-C\n",
                  relay ? "aditd" : "adit http 8080");
}

bool follow_wait_for_record(struct inspect_call *call)
{
    struct signals_held signals;
    char dir[STATE_PATH_MAX];
    unsigned looks = 0;
    if (!inspect_directory(call, dir))
        return false;
    bool there = is_there(dir, &looks);
    if (there || looks > 0 || !signals_hold(&signals))
        return true;
    say_that_it_waits(call, dir);
    while (!there && wait_a_while(signals.fd))
        there = is_there(dir, &looks);
    signals_release(&signals);
    if (!there)
        call->exit_status = INSPECT_OK;
    return there;
}

static int follow_until(struct follow *f, int signals)
{
    int64_t version = -1;
    for (uint64_t round = 0;; round++) {
        int64_t now = record_reader_version(f->reader);
        if (now != version || round % LOOK_EVERY == 0)
            sift(f, still_runs, 0);
        int error = now != version ? print_new(f) : 0;
        if (error && error != RECORD_E_BUSY)
            return inspect_fail(f->call, "cannot read the record: ", record_errstr(error));
        version = now;
        if (round % TELL_EVERY == 0)
            tell_losses(f);
        record_reader_end(f->reader);
        if (fflush(stdout) || ferror(stdout))
            return inspect_end(f->call, INSPECT_FAILED);
        if (!wait_a_while(signals))
            return INSPECT_OK;
    }
}

int follow_run(struct follow *f)
{
    struct signals_held signals;
    if (!signals_hold(&signals))
        return inspect_fail(f->call, "cannot wait for signals", "");
    int status = follow_until(f, signals.fd);
    signals_release(&signals);
    return status;
}
