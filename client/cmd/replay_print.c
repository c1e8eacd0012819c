// SPDX-License-Identifier: MIT
// The output of `adit replay`: a line or a JSON object for each replay, and how the answers differ.
#include <errno.h>
#include <stdio.h>
#include "common/inspect/compare_print.h"
#include "common/inspect/json_exchange.h"
#include "common/inspect/text.h"
#include "replay_internal.h"

int replay_fail(const struct replay *p, const char *id, const char *why)
{
    char text[EXCHANGE_ID_LEN + 4];
    (void)snprintf(text, sizeof(text), "%s: ", id);
    return inspect_fail(&p->call, text, why);
}

void replay_print_omitted(const struct replay *p, const struct replay_request *r, const char *id)
{
    if (r->omitted_count == 0)
        return;
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s %s: ", p->call.program->name, p->call.name);
    write_safe(stderr, slice_str(id));
    (void)fputs(": left out, since the record has no value: ", stderr);
    for (size_t i = 0; i < r->omitted_count; i++) {
        (void)fputs(i ? ", " : "", stderr);
        write_safe(stderr, slice_str(r->redacted[i]));
    }
    (void)fputs("; --header sets it\n", stderr);
}

bool replay_is_answered(const struct replay_inbound_result *r)
{
    return r->status && !r->refused && r->why == EXCHANGE_COMPLETE;
}

static void print_result(const char *id, const struct replay_inbound_result *r, const char *verdict)
{
    char size[TEXT_NUMBER_MAX];
    char duration[TEXT_NUMBER_MAX];
    write_safe(stdout, slice_str(id));
    (void)printf(" replayed as %s: ", r->id);
    if (r->refused)
        (void)printf("%s after ", answer_code(r->answer));
    else if (r->status)
        (void)printf("%u, %s, ", r->status, text_size(r->bytes, size));
    else
        (void)fputs("no answer after ", stdout);
    (void)fputs(text_duration((int64_t)r->duration_ns, duration), stdout);
    if (!r->refused && r->why != EXCHANGE_COMPLETE)
        (void)printf(" (%s)", exchange_outcome_text(r->why));
    (void)fputs(r->detail[0] ? ": " : "", stdout);
    write_safe(stdout, slice_str(r->detail));
    (void)printf("%s\n", verdict);
}

// `again` is NULL when the record does not have the replay.
static void write_result(const struct compare_input *first, const struct compare_input *again,
                         const struct replay_inbound_result *r)
{
    struct json_writer w = {.out = stdout};
    json_open(&w, NULL, '{');
    json_string(&w, "id", slice_str(r->id));
    json_string(&w, "replay_of", slice_str(first->x.id));
    json_bool(&w, "answered", replay_is_answered(r));
    if (again) {
        json_exchange_summary(&w, "exchange", &again->x);
        (void)compare_json_answers(&w, first, again);
    } else {
        json_null(&w, "exchange");
        json_null(&w, "differences");
        json_null(&w, "same");
    }
    json_close(&w, '}');
    json_end_line(&w);
}

static void ignore_difference(void *ctx, const struct difference *d)
{
    (void)ctx;
    (void)d;
}

static void print_comparison(const struct compare_input *first, const struct compare_input *again,
                             const struct replay_inbound_result *result)
{
    bool same = compare_answers(first, again, ignore_difference, NULL);
    print_result(first->x.id, result, same ? ", the same answer" : ", another answer:");
    if (!same)
        (void)compare_print_answers(stdout, first, again);
}

bool replay_print(struct replay *p, const struct compare_input *first,
                  const struct replay_inbound_result *result)
{
    char why[RECORD_WHY_MAX] = "";
    struct record_exchange x;
    struct compare_input again = {0};
    // p->reader may still show the record as it was before the replay: open another one.
    struct record_reader *reader = record_reader_open(p->dir, why);
    bool found = reader && record_reader_find(reader, result->id, &x, why) > 0;
    if (found && !compare_load(&again, reader, &x)) {
        found = false;
        (void)snprintf(why, sizeof(why), "the record is damaged, or memory ran out");
    }
    if (p->json)
        write_result(first, found ? &again : NULL, result);
    else if (found)
        print_comparison(first, &again, result);
    else
        print_result(first->x.id, result, "");
    if (!found)
        (void)replay_fail(p, result->id, why);
    compare_unload(&again);
    record_reader_close(reader);
    p->output_closed = fflush(stdout) != 0 && errno == EPIPE;
    return found;
}
