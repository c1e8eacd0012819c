// SPDX-License-Identifier: MIT
// `requests`: lists exchanges, the newest at the bottom.
#include <stdlib.h>
#include "command.h"
#include "requests_follow.h"

static const char help[] =
    "@ requests: lists recorded exchanges, the newest at the bottom.\n"
    "\n"
    "  @ requests                              the newest 50\n"
    "  @ requests --status 5xx --since 10m     failures of the last ten minutes\n"
    "  @ requests 'status>=500 or time>1s'     those that match a filter\n"
    "  @ requests --path /api --follow         and new ones as they come\n"
    "  @ requests --limit all --json           one JSON object per line\n"
    "\n"
    "A line has the id, the time when the exchange began, the status, the size of\n"
    "the response body, the duration (so far), the method and the target. It also\n"
    "has the host if there are several, and a remark if the exchange still runs, did\n"
    "not end well or is a replay. On a terminal, lines are cut to fit, and ids to\n"
    "their last 6 characters, which every command takes; in files and pipes nothing\n"
    "is cut. Messages, for example that nothing was found, go to standard error.\n"
    "\n"
    "  -f, --follow         keep running, and list exchanges as they begin and end\n"
    "  -n, --limit N|all    begin with the newest N at most (default: 50)\n"
    "  --json               one JSON object per line (docs/json.md)\n";

static const char statuses[] =
    "Exit status: 0 success, even if nothing was found, 1 failure, 2 wrong usage.\n";

enum {
    LIMIT_DEFAULT = 50,
    LIMIT_MAX = 10000000
};

struct requests {
    bool follow, json, all;
    uint64_t limit;
    uint64_t printed;
    struct filter *filter;
    struct record_reader *reader;
    struct follow state; // the printer, and the state of --follow
};

static void take(struct inspect_call *call, int option, const char *value)
{
    struct requests *q = call->ctx;
    static const uint64_t range[2] = {0, LIMIT_MAX};
    switch (option) {
    case 'f': q->follow = true; return;
    case 'j': q->json = true; return;
    case 'n':
        q->all = strcmp(value, "all") == 0;
        if (!q->all)
            q->limit = inspect_number(call, "--limit", value, range);
        return;
    default: return;
    }
}

static void print(struct requests *q, const struct record_exchange *x)
{
    row_print(&q->state.printer, x);
    q->printed++;
    if (q->follow && x->outcome.len > 0)
        follow_ended(&q->state, x->seq);
}

// Whether the exchange began after the listing: follow_run prints it.
static bool is_new(const struct requests *q, const struct record_exchange *x)
{
    return q->follow && x->seq > q->state.last_seq;
}

// Returns 0 or an error of the reader.
static int list_all(struct requests *q)
{
    struct record_exchange x;
    struct record_query query = {.filter = q->filter, .oldest_first = true};
    int error = record_reader_query(q->reader, &query);
    int status = -error;
    while (!error && !ferror(stdout) && (status = record_reader_next(q->reader, &x)) == 1)
        if (!is_new(q, &x))
            print(q, &x);
    return status < 0 ? -status : 0;
}

// Collects the rows of the newest matches, newest first.
static int find_newest(struct requests *q, struct buf *rows)
{
    struct record_exchange x;
    struct record_query query = {.filter = q->filter};
    int error = record_reader_query(q->reader, &query);
    int status = -error;
    while (!error && buf_len(rows) / sizeof(int64_t) < q->limit &&
           (status = record_reader_next(q->reader, &x)) == 1)
        if (!is_new(q, &x)) {
            row_printer_expect(&q->state.printer, &x);
            error = buf_append(rows, &x.seq, sizeof(x.seq)) ? 0 : RECORD_E_MEMORY;
        }
    return status < 0 ? -status : error;
}

static int list_newest(struct requests *q)
{
    struct buf rows = {0};
    struct record_exchange x;
    int error = find_newest(q, &rows);
    for (size_t i = buf_len(&rows) / sizeof(int64_t); !error && i > 0; i--) {
        int64_t seq = 0;
        memcpy(&seq, buf_at(&rows) + (i - 1) * sizeof(seq), sizeof(seq));
        int status = record_reader_get(q->reader, seq, &x);
        if (status == 1)
            print(q, &x);
        error = status < 0 ? -status : 0;
    }
    buf_free(&rows);
    return error;
}

static int list(struct inspect_call *call, struct requests *q)
{
    row_printer_init(&q->state.printer, stdout, q->json, q->all || q->follow);
    q->state.call = call;
    q->state.reader = q->reader;
    q->state.filter = q->filter;
    if (q->follow && !follow_init(&q->state))
        return inspect_fail(call, "out of memory", "");
    int error = q->all ? list_all(q) : list_newest(q);
    record_reader_end(q->reader);
    if (error)
        return inspect_fail(call, "cannot read the record: ", record_errstr(error));
    bool nothing = q->printed == 0 && (q->all || q->limit > 0);
    if (nothing && q->follow)
        inspect_waiting(call);
    if (q->follow)
        return follow_run(&q->state);
    if (nothing)
        inspect_no_match(call, q->reader);
    inspect_losses(call, q->reader);
    return INSPECT_OK;
}

int inspect_requests(const struct inspect_program *program, int argc, char **argv)
{
    static const struct option options[] = {
        {"follow", no_argument, NULL, 'f'},      {"f", no_argument, NULL, 'f'},
        {"limit", required_argument, NULL, 'n'}, {"n", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},        {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take, statuses};
    struct requests q = {.limit = LIMIT_DEFAULT};
    struct inspect_call call = {.program = program, .ctx = &q, .filters = true};
    if (!inspect_begin(&call, &spec, argc, argv))
        return call.exit_status;
    call.follows = q.follow;
    q.filter = inspect_filter(&call, 0);
    if (q.filter && (!q.follow || follow_wait_for_record(&call)))
        q.reader = inspect_open(&call);
    if (q.reader)
        call.exit_status = inspect_end(&call, list(&call, &q));
    follow_deinit(&q.state);
    inspect_close(&call, q.reader);
    filter_free(q.filter);
    return call.exit_status;
}
