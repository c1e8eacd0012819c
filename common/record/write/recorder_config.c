// SPDX-License-Identifier: MIT
// A recorder's configuration from the command line.
#include "recorder.h"
#include "redact.h"

bool recorder_set_level(struct recorder_config *c, const char *text)
{
    static const char *const levels[] = {[EXCHANGE_RECORD_ALL] = "all",
                                         [EXCHANGE_RECORD_HEADS] = "heads",
                                         [EXCHANGE_RECORD_NONE] = "none"};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(text, levels[i]) != 0)
            continue;
        c->level = (enum exchange_record)i;
        return true;
    }
    return false;
}

bool recorder_add_redact(struct recorder_config *c, const char *name)
{
    if (c->redact_count == RECORDER_REDACT_MAX || !redact_is_name(slice_str(name)))
        return false;
    c->redact[c->redact_count++] = name;
    return true;
}
