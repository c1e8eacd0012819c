// SPDX-License-Identifier: MIT
#include "progress.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/output.h"

enum {
    COUNT_AFTER_MS = 1000, // before a count appears
    STEP_MS = 200          // between two updates
};

static const uint64_t ms_ns = 1000000;

void progress_begin(struct progress *p)
{
    *p = (struct progress){.began_ns = clock_ns(), .wanted = isatty(STDERR_FILENO) == 1};
}

static bool is_due(const struct progress *p, unsigned after_ms)
{
    uint64_t now = p->wanted ? clock_ns() : 0;
    return p->wanted && now - p->began_ns >= after_ms * ms_ns &&
           now - p->shown_ns >= STEP_MS * ms_ns;
}

void progress_show_line(struct progress *p, const char *line, unsigned after_ms)
{
    if (!is_due(p, after_ms))
        return;
    p->shown_ns = clock_ns();
    output_status_line(line);
}

void progress_show(struct progress *p, uint64_t exchanges)
{
    char line[48];
    if (!is_due(p, COUNT_AFTER_MS))
        return;
    (void)snprintf(line, sizeof(line), "%" PRIu64 " exchanges", exchanges);
    progress_show_line(p, line, COUNT_AFTER_MS);
}

void progress_end(struct progress *p)
{
    if (p->shown_ns > 0)
        output_status_line("");
    p->shown_ns = 0;
}
