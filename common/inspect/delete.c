// SPDX-License-Identifier: MIT
// `delete`: asks, then erases exchanges from the record and from the bytes of its files.
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "command.h"
#include "common/record/write/erase.h"
#include "common/record/write/scrub.h"
#include "json_writer.h"
#include "text.h"

static const char help[] =
    "@ delete: deletes recorded exchanges, their bodies and messages, for good.\n"
    "\n"
    "  @ delete 'until=7d'                     what began more than 7 days ago\n"
    "  @ delete 'host=web path=/login' --yes   without asking\n"
    "  @ delete --all                          everything\n"
    "\n"
    "Prints how many there are and asks, unless --yes is given. Exchanges that still\n"
    "run stay. Programs may go on recording.\n"
    "\n"
    "  -y, --yes            do not ask; required without a terminal\n"
    "  --all                all exchanges, and damaged records that were put aside;\n"
    "                       without it a filter is required\n"
    "  --json               the result as one JSON object (docs/json.md)\n";

static const char statuses[] =
    "Exit status: 0 success, 1 failure, or the answer was no, 2 wrong usage.\n";

struct deletion {
    bool yes, all, json;
    char dir[STATE_PATH_MAX];
    struct filter *filter;
    struct record_reader *reader;
    int64_t last;              // the newest row when the user was asked: later ones stay
    uint64_t matches, running; // exchanges found that have ended, and that run
    uint64_t kept;             // bytes of the matches in the record
    uint64_t count, bytes;     // deleted
    size_t damaged;            // damaged records that were put aside and still exist
    bool left;                 // deleted bytes are still in the files: a reader blocks the erasing
};

static void take(struct inspect_call *call, int option, const char *value)
{
    struct deletion *d = call->ctx;
    (void)value;
    switch (option) {
    case 'y': d->yes = true; return;
    case 'a': d->all = true; return;
    case 'j': d->json = true; return;
    default: return;
    }
}

static uint64_t bytes_of(const struct record_exchange *x)
{
    return x->body[0].kept + x->body[1].kept + x->request_head.len + x->response_head.len;
}

static int count_matches(struct deletion *d)
{
    struct record_exchange x;
    d->last = record_reader_newest(d->reader);
    int error = record_reader_query(d->reader, &(struct record_query){.filter = d->filter});
    int status = -error;
    while (!error && (status = record_reader_next(d->reader, &x)) == 1) {
        if (x.seq > d->last)
            continue;
        d->matches += x.outcome.len > 0;
        d->running += x.outcome.len == 0;
        d->kept += x.outcome.len > 0 ? x.size : 0;
    }
    return status < 0 ? -status : 0;
}

