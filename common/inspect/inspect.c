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

size_t inspect_names(const char **names, size_t cap)
{
    size_t count = sizeof(commands) / sizeof(commands[0]);
    count = count < cap ? count : cap;
    for (size_t i = 0; i < count; i++)
        names[i] = commands[i].name;
    return count;
}
