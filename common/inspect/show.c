// SPDX-License-Identifier: MIT
// `show`: one exchange, or a part of it, in one of the forms.
#include "show.h"
#include <inttypes.h>
#include "command.h"
#include "common/base/output.h"
#include "json_exchange.h"
#include "recorded.h"
#include "write.h"

static const char help[] =
    "@ show: shows one exchange: heads as they came, bodies decoded, how it ended.\n"
    "\n"
    "  @ show last                         the newest one\n"
    "  @ show gb7c5x                       the one whose id ends or begins with it\n"
    "  @ show last --body response > page  its response body, decoded\n"
    "  @ show last --json | jq .response.fields\n"
    "\n"
    "Bodies are decoded from gzip, deflate, br and zstd. JSON, forms and multipart\n"
    "are laid out; a body that is not text is shown as a few lines of hex. On a\n"
    "terminal long bodies are cut, and a line names the command that shows all of\n"
    "it; '@ show last | less' shows up to 1 MiB of each. Lines that begin with >+\n"
    "are fields that the relay set; <+ marks an answer that adit gave itself.\n"
    "\n"
    "  --body request|response\n"
    "                       write only this body, decoded, and nothing else. Status\n"
    "                       1 if a part of it was not kept or could not be decoded;\n"
    "                       the rest is written\n"
    "  --raw                write the HTTP messages: heads as they came, chunked\n"
    "                       bodies in new chunks. With --body: do not decode\n"
    "  --force              with --raw or --body: write the bytes even to a\n"
    "                       terminal, which obeys escape sequences in them. Without\n"
    "                       --force a terminal gets \\xHH for them; files and pipes\n"
    "                       always get the bytes\n"
    "  --json               one JSON object (docs/json.md)\n"
    "  --no-decode          show bodies as they passed, not decoded\n";

struct options {
    bool raw, json, no_decode, has_body, force;
    enum record_side body;
};

static void take_option(struct inspect_call *call, int option, const char *value)
{
    struct options *o = call->ctx;
    switch (option) {
    case 'r': o->raw = true; return;
    case 'j': o->json = true; return;
    case 'n': o->no_decode = true; return;
    case 'f': o->force = true; return;
    case 'b':
        o->has_body = true;
        o->body = strcmp(value, "response") == 0 ? RECORD_RESPONSE : RECORD_REQUEST;
        if (o->body == RECORD_REQUEST && strcmp(value, "request") != 0)
            inspect_usage(call, "--body is request or response, not ", value);
        return;
    default: return;
    }
}

// Says why the body that was written is not complete.
static int report_partial(const struct inspect_call *call, const struct record_exchange *x,
                          bool over)
{
    const struct options *o = call->ctx;
    const struct record_body *b = &x->body[o->body];
    char text[128];
    if (b->kept < b->bytes)
        (void)snprintf(text, sizeof(text), "only %" PRIu64 " of %" PRIu64 " bytes were kept",
                       b->kept, b->bytes);
    else
        (void)snprintf(text, sizeof(text),
                       "%s: this is as far as it could be decoded; --raw has it as it passed",
                       recorded_why_undecoded(x, o->body, over));
    return inspect_fail(call, text, "");
}

// Writes a body as it passed, piece by piece: it may be larger than memory.
static int write_kept(const struct inspect_call *call, struct record_reader *r,
                      const struct record_exchange *x, enum record_side side)
{
    struct slice piece;
    uint64_t at = 0;
    int status = 0;
    const struct record_body *b = &x->body[side];
    while (at < b->kept && (status = record_reader_piece(r, x->seq, side, at, &piece)) > 0) {
        write_slice(stdout, piece);
        at += piece.len;
    }
    if (status < 0 || at < b->kept)
        return inspect_fail(call, "the record is damaged: the body cannot be read", "");
    return b->kept < b->bytes ? report_partial(call, x, false) : INSPECT_OK;
}

