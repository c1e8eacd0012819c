// SPDX-License-Identifier: MIT
// The options that say what is recorded, shared by all programs that record.
#pragma once
#include "common/base/options.h"
#include "recorder.h"

// Entries of a table of options, before OPTIONS_COMMON; and their lines of --help.
#define OPTIONS_RECORD                                                                  \
    {"record", required_argument, NULL, 'R'}, {"redact", required_argument, NULL, 'X'}, \
    {                                                                                   \
        "no-redact", no_argument, NULL, 'N'                                             \
    }
#define OPTIONS_RECORD_HELP                                                                     \
    "  --record all|heads|none\n"                                                               \
    "                       what to record of exchanges: everything, everything but bodies,\n"  \
    "                       or nothing (default: all)\n"                                        \
    "  --redact FIELD|query:NAME\n"                                                             \
    "                       do not record the value of this field, or of this parameter of\n"   \
    "                       URLs; may be repeated\n"                                            \
    "  --no-redact          record credentials too: Authorization, Cookie, X-Api-Key, tokens\n" \
    "                       in URLs and the like (docs/record.md)\n"

// Applies one of these options. An invalid value is reported by options_wrong.
void record_options_take(struct options *o, struct recorder_config *c, int option,
                         const char *value);
