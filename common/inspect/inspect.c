// SPDX-License-Identifier: MIT
#include "inspect.h"

static const struct {
    const char *name;
    inspect_command *run;
} commands[] = {
    {"requests", inspect_requests}, {"show", inspect_show},     {"stats", inspect_stats},
    {"diff", inspect_diff},         {"verify", inspect_verify}, {"export", inspect_export},
    {"delete", inspect_delete},
};

inspect_command *inspect_find(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run;
    return NULL;
}
