// SPDX-License-Identifier: MIT
#include "command.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "common/process.h"
#include "common/record/flush.h"
#include "text.h"

enum {
    OPTIONS_MAX = 16, // of a command, and the end
    OPTION_DATA = 1,
    OPTION_HELP = 2,
    OPTION_DECODE_ALL = 3
};

static void print_help(const struct inspect_call *call, const struct inspect_spec *spec)
{
    static const char usual[] = "Exit status: 0, 1 failure or nothing found, 2 usage.\n";
    for (const char *c = spec->help; *c; c++)
        if (c[0] == '@' && c[1] == ' ')
            (void)fputs(call->program->name, stdout);
        else
            (void)fputc(*c, stdout);
    (void)printf(
        "  --data DIR           where the record is (default: $XDG_STATE_HOME/adit/%s)\n"
        "  --decode-all         decode bodies whole, also where they become more than a hundred\n"
        "                       times larger, or all of them many\n"
        "  --help\n"
        "\n%s",
        call->program->state, spec->statuses ? spec->statuses : usual);
}

void inspect_usage(struct inspect_call *call, const char *text, const char *what)
{
    const char *program = call->program->name;
    char shown[OPTIONS_SHOWN_MAX];
    char message[OPTIONS_MESSAGE_MAX];
    (void)snprintf(message, sizeof(message), "%s%s", text, options_shown(what, shown));
    options_hide_tokens(message);
    (void)fprintf(stderr, "%s %s: ", program, call->name);
    write_safe(stderr, slice_str(message));
    (void)fprintf(stderr, "\nTry: %s %s --help\n", program, call->name);
    call->exit_status = INSPECT_USAGE;
}

int inspect_fail(const struct inspect_call *call, const char *text, const char *why)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s %s: ", call->program->name, call->name);
    write_safe(stderr, slice_str(text));
    write_safe(stderr, slice_str(why));
    (void)fputc('\n', stderr);
    return INSPECT_FAILED;
}

int inspect_end(const struct inspect_call *call, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    const int why = output_failed(); // perhaps long ago
    if (why == EPIPE)
        return INSPECT_FAILED; // nobody wants to know
    return inspect_fail(call, "cannot write: ", strerror(why));
}

// The options of a command with those that all have; false when there is no room.
static bool join_options(const struct option *own, struct option out[static OPTIONS_MAX])
{
    size_t n = 0;
    for (; own && own->name; own++) {
        if (n + 4 > OPTIONS_MAX)
            return false;
        out[n++] = *own;
    }
    out[n++] = (struct option){"data", required_argument, NULL, OPTION_DATA};
    out[n++] = (struct option){"decode-all", no_argument, NULL, OPTION_DECODE_ALL};
    out[n++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    out[n] = (struct option){0};
    return true;
}

static void refuse(struct inspect_call *call, int refused)
{
    char text[OPTIONS_SHOWN_MAX];
    options_mistake(&call->walk, refused, text);
    inspect_usage(call, text, "");
}

static void take(struct inspect_call *call, const struct inspect_spec *spec, int option)
{
    switch (option) {
    case OPTION_DECODE_ALL: call->decodes_all = true; return;
    case OPTION_DATA: call->data = call->walk.value; return;
    case 'h':
    case OPTION_HELP:
        print_help(call, spec);
        call->exit_status = inspect_end(call, INSPECT_OK);
        return;
    case OPTIONS_NO_VALUE:
    case OPTIONS_NOT_ITS_VALUE:
    case OPTIONS_UNKNOWN: refuse(call, option); return;
    default: spec->take(call, option, call->walk.value); return;
    }
}

bool inspect_begin(struct inspect_call *call, const struct inspect_spec *spec, int argc,
                   char **argv)
{
    struct option options[OPTIONS_MAX];
    int option = 0;
    call->name = argv[0];
    call->exit_status = -1;
    // Who reads our output may leave: then there is nothing more to do.
    (void)signal(SIGPIPE, SIG_DFL);
    if (!join_options(spec->options, options)) {
        call->exit_status = inspect_fail(call, "too many options", "");
        return false;
    }
    options_begin(&call->walk, argc, argv, options);
    while (call->exit_status < 0 && (option = options_next(&call->walk)) != OPTIONS_END)
        take(call, spec, option);
    call->argc = call->walk.words;
    call->argv = argv + options_first_word(&call->walk);
    call->walk.known = NULL; // it was ours
    if (call->exit_status < 0 && !process_has_files(call->program->name, PROCESS_FILES_READ))
        call->exit_status = INSPECT_FAILED;
    return call->exit_status < 0;
}

uint64_t inspect_number(struct inspect_call *call, const char *option, const char *value,
                        const uint64_t range[2])
{
    char text[128];
    uint64_t n = 0;
    if (slice_to_u64(slice_str(value), &n) && n >= range[0] && n <= range[1])
        return n;
    (void)snprintf(text, sizeof(text), "%s takes a number from %" PRIu64 " to %" PRIu64 ", not ",
                   option, range[0], range[1]);
    inspect_usage(call, text, value);
    return range[0];
}

bool inspect_directory(struct inspect_call *call, char out[static STATE_PATH_MAX])
{
    char why[PRIVATE_WHY_MAX];
    char text[STATE_PATH_MAX + 64];
    if (state_look(call->data, call->program->state, out, why))
        return true;
    (void)snprintf(text, sizeof(text), "cannot use the state directory %s: ", out);
    call->exit_status = inspect_fail(call, text, why);
    return false;
}

static void say_how_to_begin(const struct inspect_call *call, const char *dir)
{
    bool relay = strcmp(call->program->name, "aditd") == 0;
    (void)inspect_fail(call, "there is no record yet in ", dir);
    (void)fprintf(stderr,
                  "%s writes one while it runs: start it with\n  %s%s%s\n"
                  "or say with --data DIR where the record is.\n",
                  relay ? "The relay" : "The agent", relay ? "aditd" : "adit http 8080",
                  call->data ? " --data " : "", call->data ? "DIR" : "");
}

static void wait_for_writers(const struct inspect_call *call, const char *dir)
{
    char who[64] = "a program that records";
    pid_t pid = 0;
    if (flush_wait(dir, call->compares, FLUSH_WAIT_MS, &pid))
        return;
    if (pid > 0)
        (void)snprintf(who, sizeof(who), "process %ld, which records,", (long)pid);
    (void)fprintf(stderr,
                  "%s %s: the newest exchanges may be missing: %s has not written all yet\n",
                  call->program->name, call->name, who);
}

struct record_reader *inspect_open(struct inspect_call *call)
{
    char dir[STATE_PATH_MAX];
    char path[STATE_PATH_MAX + 16];
    char why[RECORD_WHY_MAX];
    if (!inspect_directory(call, dir))
        return NULL;
    if (!call->follows)
        wait_for_writers(call, dir);
    record_path(dir, path);
    call->exit_status = INSPECT_FAILED;
    if (access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR)) {
        say_how_to_begin(call, dir);
        return NULL;
    }
    struct record_reader *r = record_reader_open(dir, why);
    if (!r)
        (void)inspect_fail(call, "", why);
    else
        call->exit_status = -1;
    if (r && call->decodes_all)
        record_reader_decode_all(r);
    return r;
}

