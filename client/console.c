// SPDX-License-Identifier: MIT
#include "console.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "common/loop.h"
#include "proto/credentials.h"

enum {
    GATHER_MS = 5,      // lines that follow a line closely are written together
    TARGET_GROWTH = 100 // bytes by which marks for values make a target longer
};

static const char *clock_text(struct console *c)
{
    struct timespec now;
    struct tm tm;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != c->second && localtime_r(&now.tv_sec, &tm)) {
        c->second = now.tv_sec;
        (void)strftime(c->clock, sizeof(c->clock), "%H:%M:%S", &tm);
    }
    return c->clock;
}

// A safe line, and its line feed.
static void print(struct console *c, struct line *l)
{
    l->text[l->len] = '\n';
    writer_line(c->out, l->text, l->len + 1);
}

// Without the values of credentials: lines are copied from terminals, and kept by who runs us.
static void put_target(struct line *l, const char *target)
{
    char shown[EXCHANGE_TARGET_MAX + TARGET_GROWTH + 1];
    struct credential_sink sink = {.at = shown, .left = sizeof(shown) - 1};
    const struct slice text = slice_str(target);
    if (!credential_may_be_in(text)) {
        line_put(l, target);
        return;
    }
    credential_write_url(&sink, text, CREDENTIAL_TARGET, &credential_rules_all);
    *sink.at = 0;
    line_put(l, shown);
}

void console_exchange(struct console *c, const struct exchange *x, enum exchange_why why,
                      struct line *l)
{
    line_clear(l);
    line_put(l, clock_text(c));
    line_put(l, " ");
    line_put(l, x->method);
    line_put(l, " ");
    put_target(l, x->target);
    line_put(l, " ");
    if (x->status)
        line_number(l, x->status);
    else
        line_put(l, "-");
    line_put(l, " ");
    line_bytes(l, x->direction[OUTBOUND].bytes);
    line_put(l, " ");
    line_duration(l, x->ended_ns - x->begun_ns);
    if (x->refused || why != EXCHANGE_COMPLETE) {
        line_put(l, x->refused ? "  " : "  (");
        line_put(l, x->refused ? answer_code(x->answer) : exchange_whystr(why));
        line_put(l, x->detail[0] ? ": " : "");
        line_put(l, x->detail);
        line_put(l, x->refused ? "" : ")");
    }
    line_disarm(l);
}

static void on_exchange(void *ctx, struct exchange *x, enum exchange_why why)
{
    struct console *c = ctx;
    struct line l;
    console_exchange(c, x, why, &l);
    print(c, &l);
}

bool console_init(struct console *c)
{
    *c = (struct console){.second = -1, .out = writer_new(STDOUT_FILENO, "adit", GATHER_MS)};
    c->observer = (struct exchange_observer){.closed = on_exchange, .ctx = c};
    tzset(); // reads its file now, not when the first line is due
    return c->out != NULL;
}

void console_deinit(struct console *c)
{
    writer_free(c->out);
}

void console_line(struct console *c, const char *format, ...)
{
    struct line l;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l.text, sizeof(l.text), format, args);
    va_end(args);
    l.len = n < 0 ? 0 : (size_t)n;
    if (l.len > LINE_BYTES - 1)
        l.len = LINE_BYTES - 1;
    line_disarm(&l);
    print(c, &l);
}

void console_block(struct console *c, struct slice lines)
{
    writer_line(c->out, lines.p, lines.len);
}
