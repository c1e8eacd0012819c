// SPDX-License-Identifier: MIT
// What the commands share: their options, the record they read, how they end.
#pragma once
#include "common/base/option_walk.h"
#include "filter_flags.h"
#include "inspect.h"

struct inspect_call;

// What a command has besides --data DIR and --help, which all have.
struct inspect_spec {
    const char *help;             // begins with examples; "@ " has the program's name for the @
    const struct option *options; // no flags, values above ' '; an entry of zeros ends them
    void (*take)(struct inspect_call *call, int option, const char *value);
    const char *statuses; // a line on the exit statuses; NULL: the usual ones
};

// One run of a command.
struct inspect_call {
    const struct inspect_program *program;
    const char *name;                   // of the command
    void *ctx;                          // the command's own, for take
    const struct option_advice *advice; // on options of other programs; NULL: the usual
    const char *data;                   // --data, or NULL
    int argc;                           // what is left when the options are taken
    char **argv;
    int exit_status;          // below 0: go on
    bool decodes_all;         // however large it becomes
    bool follows;             // it goes on with what comes: it need not wait for what is over
    bool compares;            // with the other end: it waits for reports, too
    bool filters;             // it takes a filter: it has the options of filter_flags.h, too
    struct options_walk walk; // over the command line, for take
    struct filter_flags flags;
    char filter[FILTER_TEXT_MAX + 1]; // by inspect_filter: all of it
};

// Takes the options. True: go on; false: return call->exit_status.
bool inspect_begin(struct inspect_call *call, const struct inspect_spec *spec, int argc,
                   char **argv);
// Says what is wrong with the command line and what to do; INSPECT_USAGE becomes the exit status.
// `what` is repeated as options_shown says.
void inspect_usage(struct inspect_call *call, const char *text, const char *what);
// Says what went wrong. Returns INSPECT_FAILED.
int inspect_fail(const struct inspect_call *call, const char *text, const char *why);
// Says why record_reader_find has found none, in its lines. Returns INSPECT_FAILED.
int inspect_not_found(const struct inspect_call *call, const char *why);
// Flushes stdout. Returns `status`, or INSPECT_FAILED when something could not be written.
int inspect_end(const struct inspect_call *call, int status);

// A number of a command line, `low` to `high`; inspect_usage when it is none.
uint64_t inspect_number(struct inspect_call *call, const char *option, const char *value,
                        const uint64_t range[2]);

// The directory of the record, which need not be there. False: said what is wrong.
bool inspect_directory(struct inspect_call *call, char out[static STATE_PATH_MAX]);
// Says on stderr of which exchanges not all was decoded, and closes the record. `r` may be NULL.
void inspect_close(const struct inspect_call *call, struct record_reader *r);
// Opens the record for reading, once all that was over before is in it; says so when it may not
// be. NULL: it said what is wrong and what to do.
struct record_reader *inspect_open(struct inspect_call *call);
// The filter that the arguments from `first` on make, joined by spaces, and with it the options
// that are comparisons. NULL: it said what is wrong, and call->exit_status is set.
struct filter *inspect_filter(struct inspect_call *call, int first);
// Whether there is one.
static inline bool inspect_has_filter(const struct inspect_call *call)
{
    return call->argc > 0 || call->flags.len > 0;
}
// Says on stderr what the record lacks, and what troubles its writers.
void inspect_losses(const struct inspect_call *call, struct record_reader *r);
// Says on stderr that no exchange matched: the filter, what the record has, and what to do.
void inspect_no_match(const struct inspect_call *call, struct record_reader *r);
// Says on stderr that none has matched yet, and that the command waits.
void inspect_waiting(const struct inspect_call *call);