void inspect_close(const struct inspect_call *call, struct record_reader *r)
{
    struct record_cut cut = {0};
    if (r)
        record_reader_cut(r, &cut);
    record_reader_close(r);
    if (cut.exchanges == 0)
        return;
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  "%s %s: of %" PRIu64
                  " exchange%s not all was decoded or searched, since it would be far larger than "
                  "what was recorded; --decode-all does it:",
                  call->program->name, call->name, cut.exchanges, text_plural(cut.exchanges));
    for (size_t i = 0; i < sizeof(cut.ids) / sizeof(cut.ids[0]) && cut.ids[i][0]; i++) {
        (void)fputc(' ', stderr);
        write_safe(stderr, slice_str(cut.ids[i]));
    }
    (void)fputs(cut.exchanges > 3 ? " …\n" : "\n", stderr);
}

struct filter *inspect_filter(struct inspect_call *call, int first)
{
    char text[FILTER_TEXT_MAX + 1];
    char name[64];
    size_t len = 0;
    struct timespec now;
    struct filter_mistake mistake = {0};
    for (int i = first; i < call->argc; i++) {
        size_t n = strlen(call->argv[i]);
        if (n + 1 > sizeof(text) - len) {
            inspect_usage(call, "this filter is too long", "");
            return NULL;
        }
        if (i > first)
            text[len++] = ' ';
        memcpy(text + len, call->argv[i], n);
        len += n;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct filter *f =
        filter_new(slice_of(text, len), (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, &mistake);
    if (f)
        return f;
    (void)snprintf(name, sizeof(name), "%s %s", call->program->name, call->name);
    filter_explain(stderr, name, slice_of(text, len), &mistake);
    call->exit_status = INSPECT_USAGE;
    return NULL;
}

void inspect_losses(const struct inspect_call *call, struct record_reader *r)
{
    struct record_losses losses;
    char size[TEXT_NUMBER_MAX];
    if (record_reader_losses(r, &losses))
        return;
    (void)fflush(stdout);
    if (losses.shed > 0 || losses.shed_bytes > 0)
        (void)fprintf(stderr,
                      "%s %s: the record is not complete: %" PRIu64
                      " exchanges and %s of bodies came faster than they could be kept\n",
                      call->program->name, call->name, losses.shed,
                      text_size(losses.shed_bytes, size));
    if (losses.trouble.len == 0)
        return;
    (void)fprintf(stderr, "%s %s: writing the record had trouble: ", call->program->name,
                  call->name);
    write_safe(stderr, losses.trouble);
    (void)fputc('\n', stderr);
}
