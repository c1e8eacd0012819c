// SPDX-License-Identifier: MIT
#include "console.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "common/inspect/text.h"

enum {
    GATHER_MS = 5 // lines within this time are written together
};

void console_resized(struct console *c)
{
    if (!c->terminal)
        return;
    const size_t columns = text_terminal_columns(stdout);
    c->format.columns = columns < LINE_COLUMNS_MAX ? columns : LINE_COLUMNS_MAX;
}

// Writes an offset like "+01:00".
static void put_zone(char *out, size_t cap, const struct tm *tm)
{
    char zone[ZONE_MAX] = "+0000";
    (void)strftime(zone, sizeof(zone), "%z", tm);
    (void)snprintf(out, cap, "%.3s:%.2s", zone, strlen(zone) > 3 ? zone + 3 : "00");
}

// On a terminal the time of day; elsewhere date, time and zone (RFC 3339).
static void make_clock(struct console *c, const struct tm *tm)
{
    if (c->terminal) {
        (void)strftime(c->clock, sizeof(c->clock), "%H:%M:%S", tm);
        return;
    }
    size_t len = strftime(c->clock, sizeof(c->clock), "%Y-%m-%dT%H:%M:%S", tm);
    put_zone(c->clock + len, sizeof(c->clock) - len, tm);
}

void console_zone(const struct console *c, char out[static ZONE_MAX])
{
    const time_t now = time(NULL);
    struct tm tm;
    out[0] = 0;
    if (!c->terminal || !localtime_r(&now, &tm))
        return;
    (void)snprintf(out, ZONE_MAX, "UTC");
    if (tm.tm_gmtoff != 0)
        put_zone(out + 3, ZONE_MAX - 3, &tm);
}

static const char *clock_text(struct console *c)
{
    struct timespec now;
    struct tm tm;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != c->second && localtime_r(&now.tv_sec, &tm)) {
        c->second = now.tv_sec;
        make_clock(c, &tm);
        console_resized(c);
    }
    return c->clock;
}

// Prints a safe line.
static void print(struct console *c, struct line_buf *l)
{
    l->text[l->len] = '\n';
    line_writer_put(c->out, l->text, l->len + 1);
}

void console_exchange(struct console *c, const struct exchange *x, enum exchange_outcome why,
                      struct line_buf *l)
{
    const struct exchange_line_state state = {clock_text(c), x->facts.status,
                                              x->facts.ended_ns - x->facts.begun_ns, false, why};
    exchange_line(l, &c->format, x, &state);
}

void console_running(struct console *c, const struct exchange *x, unsigned status)
{
    struct line_buf l;
    const struct exchange_line_state state = {
        clock_text(c), status, uv_hrtime() - x->facts.begun_ns, true, EXCHANGE_COMPLETE};
    exchange_line(&l, &c->format, x, &state);
    print(c, &l);
}

static void on_exchange(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct console *c = ctx;
    struct line_buf l;
    console_exchange(c, x, why, &l);
    print(c, &l);
}

bool console_init(struct console *c)
{
    *c = (struct console){.second = -1, .out = line_writer_new(STDOUT_FILENO, "adit", GATHER_MS)};
    c->observer = (struct exchange_observer){.closed = on_exchange, .ctx = c};
    c->terminal = isatty(STDOUT_FILENO) == 1;
    c->format.colours = text_has_colours(stdout);
    console_resized(c);
    tzset(); // reads the zone's file now, not at the first line
    if (c->out && c->format.colours)
        line_writer_allow_colours(c->out);
    return c->out != NULL;
}

void console_deinit(struct console *c)
{
    line_writer_free(c->out);
}

void console_line(struct console *c, const char *format, ...)
{
    struct line_buf l;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l.text, sizeof(l.text), format, args);
    va_end(args);
    l.len = n < 0 ? 0 : (size_t)n;
    l.hidden = 0;
    if (l.len > LINE_BUF_BYTES - 1)
        l.len = LINE_BUF_BYTES - 1;
    line_buf_disarm(&l);
    print(c, &l);
}

void console_block(struct console *c, struct slice lines)
{
    line_writer_put(c->out, lines.p, lines.len);
}
