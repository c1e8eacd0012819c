// SPDX-License-Identifier: MIT
#include "requests_row_print.h"
#include "common/io/loop.h"
#include "json_exchange.h"
#include "requests_row_text.h"

void row_printer_init(struct row_printer *p, FILE *out, bool json, bool goes_on)
{
    *p = (struct row_printer){
        .out = out,
        .json = json,
        .colours = !json && text_has_colours(out),
        .terminal = !json && text_terminal_columns(out) > 0,
    };
    p->hosts = goes_on && !p->terminal;
    p->now_ns = wall_clock_ns();
}

// Whether the host differs from the first one, which is remembered. One that is longer than
// ROW_HOST_MAX differs from every other.
static bool is_other_host(struct row_printer *p, struct slice host)
{
    size_t len = host.len < ROW_HOST_MAX ? host.len : ROW_HOST_MAX;
    if (p->knows_host)
        return !slice_ieq(host, slice_of(p->host, p->host_len));
    memcpy(p->host, host.p ? host.p : "", len);
    p->host_len = len;
    p->knows_host = true;
    return false;
}

// Widens the column of times for this one, and notes whether its zone differs from today's.
static void expect_time(struct row_printer *p, int64_t began_ns)
{
    char zone[2][TEXT_TIME_MAX];
    enum text_date date = text_date_of(began_ns, p->now_ns);
    if (date > p->date)
        p->date = date;
    if (!p->headed && date != TEXT_DATE_NONE)
        p->zones =
            p->zones || strcmp(text_zone(began_ns, zone[0]), text_zone(p->now_ns, zone[1])) != 0;
}

void row_printer_expect(struct row_printer *p, const struct record_exchange *x)
{
    if (p->json)
        return;
    if (p->terminal)
        expect_time(p, x->began_ns);
    if (!p->hosts)
        p->hosts = is_other_host(p, x->host);
}

static void print_json(const struct row_printer *p, const struct record_exchange *x)
{
    struct json_writer w = {.out = p->out};
    json_exchange_summary(&w, NULL, x);
    json_end_line(&w);
}

void row_print(struct row_printer *p, const struct record_exchange *x)
{
    if (p->json) {
        print_json(p, x);
        return;
    }
    p->now_ns = wall_clock_ns();
    row_printer_expect(p, x);
    row_text_print(p, x);
}
