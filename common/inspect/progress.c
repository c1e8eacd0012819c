// SPDX-License-Identifier: MIT
#include "progress.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/output.h"

static const uint64_t first_ns = 1000000000; // before the line appears
static const uint64_t step_ns = 200000000;   // between two updates

void progress_begin(struct progress *p)
{
    *p = (struct progress){.began_ns = clock_ns(), .wanted = isatty(STDERR_FILENO) == 1};
}

void progress_show(struct progress *p, uint64_t exchanges)
{
    char line[48];
    uint64_t now = p->wanted ? clock_ns() : 0;
    if (!p->wanted || now - p->began_ns < first_ns || now - p->shown_ns < step_ns)
        return;
    p->shown_ns = now;
    (void)snprintf(line, sizeof(line), "%" PRIu64 " exchanges", exchanges);
    output_status_line(line);
}

void progress_end(struct progress *p)
{
    if (p->shown_ns > 0)
        output_status_line("");
    p->shown_ns = 0;
}
