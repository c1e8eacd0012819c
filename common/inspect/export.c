// SPDX-License-Identifier: MIT
#include "export.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "command.h"
#include "progress.h"
#include "text.h"

static const char help[] =
    "@ export: writes exchanges in a form that other programs read, oldest first.\n"
    "\n"
    "  @ export --har all.har              the whole record, for the tools of browsers\n"
    "  @ export 'status>=500' --curl       shell commands that send these requests again\n"
    "  @ export since=1h --jsonl | jq .request.target\n"
    "  @ export id=01jdq4 --curl              one of them\n"
    "\n"
    "The words before the form are a filter (docs/filters.md), the word behind it is the file;\n"
    "without one, or with -, it goes to the standard output. A file is written beside its place\n"
    "first, as FILE.tmp.\n"
    "\n"
    "  --har [FILE]         an HTTP Archive 1.2: bodies decoded, those that are not text in "
    "base64,\n"
    "                       and _webSocketMessages as Chrome writes them\n"
    "  --curl [FILE]        a command for bash each; long and binary bodies go through base64 -d\n"
    "  --jsonl [FILE]       a JSON object a line with all that is kept (docs/record.md)\n"
    "  --force              overwrite the file\n";

enum {
    PATH_BYTES = 4096
};

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
    const char *file; // NULL: the standard output
    bool force;
};

static void take_form(struct inspect_call *call, const struct form *form, const char *value)
{
    struct options *o = call->ctx;
    const char *file = value ? value : options_next_word(&call->walk);
    if (o->form) {
        inspect_usage(call, "only one form at a time, not also --", form->name);
        return;
    }
    o->form = form;
    if (!value && file && strpbrk(file, "=<>~\"()") && !strchr(file, '/')) {
        inspect_usage(
            call,
            "a filter stands before the form (a file with such a name is --har=FILE): ", file);
        return;
    }
    o->file = file && strcmp(file, "-") != 0 ? file : NULL;
}

static void take_option(struct inspect_call *call, int option, const char *value)
{
    struct options *o = call->ctx;
    switch (option) {
    case 'H': take_form(call, &forms[0], value); return;
    case 'C': take_form(call, &forms[1], value); return;
    case 'J': take_form(call, &forms[2], value); return;
    case 'f': o->force = true; return;
    default: return;
    }
}

static int write_all(struct inspect_call *call, struct export *e, const struct filter *filter)
{
    const struct options *o = call->ctx;
    const struct record_query query = {.filter = filter, .oldest_first = true};
    struct record_exchange x;
    struct progress progress;
    char text[96];
    uint64_t broken = 0;
    int status = -record_reader_query(e->reader, &query);
    progress_begin(&progress);
    if (e->out == stdout && isatty(STDOUT_FILENO))
        progress.wanted = false; // it is seen to come
    if (o->form->begin)
        o->form->begin(e);
    while (status >= 0 && !ferror(e->out) && (status = record_reader_next(e->reader, &x)) > 0) {
        broken += o->form->exchange(e, &x) ? 0 : 1;
        progress_tell(&progress, e->count);
    }
    if (o->form->end)
        o->form->end(e);
    progress_end(&progress);
    if (status < 0)
        return inspect_fail(call, "the record cannot be read: ", sqlite3_errstr(-status));
    if (broken == 0)
        return INSPECT_OK;
    (void)snprintf(text, sizeof(text), "of %" PRIu64 " exchanges not all could be read", broken);
    return inspect_fail(call, text, "");
}

// A file that is written beside its place, and comes there when it is whole.
struct target {
    const char *path;
    char beside[PATH_BYTES];
    FILE *out;
};

// Devices and pipes are written in place.
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int open_target(struct inspect_call *call, struct target *t)
{
    const struct options *o = call->ctx;
    bool special = is_special(t->path);
    int len = snprintf(t->beside, sizeof(t->beside), "%s%s", t->path, special ? "" : ".tmp");
    if (len < 0 || len >= (int)sizeof(t->beside))
        return inspect_fail(call, "the file's name is too long", "");
    if (!special && !o->force && access(t->path, F_OK) == 0)
        return inspect_fail(call, "it is there already, --force overwrites it: ", t->path);
    // What visitors sent is nobody else's business.
    int fd = open(t->beside, O_WRONLY | O_CLOEXEC | (special ? 0 : O_CREAT | O_TRUNC | O_NOFOLLOW),
                  0600);
    t->out = fd < 0 ? NULL : fdopen(fd, "w");
    if (t->out)
        return INSPECT_OK;
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    (void)fprintf(stderr, "%s %s: ", call->program->name, call->name);
    errno = error;
    perror(t->beside);
    return INSPECT_FAILED;
}

static bool move(const char *from, const char *to, bool force)
{
    if (force)
        return rename(from, to) == 0;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    // File systems that cannot do it: it was looked at when we began.
    return errno == EINVAL && rename(from, to) == 0;
}

static int close_target(struct inspect_call *call, struct target *t, int status)
{
    const struct options *o = call->ctx;
    bool special = strcmp(t->beside, t->path) == 0;
    bool ok = fflush(t->out) == 0 && !ferror(t->out);
    int error = ok ? 0 : errno;
    if (fclose(t->out) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok && !special && !move(t->beside, t->path, o->force)) {
        ok = false;
        error = errno;
    }
    if (ok)
        return status;
    if (!special)
        (void)unlink(t->beside);
    return inspect_fail(call, "cannot write the file: ", strerror(error));
}

static int run(struct inspect_call *call, struct record_reader *r, const struct filter *filter)
{
    const struct options *o = call->ctx;
    struct target t = {.path = o->file};
    struct export e = {.reader = r, .out = stdout};
    if (!o->file)
        return write_all(call, &e, filter);
    int status = open_target(call, &t);
    if (status)
        return status;
    e.out = t.out;
    status = close_target(call, &t, write_all(call, &e, filter));
    if (status == INSPECT_OK)
        (void)fprintf(stderr, "%s %s: wrote %" PRIu64 " exchange%s to %s\n", call->program->name,
                      call->name, e.count, text_plural(e.count), o->file);
    return status;
}

int inspect_export(const struct inspect_program *program, int argc, char **argv)
{
    static const struct option options[] = {
        {"har", optional_argument, NULL, 'H'},
        {"curl", optional_argument, NULL, 'C'},
        {"jsonl", optional_argument, NULL, 'J'},
        {"force", no_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take_option, NULL};
    struct options o = {0};
    struct inspect_call call = {.program = program, .ctx = &o};
    if (!inspect_begin(&call, &spec, argc, argv))
        return call.exit_status;
    if (!o.form)
        inspect_usage(&call, "say in which form: --har, --curl or --jsonl", "");
    struct filter *filter = o.form ? inspect_filter(&call, 0) : NULL;
    if (call.exit_status >= 0)
        return call.exit_status;
    struct record_reader *r = inspect_open(&call);
    int status = r ? run(&call, r, filter) : call.exit_status;
    record_reader_close(r);
    filter_free(filter);
    return inspect_end(&call, status);
}
