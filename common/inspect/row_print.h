// SPDX-License-Identifier: MIT
// Exchanges as lines: for people at a terminal, for files and pipes, or as JSON.
//
// On a terminal a line fits, whatever is in it, and a heading names the columns, the zone of the
// times, and the host as long as there is only one. Into files and pipes nothing is cut.
#pragma once
#include <stdio.h>
#include "common/record/record.h"
#include "text.h"

enum {
    ROW_HOST_MAX = 256 // bytes of a host that others are compared with
};

struct row_printer {
    FILE *out;
    bool json;
    bool colours;
    bool terminal;
    bool headed;         // the heading stands
    bool hosts;          // lines have the host, since there are several
    bool knows_host;     // the first one is known
    bool zones;          // times have several, as in summer and winter
    int64_t now_ns;      // since 1970
    enum text_date date; // that times need in this listing
    size_t host_len;
    char host[ROW_HOST_MAX]; // the first one
};

// `goes_on`: what will be printed is not known beforehand. Without a heading every line has its
// host then.
void row_printer_init(struct row_printer *p, FILE *out, bool json, bool goes_on);
// Looks at an exchange that is going to be printed: whether all lines need the host, or a date. One
// that is printed without this is looked at then, and lines above it stay as they are.
void row_printer_look(struct row_printer *p, const struct record_exchange *x);
void row_print(struct row_printer *p, const struct record_exchange *x);
