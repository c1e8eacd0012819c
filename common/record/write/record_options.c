// SPDX-License-Identifier: MIT
#include "record_options.h"

void record_options_take(struct options *o, struct recorder_config *c, int option,
                         const char *value)
{
    char shown[OPTIONS_SHOWN_MAX];
    if (option == 'N')
        c->no_redact = true;
    else if (option == 'R' && !recorder_set_level(c, value))
        options_wrong(o, "--record is not all, heads or none: ", value);
    else if (option == 'X' && !recorder_add_redact(c, value))
        options_wrong(o, "--redact is not FIELD or query:NAME, or one too many: ",
                      options_redact_name(value, shown));
}
