// SPDX-License-Identifier: MIT
// `stats`: calls, durations and bytes by path, host, status or method.
#include <inttypes.h>
#include "command.h"
#include "json_writer.h"
#include "progress.h"
#include "stats_groups.h"
#include "text.h"

static const char help[] =
    "@ stats: counts and durations by path, host, status or method.\n"
    "\n"
    "  @ stats                                 by path, the most total time first\n"
    "  @ stats --by status since=1h            by status, of the last hour\n"
    "  @ stats 'host=web' --by method --json   one JSON object (docs/json.md)\n"
    "\n"
    "Exchanges that still run do not count. Percentiles are exact up to 8,388,608\n"
    "exchanges; beyond that they are those of the newest 8,388,608. From the\n"
    "100,000th group on, all others are counted as one group.\n"
    "\n"
    "  --by path|host|status|method\n"
    "                       what makes a group; paths are compared without queries\n"
    "                       (default: path)\n"
    "  -n, --limit N        at most N groups (default: 20)\n"
    "  --json               one JSON object (docs/json.md)\n";

static const char statuses[] = "Exit status: 0 success, 1 failure, 2 wrong usage.\n";

enum {
    LIMIT_DEFAULT = 20,
    NAME_COLUMNS_MIN = 16 // of the name of a group, or a column is left out
};

enum by {
    BY_PATH,
    BY_HOST,
    BY_STATUS,
    BY_METHOD
};

static const char *const by_names[] = {"path", "host", "status", "method"};

struct stats {
    enum by by;
    bool json;
    uint64_t limit;
    struct filter *filter;
    struct record_reader *reader;
    struct stats_groups groups;
    uint64_t running; // exchanges left out because they run
};

static void take(struct inspect_call *call, int option, const char *value)
{
    struct stats *s = call->ctx;
    static const uint64_t range[2] = {1, STATS_GROUPS_MAX};
    switch (option) {
    case 'j': s->json = true; return;
    case 'n': s->limit = inspect_number(call, "--limit", value, range); return;
    case 'b':
        for (size_t i = 0; i < sizeof(by_names) / sizeof(by_names[0]); i++)
            if (strcmp(by_names[i], value) == 0) {
                s->by = (enum by)i;
                return;
            }
        inspect_usage(call, "--by takes path, host, status or method, not ", value);
        return;
    default: return;
    }
}

static struct slice key_of(enum by by, const struct record_exchange *x, char text[static 8])
{
    const char *query = x->target.len > 0 ? memchr(x->target.p, '?', x->target.len) : NULL;
    switch (by) {
    case BY_PATH: return query ? slice_of(x->target.p, (size_t)(query - x->target.p)) : x->target;
    case BY_HOST: return x->host;
    case BY_METHOD: return x->method;
    case BY_STATUS:
        (void)snprintf(text, 8, "%u", (unsigned)x->status);
        return x->status ? slice_str(text) : SLICE("-");
    }
    return (struct slice){0};
}

static int collect(struct inspect_call *call, struct stats *s)
{
    struct record_exchange x;
    struct record_query query = {.filter = s->filter};
    struct progress progress;
    char text[8];
    progress_begin(&progress);
    int error = record_reader_query(s->reader, &query);
    int status = -error;
    bool memory = true;
    while (!error && memory && (status = record_reader_next(s->reader, &x)) == 1) {
        uint64_t bytes[2] = {x.body[0].bytes, x.body[1].bytes};
        if (x.outcome.len == 0)
            s->running++;
        else
            memory = stats_groups_add(&s->groups, key_of(s->by, &x, text), x.duration_ns, bytes);
        progress_show(&progress, s->groups.all.calls);
    }
    progress_end(&progress);
    if (!memory)
        return inspect_fail(call, "out of memory", "");
    if (status < 0)
        return inspect_fail(call, "cannot read the record: ", record_errstr(-status));
    stats_groups_finish(&s->groups);
    return INSPECT_OK;
}

