// SPDX-License-Identifier: MIT
// `diff`: prints how two exchanges differ.
#include <stdio.h>
#include "command.h"
#include "compare_print.h"
#include "json_exchange.h"
#include "text.h"
#include "timing.h"

static const char help[] =
    "@ diff: shows how two exchanges differ.\n"
    "\n"
    "  @ diff gb7c5x gb7c5z                the older one first, as with diff(1)\n"
    "  @ diff gb7c5x last --json\n"
    "\n"
    "Compares request lines, statuses, fields, bodies and messages. The order of\n"
    "fields with different names does not count. Bodies are decoded first. JSON is\n"
    "indented and compared by lines, other text by lines, everything else by bytes.\n"
    "Times are shown side by side and never count.\n"
    "\n"
    "  --json               one JSON object (docs/json.md)\n";

static const char statuses[] =
    "Exit status, as of diff(1): 0 the same, 1 different, 2 wrong usage or failure.\n";

// As diff(1): 1 means different, and nothing else does.
enum {
    DIFF_SAME = 0,
    DIFF_DIFFERENT = 1,
    DIFF_TROUBLE = 2
};

struct options {
    bool json;
};

static void take_option(struct inspect_call *call, int option, const char *value)
{
    struct options *o = call->ctx;
    (void)value;
    o->json = o->json || option == 'j';
}

static void print_times(const char *name, int64_t a, int64_t b)
{
    char text[2][TEXT_NUMBER_MAX];
    (void)printf("  %-9s %12s %12s\n", name, text_duration(a, text[0]), text_duration(b, text[1]));
}

static void print_timing(const struct compare_input *a, const struct compare_input *b)
{
    struct timing first;
    struct timing second;
    timing_split(&a->x, &first);
    timing_split(&b->x, &second);
    (void)puts("timing");
    print_times("duration", a->x.duration_ns, b->x.duration_ns);
    for (size_t i = 0; i < first.count; i++) {
        const struct timing_part *other = timing_find(&second, first.part[i].name);
        print_times(first.part[i].name, first.part[i].ns, other ? other->ns : -1);
    }
    for (size_t i = 0; i < second.count; i++)
        if (!timing_find(&first, second.part[i].name))
            print_times(second.part[i].name, -1, second.part[i].ns);
}

static bool write_json(const struct compare_input *a, const struct compare_input *b)
{
    struct json_writer w = {.out = stdout};
    json_open(&w, NULL, '{');
    json_exchange_summary(&w, "before", &a->x);
    json_exchange_summary(&w, "after", &b->x);
    bool same = compare_json(&w, a, b);
    json_close(&w, '}');
    json_end_line(&w);
    return same;
}

static bool write_text(const struct compare_input *a, const struct compare_input *b)
{
    (void)fputs("--- ", stdout);
    write_safe(stdout, slice_str(a->x.id));
    (void)fputs("\n+++ ", stdout);
    write_safe(stdout, slice_str(b->x.id));
    (void)fputs("\n\n", stdout);
    bool same = compare_print(stdout, a, b);
    (void)puts(same ? "the same\n" : "");
    print_timing(a, b);
    return same;
}

static bool load(struct inspect_call *call, struct record_reader *r, const char *id,
                 struct compare_input *c)
{
    char why[RECORD_WHY_MAX];
    struct record_exchange x;
    if (record_reader_find(r, id, &x, why) <= 0) {
        (void)inspect_not_found(call, why);
        return false;
    }
    if (compare_load(c, r, &x))
        return true;
    (void)inspect_fail(
        call, "the record is damaged, or memory ran out; this exchange cannot be read: ", x.id);
    return false;
}

static int run(struct inspect_call *call, struct record_reader *r)
{
    const struct options *o = call->ctx;
    struct compare_input a = {0};
    struct compare_input b = {0};
    int status = DIFF_TROUBLE;
    if (load(call, r, call->argv[0], &a) && load(call, r, call->argv[1], &b))
        status = (o->json ? write_json : write_text)(&a, &b) ? DIFF_SAME : DIFF_DIFFERENT;
    compare_unload(&a);
    compare_unload(&b);
    return status;
}

int inspect_diff(const struct inspect_program *program, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take_option, statuses};
    struct options o = {0};
    struct inspect_call call = {.program = program, .ctx = &o};
    if (!inspect_begin(&call, &spec, argc, argv))
        return call.exit_status == INSPECT_FAILED ? DIFF_TROUBLE : call.exit_status;
    if (call.argc != 2) {
        inspect_usage(&call,
                      "say which two exchanges: each an ID, its beginning or its end, or last", "");
        return call.exit_status;
    }
    struct record_reader *r = inspect_open(&call);
    if (!r)
        return DIFF_TROUBLE;
    int status = run(&call, r);
    inspect_close(&call, r);
    return inspect_end(&call, status) == status ? status : DIFF_TROUBLE;
}
