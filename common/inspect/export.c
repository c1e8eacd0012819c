// SPDX-License-Identifier: MIT
// `export`: finds the exchanges, opens the file, and writes them in one of the forms.
#include "export.h"
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "command.h"
#include "export_file.h"
#include "progress.h"
#include "proto/http/chars.h"
#include "text.h"

static const char help[] =
    "@ export: writes exchanges for other programs, the oldest first.\n"
    "\n"
    "  @ export last --curl                a shell command that sends it again\n"
    "  @ export gb7c5x gb7c60 --curl       by the ends or beginnings of ids\n"
    "  @ export 'status>=500' --curl | sh  sends all of these again\n"
    "  @ export --har all.har              the whole record, for browser tools\n"
    "  @ export since=1h --jsonl | jq .request.target\n"
    "\n"
    "First name the exchanges: by ids, their beginnings or ends, or last; or by a\n"
    "filter (docs/filters.md). Then comes the form, and after it the file; without a\n"
    "file, or with -, the result goes to standard output. The file appears when it\n"
    "is complete, and only you can read it. An existing file is replaced only with\n"
    "--force; a device, or an existing pipe of yours, is written to.\n"
    "\n"
    "  --har [FILE]         an HTTP Archive 1.2: bodies decoded, in base64 unless\n"
    "                       they are text, and _webSocketMessages as Chrome has them\n"
    "  --curl [FILE]        shell commands (sh, bash, dash, ksh, zsh) that send the\n"
    "                       visitor's requests again to the same URLs. Comments\n"
    "                       name what a command cannot send\n"
    "  --to-service         with --curl: send what the service got, directly to the\n"
    "                       service\n"
    "  --path PATH          with --curl: another path and query, for a target whose\n"
    "                       values were redacted\n"
    "  --jsonl [FILE]       one JSON object per line with everything that was kept\n"
    "                       (docs/json.md)\n"
    "  --force              replace an existing file; of a link, the link itself\n";

#define ID_DIGITS "0123456789abcdefghjkmnpqrstvwxyzABCDEFGHJKMNPQRSTVWXYZ"

struct form {
    const char *name;
    export_exchange *exchange;
    void (*begin)(struct export *e);
    void (*end)(struct export *e);
};

static const struct form forms[] = {
    {"har", export_har, export_har_begin, export_har_end},
    {"curl", export_curl, NULL, NULL},
    {"jsonl", export_jsonl, NULL, NULL},
};

struct options {
    const struct form *form;
    const char *file; // NULL: standard output
    const char *path; // NULL: the recorded target
    bool force, to_service;
};

// Whether a word may be an id or a part of one.
static bool has_id_digits(const char *word)
{
    return strspn(word, ID_DIGITS) == strlen(word) && strlen(word) <= EXCHANGE_ID_LEN;
}

// Whether a word can only name an exchange: "last", or a digit first, which no filter begins with.
static bool is_id(const char *word)
{
    size_t last = strlen("last");
    return (strncmp(word, "last", last) == 0 && (!word[last] || strchr("-~", word[last]))) ||
           (word[0] >= '0' && word[0] <= '9' && has_id_digits(word));
}

// Whether a word names an exchange where a filter may be as well. The end of an id may begin with a
// letter; a word that is also a filter, like "shed", is taken for the filter.
static bool names_exchange(const char *word)
{
    struct filter_mistake mistake;
    if (is_id(word))
        return true;
    if (strlen(word) < RECORD_ID_SUFFIX_MIN || !has_id_digits(word))
        return false;
    struct filter *f = filter_new(slice_str(word), 0, &mistake);
    filter_free(f);
    return !f;
}

static void take_form(struct inspect_call *call, const struct form *form, const char *value)
{
    struct options *o = call->ctx;
    const char *file = value ? value : options_next_word(&call->walk);
    if (o->form) {
        inspect_usage(call, "give only one form, not also --", form->name);
        return;
    }
    o->form = form;
    if (!value && file && strpbrk(file, "=<>~\"()") && !strchr(file, '/')) {
        inspect_usage(
            call,
            "a filter stands before the form (a file with such a name is --har=FILE): ", file);
        return;
    }
    if (!value && file && is_id(file)) {
        inspect_usage(
            call, "an id stands before the form (a file with such a name is --har=FILE): ", file);
        return;
    }
    o->file = file && strcmp(file, "-") != 0 ? file : NULL;
}

static void take_path(struct inspect_call *call, const char *value)
{
    struct options *o = call->ctx;
    if (value[0] != '/' || !chars_are(slice_str(value), CHAR_TARGET))
        inspect_usage(call, "--path does not begin with /, or has spaces or a #", "");
    o->path = value;
}

static void take_option(struct inspect_call *call, int option, const char *value)
{
    struct options *o = call->ctx;
    switch (option) {
    case 'H': take_form(call, &forms[0], value); return;
    case 'C': take_form(call, &forms[1], value); return;
    case 'J': take_form(call, &forms[2], value); return;
    case 'f': o->force = true; return;
    case 'S': o->to_service = true; return;
    case 'P': take_path(call, value); return;
    default: return;
    }
}

// The exchanges to export: rows, found by their ids, or the matches of a filter.
struct selection {
    const struct filter *filter;
    int64_t *rows; // NULL: use the filter
    size_t count;
};