// Writes a body decoded, or as it passed.
static int write_body(const struct inspect_call *call, struct record_reader *r,
                      const struct record_exchange *x)
{
    const struct options *o = call->ctx;
    struct record_decoded d;
    struct slice head = o->body == RECORD_REQUEST ? x->request_head : x->response_head;
    if (recorded_has_messages(x))
        return inspect_fail(
            call, "it was upgraded to another protocol: it has messages, and no body", "");
    bool coded = x->body[o->body].bytes > 0 && recorded_has_field(head, SLICE("content-encoding"));
    if (o->raw || o->no_decode || !coded)
        return write_kept(call, r, x, o->body);
    if (!record_reader_decoded(r, x, o->body, &d))
        return inspect_fail(
            call, "the record is damaged, or memory ran out: the body cannot be read", "");
    write_slice(stdout, d.body);
    return d.whole ? INSPECT_OK : report_partial(call, x, d.over);
}

static int write_raw(const struct inspect_call *call, struct record_reader *r,
                     const struct record_exchange *x)
{
    const struct show s = {.reader = r, .out = stdout};
    const char *missing = show_raw(&s, x);
    if (missing)
        return inspect_fail(call, missing, "");
    if (x->flags & RECORD_UPGRADED)
        return inspect_fail(call, "messages follow the 101: show ID without --raw shows them", "");
    return INSPECT_OK;
}

static int write_json(const struct inspect_call *call, struct record_reader *r,
                      const struct record_exchange *x)
{
    const struct options *o = call->ctx;
    const struct json_exchange j = {r, JSON_EXCHANGE_WHOLE, !o->no_decode};
    struct json_writer w = {.out = stdout};
    bool ok = json_exchange(&w, NULL, &j, x);
    json_end_line(&w);
    return ok ? INSPECT_OK
              : inspect_fail(call, "the record is damaged: not all of the exchange can be read",
                             "");
}

static int write_all(const struct inspect_call *call, struct record_reader *r,
                     const struct record_exchange *x)
{
    const struct options *o = call->ctx;
    struct show s = {.reader = r,
                     .out = stdout,
                     .program = call->program->name,
                     .data = call->data,
                     .decodes_all = call->decodes_all,
                     .decode = !o->no_decode};
    if (o->json)
        return write_json(call, r, x);
    if (o->has_body || o->raw)
        output_exact(o->force);
    if (o->has_body)
        return write_body(call, r, x);
    if (o->raw)
        return write_raw(call, r, x);
    show_measure_terminal(&s);
    return show_exchange(&s, x) ? INSPECT_OK : INSPECT_FAILED;
}

int inspect_show(const struct inspect_program *program, int argc, char **argv)
{
    static const struct option options[] = {
        {"raw", no_argument, NULL, 'r'},   {"body", required_argument, NULL, 'b'},
        {"json", no_argument, NULL, 'j'},  {"no-decode", no_argument, NULL, 'n'},
        {"force", no_argument, NULL, 'f'}, {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take_option, NULL};
    struct options o = {0};
    struct inspect_call call = {.program = program, .ctx = &o};
    struct record_exchange x;
    char why[RECORD_WHY_MAX];
    if (!inspect_begin(&call, &spec, argc, argv))
        return call.exit_status;
    if (call.argc != 1)
        inspect_usage(&call, "say which exchange: an ID, its beginning or its end, or last", "");
    else if (o.json && (o.raw || o.has_body))
        inspect_usage(&call, "--json cannot be combined with --raw or --body", "");
    else if (o.force && !o.raw && !o.has_body)
        inspect_usage(&call, "--force needs --raw or --body", "");
    if (call.exit_status >= 0)
        return call.exit_status;
    struct record_reader *r = inspect_open(&call);
    if (!r)
        return call.exit_status;
    int status = record_reader_find(r, call.argv[0], &x, why) > 0 ? write_all(&call, r, &x)
                                                                  : inspect_not_found(&call, why);
    inspect_close(&call, r);
    return inspect_end(&call, status);
}