// The columns before the name of the group.
enum column {
    COLUMN_CALLS,
    COLUMN_TOTAL,
    COLUMN_AVERAGE,
    COLUMN_P50,
    COLUMN_P90,
    COLUMN_P99,
    COLUMN_REQUEST,
    COLUMN_RESPONSE,
    COLUMNS
};

struct table {
    size_t width; // of the terminal; 0: there is none, and nothing is cut
    bool hidden[COLUMNS];
};

static const char *const column_names[COLUMNS] = {
    "calls", "total", "average", "p50", "p90", "p99", "request", "response",
};

static int column_width(enum column c)
{
    return c == COLUMN_CALLS ? 9 : 11; // with the gap before
}

// Leaves out columns, one after the other, until a name has room on the terminal.
static void fit_table(struct table *t)
{
    static const enum column order[] = {COLUMN_REQUEST,  COLUMN_P90, COLUMN_P50,
                                        COLUMN_RESPONSE, COLUMN_P99, COLUMN_AVERAGE};
    size_t needed = 2 + NAME_COLUMNS_MIN;
    for (int c = 0; c < COLUMNS; c++)
        needed += (size_t)column_width((enum column)c);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && t->width < needed; i++) {
        t->hidden[order[i]] = t->width > 0;
        needed -= (size_t)column_width(order[i]);
    }
}

static void print_line(const struct table *t, const char *const cells[COLUMNS], struct slice name)
{
    size_t used = 0;
    for (int c = 0; c < COLUMNS; c++)
        if (!t->hidden[c]) {
            int n = printf("%*s", column_width((enum column)c), cells[c]);
            used += n > 0 ? (size_t)n : 0;
        }
    used += 2;
    size_t room = t->width > used ? t->width - used : 0;
    (void)fputs(room > 0 || t->width == 0 ? "  " : "", stdout);
    (void)text_cut(stdout, name, t->width > 0 ? room : SIZE_MAX);
    (void)fputc('\n', stdout);
}

static void print_group(const struct table *t, const struct stats_group *g, struct slice name)
{
    char calls[TEXT_NUMBER_MAX];
    char time[COLUMN_P99 + 1][TEXT_NUMBER_MAX];
    char size[2][TEXT_NUMBER_MAX];
    uint64_t average = g->total_ns / (g->timed ? g->timed : 1);
    (void)snprintf(calls, sizeof(calls), "%" PRIu64, g->calls);
    const char *const cells[COLUMNS] = {
        [COLUMN_CALLS] = calls,
        [COLUMN_TOTAL] = text_duration((int64_t)g->total_ns, time[COLUMN_TOTAL]),
        [COLUMN_AVERAGE] = text_duration((int64_t)average, time[COLUMN_AVERAGE]),
        [COLUMN_P50] = text_duration((int64_t)g->p50_ns, time[COLUMN_P50]),
        [COLUMN_P90] = text_duration((int64_t)g->p90_ns, time[COLUMN_P90]),
        [COLUMN_P99] = text_duration((int64_t)g->p99_ns, time[COLUMN_P99]),
        [COLUMN_REQUEST] = text_size(g->bytes[0], size[0]),
        [COLUMN_RESPONSE] = text_size(g->bytes[1], size[1]),
    };
    print_line(t, cells, name);
}

static void print_text(const struct stats *s)
{
    struct table t = {.width = text_terminal_columns(stdout)};
    fit_table(&t);
    print_line(&t, column_names, slice_str(by_names[s->by]));
    for (size_t i = 0; i < s->groups.count && i < s->limit; i++)
        print_group(&t, &s->groups.list[i], s->groups.list[i].key);
    print_group(&t, &s->groups.all, SLICE("all"));
    if (s->groups.count > s->limit)
        (void)fprintf(stderr, "%zu groups are not shown: --limit N shows more\n",
                      s->groups.count - (size_t)s->limit);
}

// Whether the key stands for exchanges without a status; no status is a dash.
static bool is_none(enum by by, struct slice key)
{
    return by == BY_STATUS && slice_eq(key, SLICE("-"));
}

