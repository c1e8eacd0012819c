// SPDX-License-Identifier: MIT
// Shared by the commands: options, opening the record, the filter, messages, exit statuses.
#pragma once
#include "common/base/option_walk.h"
#include "filter_flags.h"
#include "inspect.h"

struct inspect_call;

// A command's help and options. All commands have --data DIR, --decode-all and --help besides.
struct inspect_spec {
    const char *help;             // begins with examples; "@ " becomes the program's name
    const struct option *options; // no flags, values above ' '; an entry of zeros ends them
    // Takes one option. `value` is NULL when it has none. Errors go to inspect_usage.
    void (*take)(struct inspect_call *call, int option, const char *value);
    const char *statuses; // a line on the exit statuses; NULL: the usual ones
};

// One run of a command. Set by the command before inspect_begin: program, ctx, and what differs
// from zero of advice, follows, compares, filters.
struct inspect_call {
    const struct inspect_program *program;
    const char *name;                   // of the command
    void *ctx;                          // for `take`
    const struct option_advice *advice; // on options of other programs; NULL: the usual
    const char *data;                   // --data, or NULL
    int argc;                           // words that are no options
    char **argv;
    int exit_status;          // negative: go on
    bool is_behind;           // events are in a spool that were to be in rows alone; set by
                              // inspect_open
    bool decodes_all;         // --decode-all: no limit on decoded sizes
    bool follows;             // prints what comes later: does not wait for writers that are stuck
    bool compares;            // compares with the other end: waits for its reports, too
    bool filters;             // takes a filter, and with it the options of filter_flags.h
    struct options_walk walk; // over the command line
    struct filter_flags flags;
    char filter[FILTER_TEXT_MAX + 1]; // the whole filter, set by inspect_filter
    char directory[STATE_PATH_MAX];   // of the record, set by inspect_open
};

// Takes the options, and prints the help when asked. True: go on. False: return
// call->exit_status.
bool inspect_begin(struct inspect_call *call, const struct inspect_spec *spec, int argc,
                   char **argv);
// Prints a usage error and "Try: … --help"; call->exit_status becomes INSPECT_USAGE. `word` of the
// command line is appended, unless it may be a secret (options_redact).
void inspect_usage(struct inspect_call *call, const char *text, const char *word);
// Prints an error, `text` and then `why`. Returns INSPECT_FAILED.
int inspect_fail(const struct inspect_call *call, const char *text, const char *why);
// Prints why record_reader_find found nothing: `why` may have several lines. Returns
// INSPECT_FAILED.
int inspect_not_found(const struct inspect_call *call, const char *why);
// Flushes stdout. Returns `status`, or INSPECT_FAILED when something could not be written.
int inspect_end(const struct inspect_call *call, int status);

// The number that an option got, from range[0] to range[1]; inspect_usage for anything else.
uint64_t inspect_number(struct inspect_call *call, const char *option, const char *value,
                        const uint64_t range[2]);

// The state directory of the record, which need not exist. False: an error was printed, and
// call->exit_status is set.
bool inspect_directory(struct inspect_call *call, char out[static STATE_PATH_MAX]);
// Waits until the writers of the record in `dir` have written all that is over by now. On stderr:
// how far they are if that takes long, and which of them is stuck or cannot be asked. False:
// something that was in a spool before is still there.
bool inspect_wait_for_writers(const struct inspect_call *call, const char *dir);
// Opens the record for reading, once its writers have written all that is over by now; a warning
// says so when they take too long. NULL: an error was printed, and call->exit_status is set.
struct record_reader *inspect_open(struct inspect_call *call);
// Closes the record, and names on stderr the exchanges that a size limit kept from being decoded
// whole. `r` may be NULL.
void inspect_close(const struct inspect_call *call, struct record_reader *r);
// The filter of the words from `first` on, joined by spaces, and of the options that are
// comparisons; the caller frees it. NULL: an error was printed, and call->exit_status is set.
struct filter *inspect_filter(struct inspect_call *call, int first);
// Whether the command line has a filter, in words or options.
static inline bool inspect_has_filter(const struct inspect_call *call)
{
    return call->argc > 0 || call->flags.len > 0;
}
// Prints on stderr what was left out of the record, and what hinders its writers.
void inspect_losses(const struct inspect_call *call, struct record_reader *r);
// Prints on stderr that no exchange matched: the filter, what the record has, and what to do.
void inspect_no_match(const struct inspect_call *call, struct record_reader *r);
// Prints on stderr that none has matched yet, and that the command waits.
void inspect_waiting(const struct inspect_call *call);
