// SPDX-License-Identifier: MIT
#include "command_state_dir.h"
#include <stdio.h>
#include "common/base/output.h"

bool command_state_dir(const char *data, char dir[static STATE_PATH_MAX])
{
    char why[PRIVATE_WHY_MAX];
    bool ok = state_dir(data, "agent", dir, why);
    if (!ok)
        output_line(stderr,
                    "adit: cannot use the state directory %s: %s. Choose one with --data DIR", dir,
                    why);
    return ok;
}