static void put_duration(struct json_writer *w, const struct stats_group *g)
{
    const struct {
        const char *name;
        uint64_t ns;
    } of[] = {
        {"average_ns", g->timed ? g->total_ns / g->timed : 0},
        {"p50_ns", g->p50_ns},
        {"p90_ns", g->p90_ns},
        {"p99_ns", g->p99_ns},
    };
    json_open(w, "duration", '{');
    json_count(w, "count", g->timed);
    json_count(w, "total_ns", g->total_ns);
    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
        if (g->timed)
            json_count(w, of[i].name, of[i].ns);
        else
            json_null(w, of[i].name);
    json_close(w, '}');
}

static void put_bodies(struct json_writer *w, const char *name, uint64_t bytes)
{
    json_open(w, name, '{');
    json_open(w, "body", '{');
    json_count(w, "bytes", bytes);
    json_close(w, '}');
    json_close(w, '}');
}

static void put_group(struct json_writer *w, const struct stats_group *g)
{
    json_count(w, "count", g->calls);
    put_duration(w, g);
    put_bodies(w, "request", g->bytes[0]);
    put_bodies(w, "response", g->bytes[1]);
    json_close(w, '}');
}

static void print_json(const struct stats *s)
{
    const struct stats_groups *g = &s->groups;
    struct json_writer w = {.out = stdout};
    json_open(&w, NULL, '{');
    json_string(&w, "by", slice_str(by_names[s->by]));
    json_open(&w, "groups", '[');
    for (size_t i = 0; i < g->count && i < s->limit; i++) {
        json_open(&w, NULL, '{');
        json_optional_bytes(&w, "key",
                            is_none(s->by, g->list[i].key) ? (struct slice){0} : g->list[i].key);
        put_group(&w, &g->list[i]);
    }
    json_close(&w, ']');
    json_count(&w, "groups_not_shown", g->count > s->limit ? g->count - s->limit : 0);
    json_bool(&w, "groups_joined", g->keys_left_out);
    json_count(&w, "running", s->running);
    json_bool(&w, "percentiles_exact", !g->samples_left_out);
    json_open(&w, "all", '{');
    put_group(&w, &g->all);
    json_close(&w, '}');
    json_end_line(&w);
}

static void print_bounds(const struct inspect_call *call, const struct stats *s)
{
    (void)fflush(stdout);
    if (s->groups.samples_left_out)
        (void)fprintf(stderr, "%s %s: percentiles are those of the newest %d exchanges\n",
                      call->program->name, call->name, STATS_GROUPS_SAMPLES_MAX);
    if (s->groups.keys_left_out)
        (void)fprintf(stderr, "%s %s: more than %d groups: all others count as \"(others)\"\n",
                      call->program->name, call->name, STATS_GROUPS_MAX);
}

static int run(struct inspect_call *call, struct stats *s)
{
    int status = collect(call, s);
    if (status)
        return status;
    if (s->json)
        print_json(s);
    else
        print_text(s);
    if (s->groups.all.calls + s->running == 0)
        inspect_no_match(call, s->reader);
    print_bounds(call, s);
    inspect_losses(call, s->reader);
    return INSPECT_OK;
}

int inspect_stats(const struct inspect_program *program, int argc, char **argv)
{
    static const struct option options[] = {
        {"by", required_argument, NULL, 'b'},
        {"limit", required_argument, NULL, 'n'},
        {"n", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take, statuses};
    struct stats s = {.limit = LIMIT_DEFAULT};
    struct inspect_call call = {.program = program, .ctx = &s, .filters = true};
    if (!inspect_begin(&call, &spec, argc, argv))
        return call.exit_status;
    s.filter = inspect_filter(&call, 0);
    if (s.filter)
        s.reader = inspect_open(&call);
    if (s.reader)
        call.exit_status = inspect_end(&call, run(&call, &s));
    stats_groups_deinit(&s.groups);
    inspect_close(&call, s.reader);
    filter_free(s.filter);
    return call.exit_status;
}
