// SPDX-License-Identifier: MIT
// Shared by the files of `adit replay`: options (replay_options.c), output (replay_print.c), and
// the run itself (replay.c).
#pragma once
#include "client/service.h"
#include "common/base/state.h"
#include "common/inspect/command.h"
#include "common/inspect/compare.h"
#include "replay_send.h"

struct replay {
    struct inspect_call call;
    struct replay_changes changes;
    struct service to;
    bool has_to, yes, json;
    bool output_closed; // the reader of our output has gone: stop
    unsigned times;
    const char *body_file;
    char *body, *fields; // contents of files; `changes` points into them
    size_t fields_len;
    char dir[STATE_PATH_MAX];
    struct record_reader *reader;
    struct replay_sender sender;
};

// Takes one option; what is wrong with it goes to inspect_usage. `call->ctx` is the struct replay.
void replay_take_option(struct inspect_call *call, int option, const char *value);
// Checks --data, which curl's users may mean as a body. False: inspect_usage has been called.
bool replay_check_data(struct replay *p);
// Reads --body-file, if given, into `changes`. False: `errno` says why.
bool replay_read_body(struct replay *p);
// Frees what was read from files.
void replay_free_files(struct replay *p);

// Prints why one exchange was not replayed, or its replay not shown. Returns INSPECT_FAILED.
int replay_fail(const struct replay *p, const char *id, const char *why);
// Names on stderr the fields that are not sent because the record has no values of them.
void replay_print_omitted(const struct replay *p, const struct replay_request *r, const char *id);
// Prints the result of one replay, compared with the first answer. False: the record does not have
// it, and stderr says why.
bool replay_print(struct replay *p, const struct compare_input *first,
                  const struct replay_inbound_result *result);
// Whether the service has sent a complete response.
bool replay_is_answered(const struct replay_inbound_result *r);
