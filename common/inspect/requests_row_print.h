// SPDX-License-Identifier: MIT
// Exchanges as lines: for people at a terminal, for files and pipes, or as JSON.
//
// On a terminal every line fits, and a heading names the columns, the time zone, and the host while
// there is only one. In files and pipes nothing is cut.
#pragma once
#include <stdio.h>
#include "common/record/record.h"
#include "text.h"

enum {
    ROW_HOST_MAX = 256 // bytes of a host that are compared with others
};

struct row_printer {
    FILE *out;
    bool json;
    bool colours;
    bool terminal;
    bool headed;         // the heading was printed
    bool hosts;          // lines have the host, since there are several
    bool knows_host;     // `host` is set
    bool zones;          // times are in several zones, as in summer and winter
    int64_t now_ns;      // since 1970
    enum text_date date; // the part of the date that times show
    size_t host_len;
    char host[ROW_HOST_MAX]; // the first one
};

// `goes_on`: more exchanges may come than row_printer_expect announces. Lines of files and pipes
// then have their hosts from the first on, since there is no heading.
void row_printer_init(struct row_printer *p, FILE *out, bool json, bool goes_on);
// Announces an exchange that will be printed, for the choice of columns: host and date. row_print
// does so too, too late for the lines before.
void row_printer_expect(struct row_printer *p, const struct record_exchange *x);
void row_print(struct row_printer *p, const struct record_exchange *x);
