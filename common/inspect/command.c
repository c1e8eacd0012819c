// SPDX-License-Identifier: MIT
#include "command.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include "common/base/help.h"
#include "common/base/output.h"
#include "common/base/process.h"
#include "write.h"

enum {
    OPTIONS_MAX = 32, // of a command, the entry that ends them included
    OPTION_DATA = 1,
    OPTION_HELP = 2,
    OPTION_DECODE_ALL = 3
};

static const struct option_advice usual_advice[] = {
    {"v", "it means the version only without a command; there is no longer output here"},
    {"o", "the result goes to standard output: append > FILE"},
    {"output", "the result goes to standard output: append > FILE"},
    {NULL, NULL},
};

static void print_help(const struct inspect_call *call, const struct inspect_spec *spec)
{
    static const char usual[] =
        "Exit status: 0 success, 1 failure or nothing found, 2 wrong usage.\n";
    struct help h;
    char state[128];
    (void)snprintf(
        state, sizeof(state),
        "  --data DIR           where the record is (default: $XDG_STATE_HOME/adit/%s)\n",
        call->program->state);
    help_begin(&h, stdout, call->program->name);
    help_text(&h, spec->help);
    if (call->filters)
        help_text(&h, filter_flags_help);
    help_text(&h, state);
    help_text(&h, "  --decode-all         decode bodies to their end: otherwise decoding stops at\n"
                  "                       100 times the recorded size of a body, or when all\n"
                  "                       bodies together have grown by 256 MiB\n"
                  "  --help               also -h\n"
                  "\n");
    help_text(&h, spec->statuses ? spec->statuses : usual);
    help_end(&h);
}

void inspect_usage(struct inspect_call *call, const char *text, const char *word)
{
    const char *program = call->program->name;
    char shown[OPTIONS_SHOWN_MAX];
    char message[OPTIONS_MESSAGE_MAX];
    (void)snprintf(message, sizeof(message), "%s%s", text, options_redact(word, shown));
    options_redact_tokens(message);
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

int inspect_not_found(const struct inspect_call *call, const char *why)
{
    struct slice rest = slice_str(why);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s %s: ", call->program->name, call->name);
    while (rest.len > 0) {
        const char *end = memchr(rest.p, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.p) : rest.len;
        write_safe(stderr, slice_of(rest.p, len));
        (void)fputc('\n', stderr);
        len += end != NULL;
        rest = slice_of(rest.p + len, rest.len - len);
    }
    return INSPECT_FAILED;
}

int inspect_end(const struct inspect_call *call, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    const int why = output_failed(); // the errno of the first write that failed
    if (why == EPIPE)
        return INSPECT_FAILED; // the reader left on purpose: no message
    return inspect_fail(call, "cannot write: ", strerror(why));
}

static size_t count_options(const struct option *list)
{
    size_t n = 0;
    while (list[n].name)
        n++;
    return n;
}

// Joins the options of a command with those that all have. False: more than OPTIONS_MAX.
static bool join_options(const struct inspect_call *call, const struct option *own,
                         struct option out[static OPTIONS_MAX])
{
    static const struct option none[1];
    static const struct option usual[] = {
        {"data", required_argument, NULL, OPTION_DATA},
        {"decode-all", no_argument, NULL, OPTION_DECODE_ALL},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
    };
    const struct option *const lists[] = {own ? own : none,
                                          call->filters ? filter_flags_options : none, usual};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        size_t count = count_options(lists[i]);
        if (n + count >= OPTIONS_MAX)
            return false;
        memcpy(out + n, lists[i], count * sizeof(*out));
        n += count;
    }
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
    default:
        if (!call->filters || !filter_flags_take(&call->flags, option, call->walk.value))
            spec->take(call, option, call->walk.value);
        return;
    }
}

bool inspect_begin(struct inspect_call *call, const struct inspect_spec *spec, int argc,
                   char **argv)
{
    struct option options[OPTIONS_MAX];
    int option = 0;
    call->name = argv[0];
    call->exit_status = -1;
    // When the reader of our output leaves, there is nothing left to do: die of SIGPIPE.
    (void)signal(SIGPIPE, SIG_DFL);
    if (!join_options(call, spec->options, options)) {
        call->exit_status = inspect_fail(call, "too many options", "");
        return false;
    }
    options_begin(&call->walk, argc, argv, options);
    call->walk.advice = call->advice ? call->advice : usual_advice;
    while (call->exit_status < 0 && (option = options_next(&call->walk)) != OPTIONS_END)
        take(call, spec, option);
    call->argc = call->walk.words;
    call->argv = argv + options_first_word(&call->walk);
    call->walk.known = NULL; // `options` ends with this call
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
