// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include "command.h"
#include "json_exchange.h"
#include "progress.h"
#include "proto/digest.h"
#include "text.h"
#include "verify_agreement.h"
#include "write.h"

static const char help[] =
    "@ verify: checks whether both ends of the tunnel saw the same bytes.\n"
    "\n"
    "  @ verify last                       the newest exchange\n"
    "  @ verify --all                      every exchange of the record\n"
    "  @ verify --all since=1d host=web    those that match a filter\n"
    "\n"
    "Compares byte counts and digests (XXH3-128) of each direction that both ends\n"
    "report as whole:\n"
    "\n"
    "  same        both directions are equal\n"
    "  differs     a direction is not equal\n"
    "  unverified  the other end has not reported, or a direction is not whole\n"
    "  damaged     the kept bytes of a body do not match its digest\n"
    "\n"
    "With --all there is a line for each exchange that is not the same, and a\n"
    "summary. Exchanges that still run are left out. Those of @ proxy and replay\n"
    "passed no tunnel and have no other end: only damage is reported.\n"
    "\n"
    "  --all                all exchanges, or those that match the filter\n"
    "  --json               one JSON object (docs/json.md)\n";

static const char statuses[] =
    "Exit status: 0 nothing differs or is damaged, 1 something differs or is damaged, or a "
    "failure, 2 wrong usage.\n";

enum {
    METHOD_COLUMNS = 16 // of a method, at most
};

struct verify {
    bool all, json;
    struct record_reader *reader;
    struct json_writer writer;
    struct progress progress;
    uint64_t counts[VERDICT_RUNNING + 1];
    uint64_t no_other_end; // of the unverified, those that have no other end
    bool failed;
};

static void take_option(struct inspect_call *call, int option, const char *value)
{
    struct verify *v = call->ctx;
    (void)value;
    v->all = v->all || option == 'a';
    v->json = v->json || option == 'j';
}

// Whether the kept bytes of a side do not match its digest.
static bool is_damaged(struct verify *v, const struct record_exchange *x, enum record_side side)
{
    struct digest digest = {0};
    uint8_t value[DIGEST_BYTES];
    struct slice piece;
    uint64_t at = 0;
    int status = 0;
    if (!agreement_can_check(x, side))
        return false;
    while ((status = record_reader_piece(v->reader, x->seq, side, at, &piece)) > 0) {
        digest_add(&digest, piece, false);
        at += piece.len;
    }
    const bool known = digest_value(&digest, value);
    digest_deinit(&digest);
    v->failed = v->failed || status < 0 || !known;
    return status == 0 && known && memcmp(value, x->body[side].digest, RECORD_DIGEST_BYTES) != 0 &&
           record_reader_exists(v->reader, x); // it was not deleted meanwhile
}

static void print_side(const struct record_exchange *x, const struct agreement *a,
                       enum record_side side)
{
    const char *name = side == RECORD_REQUEST ? "request" : "response";
    const struct record_body *b = &x->body[side];
    if (a->damaged[side])
        (void)printf("  %s: what is kept does not have the digest of what passed\n", name);
    if (a->direction[side] != DIRECTION_DIFFERS) {
        (void)printf("  %s: %s\n", name, direction_str(a->direction[side]));
        return;
    }
    (void)printf("  %s: %" PRIu64 " bytes ", name, b->bytes);
    write_hex(stdout, b->digest, RECORD_DIGEST_BYTES);
    (void)printf(" here,\n  %*s  %" PRIu64 " bytes ", (int)strlen(name), "", x->peer.bytes[side]);
    write_hex(stdout, x->peer.digest[side], RECORD_DIGEST_BYTES);
    (void)puts(" at the other end");
}

// Whether there is no other end to compare with: the exchange passed no tunnel.
static bool lacks_other_end(const struct record_exchange *x, const struct agreement *a)
{
    return a->verdict == VERDICT_UNVERIFIED && !x->peer.known && x->tunnel.len == 0;
}

static void print_exchange(const struct record_exchange *x, const struct agreement *a)
{
    size_t columns = text_terminal_columns(stdout);
    bool cuts = columns > 0; // then the method gets half of the rest, or less
    write_safe(stdout, slice_str(x->id));
    int verdict = printf("  %s  ", verdict_str(a->verdict));
    size_t used = text_columns(slice_str(x->id)) + (verdict > 0 ? (size_t)verdict : 0);
    size_t half = columns > used ? (columns - used) / 2 : 0;
    size_t most = half < METHOD_COLUMNS ? half : METHOD_COLUMNS;
    used += text_cut(stdout, x->method, cuts ? most : SIZE_MAX) + 1;
    (void)putchar(' ');
    (void)text_cut(stdout, x->target, !cuts ? SIZE_MAX : columns > used ? columns - used : 0);
    (void)putchar('\n');
    if (a->verdict == VERDICT_SAME || a->verdict == VERDICT_RUNNING)
        return;
    if (!x->peer.known && a->verdict == VERDICT_UNVERIFIED) {
        (void)puts(lacks_other_end(x, a) ? "  it passed no tunnel: there is no other end"
                                         : "  no report from the other end");
        return;
    }
    print_side(x, a, RECORD_REQUEST);
    print_side(x, a, RECORD_RESPONSE);
}

static void put_side(struct json_writer *w, const struct agreement *a, enum record_side side)
{
    json_open(w, side == RECORD_REQUEST ? "request" : "response", '{');
    json_string(w, "is", slice_str(direction_name(a->direction[side])));
    json_bool(w, "damaged", a->damaged[side]);
    json_close(w, '}');
}