static bool is_agreed(const struct deletion *d)
{
    char size[TEXT_NUMBER_MAX];
    char answer[16] = "";
    (void)fprintf(stderr, "Delete %" PRIu64 " exchange%s (about %s) from ", d->matches,
                  text_plural(d->matches), text_size(d->kept, size));
    write_safe(stderr, slice_str(d->dir));
    (void)fputs("? [y/N] ", stderr);
    (void)fflush(stderr);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

// Finds the next matches after row `*after`, as many as are deleted at once; `*after` becomes the
// last row that was read.
static int find_batch(struct deletion *d, int64_t *after, struct erase_target *targets, size_t *n)
{
    struct record_exchange x;
    uint64_t bytes = 0;
    struct record_query query = {d->filter, true, *after};
    int error = record_reader_query(d->reader, &query);
    int status = -error;
    *n = 0;
    while (!error && *n < ERASE_BATCH && bytes < ERASE_BATCH_BYTES &&
           (status = record_reader_next(d->reader, &x)) == 1 && x.seq <= d->last) {
        *after = x.seq;
        if (x.outcome.len == 0)
            continue;
        struct erase_target *t = &targets[(*n)++];
        *t = (struct erase_target){.seq = x.seq};
        t->recorder_gone = slice_eq(x.outcome, SLICE("recorder gone"));
        memcpy(t->id, x.id, sizeof(t->id));
        bytes += bytes_of(&x);
    }
    record_reader_end(d->reader);
    return status < 0 ? -status : 0;
}

static int erase_all(struct deletion *d)
{
    struct erase_target targets[ERASE_BATCH];
    struct record_eraser *e = NULL;
    int64_t after = 0;
    size_t n = 1;
    int error = record_eraser_open(d->dir, &e);
    while (!error && n > 0) {
        error = find_batch(d, &after, targets, &n);
        if (!error && n > 0)
            error = record_erase(e, targets, n, &d->count, &d->bytes);
    }
    if (!error)
        error = record_erase_finish(e, &d->left);
    record_eraser_close(e);
    return error;
}

static void print_result(const struct inspect_call *call, const struct deletion *d)
{
    char size[TEXT_NUMBER_MAX];
    struct json_writer w = {.out = stdout};
    if (!d->json) {
        (void)printf("deleted %" PRIu64 " exchange%s, %s\n", d->count, text_plural(d->count),
                     text_size(d->bytes, size));
        if (d->running > 0)
            (void)printf("left alone: %" PRIu64 " that still run\n", d->running);
        return;
    }
    json_open(&w, NULL, '{');
    json_count(&w, "deleted", d->count);
    json_count(&w, "bytes", d->bytes);
    json_count(&w, "running", d->running);
    json_bool(&w, "overwritten", !d->left && !call->is_behind);
    json_count(&w, "damaged_records_left", d->damaged);
    json_close(&w, '}');
    json_end_line(&w);
}

// Says which deleted bytes a search of the files may still find. Returns the exit status.
static int report_left(const struct inspect_call *call, const struct deletion *d)
{
    if (d->damaged > 0)
        (void)fprintf(stderr,
                      "%s %s: damaged records that were put aside are still there "
                      "(record.db.damaged-*): --all deletes them\n",
                      call->program->name, call->name);
    if (!d->left && call->is_behind)
        return inspect_fail(call,
                            "not everything is deleted, or deleted bytes are still in the spool "
                            "(see above): run this again",
                            "");
    if (!d->left)
        return INSPECT_OK;
    return inspect_fail(
        call,
        "not everything is deleted, or deleted bytes are still in the files, because a program "
        "keeps the record open for reading (a pager perhaps, or sqlite3): end it, and run this "
        "again",
        "");
}

static int run(struct inspect_call *call, struct deletion *d)
{
    int error = count_matches(d);
    if (error)
        return inspect_fail(call, "cannot read the record: ", record_errstr(error));
    d->damaged = record_erase_damaged(d->dir, false);
    bool asks = d->matches > 0 || (d->all && d->damaged > 0);
    if (asks && !d->yes && !is_agreed(d))
        return inspect_fail(call, "nothing was deleted", "");
    error = erase_all(d); // even without matches: overwrites what earlier deletions left
    // Rows may have been written since the writers were asked: their events are in a spool, too.
    if (!error && !call->is_behind)
        call->is_behind = !inspect_wait_for_writers(call, d->dir);
    if (d->all)
        d->damaged -= record_erase_damaged(d->dir, true);
    const bool stands = d->left || error == RECORD_READER_STALLED;
    d->left = d->left || error != 0;
    print_result(call, d);
    if (error == RECORD_NO_PAGE_MAP)
        return inspect_fail(
            call,
            "everything is deleted, but its bytes may still be in the file, which another program "
            "created: end all programs that use it, and run sqlite3 record.db 'PRAGMA "
            "auto_vacuum=2; VACUUM' in ",
            d->dir);
    if (error && !stands)
        return inspect_fail(call, "deleting stopped early: ", record_errstr(error));
    return report_left(call, d);
}

// Checks that the command line says what to delete, and that there is a terminal to ask at.
static bool is_clear(struct inspect_call *call, const struct deletion *d)
{
    if (d->all && inspect_has_filter(call))
        inspect_usage(call, "give a filter or --all, not both", "");
    else if (!d->all && !inspect_has_filter(call))
        inspect_usage(call, "say what to delete: a filter, or --all", "");
    else if (!d->yes && !(isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
        inspect_usage(call, "there is no terminal to ask on: --yes deletes without asking", "");
    return call->exit_status < 0;
}

int inspect_delete(const struct inspect_program *program, int argc, char **argv)
{
    static const struct option options[] = {
        {"yes", no_argument, NULL, 'y'},
        {"y", no_argument, NULL, 'y'},
        {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take, statuses};
    struct deletion d = {0};
    struct inspect_call call = {.program = program, .ctx = &d, .filters = true};
    if (!inspect_begin(&call, &spec, argc, argv) || !is_clear(&call, &d) ||
        !inspect_directory(&call, d.dir))
        return call.exit_status;
    d.filter = inspect_filter(&call, 0);
    if (d.filter)
        d.reader = inspect_open(&call);
    if (d.reader)
        call.exit_status = inspect_end(&call, run(&call, &d));
    inspect_close(&call, d.reader);
    filter_free(d.filter);
    return call.exit_status;
}