static int next_selected(struct record_reader *r, const struct selection *w, size_t *at,
                         struct record_exchange *x)
{
    if (!w->rows)
        return record_reader_next(r, x);
    return *at < w->count ? record_reader_get(r, w->rows[(*at)++], x) : 0;
}

static int write_all(struct inspect_call *call, struct export *e, const struct selection *selection)
{
    const struct options *o = call->ctx;
    const struct record_query query = {.filter = selection->filter, .oldest_first = true};
    struct record_exchange x;
    struct progress progress;
    char text[96];
    uint64_t broken = 0;
    size_t at = 0;
    int status = selection->rows ? 0 : -record_reader_query(e->reader, &query);
    progress_begin(&progress);
    if (e->out == stdout && isatty(STDOUT_FILENO))
        progress.wanted = false; // the output itself shows it
    if (o->form->begin)
        o->form->begin(e);
    while (status >= 0 && !ferror(e->out) &&
           (status = next_selected(e->reader, selection, &at, &x)) > 0) {
        broken += o->form->exchange(e, &x) ? 0 : 1;
        progress_show(&progress, e->count);
    }
    if (o->form->end)
        o->form->end(e);
    progress_end(&progress);
    e->cut = status < 0;
    if (status < 0)
        return inspect_fail(call, "cannot read the record: ", record_errstr(-status));
    if (broken == 0)
        return INSPECT_OK;
    (void)snprintf(text, sizeof(text), "%" PRIu64 " exchanges could not be read whole", broken);
    return inspect_fail(call, text, "");
}

static int fail_file(const struct inspect_call *call, const char *why)
{
    const struct options *o = call->ctx;
    char text[EXPORT_FILE_PATH_MAX + 32];
    (void)snprintf(text, sizeof(text), "cannot write %s: ", o->file);
    return inspect_fail(call, text, why);
}

static int run(struct inspect_call *call, struct record_reader *r,
               const struct selection *selection)
{
    const struct options *o = call->ctx;
    struct export_file file;
    struct export e = {.reader = r, .out = stdout, .path = o->path, .to_service = o->to_service};
    if (!o->file) {
        int written = write_all(call, &e, selection);
        if (written == INSPECT_OK && e.count == 0)
            inspect_no_match(call, r);
        return written;
    }
    const char *why = export_file_open(&file, o->file, o->force);
    if (why)
        return fail_file(call, why);
    e.out = file.out;
    int status = write_all(call, &e, selection);
    why = export_file_close(&file, !e.cut);
    if (why)
        return fail_file(call, why);
    if (status != INSPECT_OK)
        return status;
    (void)fprintf(stderr, "%s %s: wrote %" PRIu64 " exchange%s to ", call->program->name,
                  call->name, e.count, text_plural(e.count));
    write_safe(stderr, slice_str(o->file));
    (void)fputc('\n', stderr);
    return status;
}

// Finds all ids before anything is written, so that a wrong one leaves no partial output.
static int run_ids(struct inspect_call *call, struct record_reader *r)
{
    char why[RECORD_WHY_MAX];
    struct record_exchange x;
    size_t count = 0;
    int64_t *rows = calloc((size_t)call->argc, sizeof(*rows));
    if (!rows)
        return inspect_fail(call, "out of memory", "");
    while (count < (size_t)call->argc && record_reader_find(r, call->argv[count], &x, why) > 0)
        rows[count++] = x.seq;
    const struct selection selection = {.rows = rows, .count = count};
    int status =
        count < (size_t)call->argc ? inspect_not_found(call, why) : run(call, r, &selection);
    free(rows);
    return status;
}

static void check_options(struct inspect_call *call)
{
    const struct options *o = call->ctx;
    if (!o->form)
        inspect_usage(call, "say in which form: --har, --curl or --jsonl", "");
    else if (o->to_service && o->form->exchange != export_curl)
        inspect_usage(call, "--to-service needs --curl", "");
    else if (o->path && o->form->exchange != export_curl)
        inspect_usage(call, "--path needs --curl", "");
    else if (o->to_service && strcmp(call->program->name, "aditd") == 0)
        inspect_usage(call,
                      "a relay does not know what the service got, its agent does: where that "
                      "runs, adit export --curl --to-service",
                      "");
}

int inspect_export(const struct inspect_program *program, int argc, char **argv)
{
    static const struct option options[] = {
        {"har", optional_argument, NULL, 'H'},
        {"curl", optional_argument, NULL, 'C'},
        {"jsonl", optional_argument, NULL, 'J'},
        {"force", no_argument, NULL, 'f'},
        {"to-service", no_argument, NULL, 'S'},
        {"path", required_argument, NULL, 'P'},
        {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take_option, NULL};
    struct options o = {0};
    struct inspect_call call = {.program = program, .ctx = &o};
    if (!inspect_begin(&call, &spec, argc, argv))
        return call.exit_status;
    check_options(&call);
    if (call.exit_status >= 0)
        return call.exit_status;
    bool ids = call.argc > 0 && names_exchange(call.argv[0]);
    struct filter *filter = ids ? NULL : inspect_filter(&call, 0);
    if (call.exit_status >= 0)
        return call.exit_status;
    const struct selection selection = {.filter = filter};
    struct record_reader *r = inspect_open(&call);
    int status = !r ? call.exit_status : ids ? run_ids(&call, r) : run(&call, r, &selection);
    inspect_close(&call, r);
    filter_free(filter);
    return inspect_end(&call, status);
}