// Begins the document with its first exchange: for an unknown id nothing is printed.
static void begin_json(struct verify *v)
{
    if (v->writer.out)
        return;
    v->writer.out = stdout;
    json_open(&v->writer, NULL, '{');
    json_open(&v->writer, "exchanges", '[');
}

static void put_exchange(struct verify *v, const struct record_exchange *x,
                         const struct agreement *a)
{
    struct json_writer *w = &v->writer;
    begin_json(v);
    json_open(w, NULL, '{');
    json_exchange_summary(w, "exchange", x);
    json_string(w, "verdict", slice_str(verdict_str(a->verdict)));
    put_side(w, a, RECORD_REQUEST);
    put_side(w, a, RECORD_RESPONSE);
    json_close(w, '}');
}

static void end_json(struct verify *v)
{
    struct json_writer *w = &v->writer;
    begin_json(v);
    json_close(w, ']');
    json_open(w, "counts", '{');
    for (int i = 0; i <= VERDICT_RUNNING; i++)
        json_count(w, verdict_str((enum verdict)i), v->counts[i]);
    json_close(w, '}');
    json_count(w, "no_other_end", v->no_other_end);
    json_close(w, '}');
    json_end_line(w);
}

static void verify_exchange(struct verify *v, const struct record_exchange *x)
{
    bool runs = x->outcome.len == 0;
    const bool damaged[2] = {
        !runs && is_damaged(v, x, RECORD_REQUEST),
        !runs && is_damaged(v, x, RECORD_RESPONSE),
    };
    struct agreement a = agreement_of(x, damaged);
    bool alone = lacks_other_end(x, &a);
    v->counts[a.verdict]++;
    v->no_other_end += alone;
    if (v->all &&
        (a.verdict == VERDICT_SAME || a.verdict == VERDICT_RUNNING || (alone && !v->json)))
        return;
    progress_end(&v->progress);
    if (v->json)
        put_exchange(v, x, &a);
    else
        print_exchange(x, &a);
}

static uint64_t total(const struct verify *v)
{
    uint64_t n = 0;
    for (size_t i = 0; i < VERDICT_RUNNING; i++)
        n += v->counts[i];
    return n;
}

static void put_summary(struct verify *v)
{
    if (v->json) {
        end_json(v);
        return;
    }
    if (!v->all)
        return;
    uint64_t n = total(v) - v->no_other_end;
    (void)printf("%" PRIu64 " exchange%s: %" PRIu64 " same, %" PRIu64 " differ, %" PRIu64
                 " unverified, %" PRIu64 " damaged",
                 n, text_plural(n), v->counts[VERDICT_SAME], v->counts[VERDICT_DIFFERS],
                 v->counts[VERDICT_UNVERIFIED] - v->no_other_end, v->counts[VERDICT_DAMAGED]);
    if (v->no_other_end > 0)
        (void)printf("; %" PRIu64 " passed no tunnel", v->no_other_end);
    if (v->counts[VERDICT_RUNNING] > 0)
        (void)printf("; %" PRIu64 " still run", v->counts[VERDICT_RUNNING]);
    (void)putchar('\n');
}

static int verify_all(struct inspect_call *call, struct filter *filter)
{
    struct verify *v = call->ctx;
    struct record_exchange x;
    const struct record_query query = {.filter = filter, .oldest_first = true};
    int status = -record_reader_query(v->reader, &query);
    progress_begin(&v->progress);
    while (status >= 0 && (status = record_reader_next(v->reader, &x)) > 0) {
        verify_exchange(v, &x);
        progress_show(&v->progress, total(v));
    }
    progress_end(&v->progress);
    put_summary(v);
    return status < 0 ? inspect_fail(call, "cannot read the record: ", record_errstr(-status))
                      : INSPECT_OK;
}

static int verify_one(struct inspect_call *call)
{
    struct verify *v = call->ctx;
    struct record_exchange x;
    char why[RECORD_WHY_MAX];
    if (record_reader_find(v->reader, call->argv[0], &x, why) <= 0)
        return inspect_not_found(call, why);
    verify_exchange(v, &x);
    put_summary(v);
    return INSPECT_OK;
}

static int run(struct inspect_call *call, struct filter *filter)
{
    struct verify *v = call->ctx;
    int status = v->all ? verify_all(call, filter) : verify_one(call);
    if (status == INSPECT_OK && v->failed)
        status = inspect_fail(call, "a body cannot be read: the record is damaged", "");
    if (v->counts[VERDICT_DIFFERS] + v->counts[VERDICT_DAMAGED] > 0)
        status = INSPECT_FAILED;
    return status;
}

int inspect_verify(const struct inspect_program *program, int argc, char **argv)
{
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take_option, statuses};
    struct verify v = {0};
    struct inspect_call call = {.program = program, .ctx = &v, .compares = true};
    if (!inspect_begin(&call, &spec, argc, argv))
        return call.exit_status;
    if (!v.all && call.argc != 1) {
        inspect_usage(&call, "say which exchange: an ID, its beginning or its end, last, or --all",
                      "");
        return call.exit_status;
    }
    struct filter *filter = v.all ? inspect_filter(&call, 0) : NULL;
    if (call.exit_status >= 0)
        return call.exit_status;
    v.reader = inspect_open(&call);
    int status = v.reader ? run(&call, filter) : call.exit_status;
    record_reader_close(v.reader);
    filter_free(filter);
    return inspect_end(&call, status);
}
