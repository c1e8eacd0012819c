// SPDX-License-Identifier: MIT
#include "console.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "common/loop.h"

enum {
    LINE_BYTES = 512,
    GATHER_MS = 5 // lines that follow a line closely are written together
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

// A line is put together by hand: at tens of thousands a second, printf was a twentieth of the
// agent's work.
struct line {
    char text[LINE_BYTES];
    size_t len;
};

static void put(struct line *l, const char *s)
{
    size_t len = strlen(s);
    size_t room = LINE_BYTES - 1 - l->len;
    memcpy(l->text + l->len, s, len < room ? len : room);
    l->len += len < room ? len : room;
}

static void put_number(struct line *l, uint64_t n)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;
    digits[at] = 0;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    put(l, digits + at);
}

// n / unit with `places` decimal places.
static void put_ratio(struct line *l, uint64_t n, uint64_t unit, unsigned places)
{
    put_number(l, n / unit);
    if (places > 0)
        put(l, ".");
    for (n %= unit; places > 0; places--, n = n * 10 % unit)
        put_number(l, n * 10 / unit);
}

static void put_bytes(struct line *l, uint64_t bytes)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    uint64_t unit = 1;
    size_t i = 0;
    for (; bytes / unit >= 1024 && i < 4; i++)
        unit *= 1024;
    put_ratio(l, bytes, unit, i > 0 ? 1 : 0);
    put(l, units[i]);
}

static void put_duration(struct line *l, uint64_t ns)
{
    bool short_one = ns < 1000000000;
    put_ratio(l, ns, short_one ? 1000000 : 1000000000, short_one ? 1 : 2);
    put(l, short_one ? " ms" : " s");
}

// What came from a visitor may not move the cursor.
static void print(struct console *c, struct line *l)
{
    for (size_t i = 0; i < l->len; i++)
        if ((unsigned char)l->text[i] < 0x20 || (unsigned char)l->text[i] >= 0x7f)
            l->text[i] = '?';
    l->text[l->len] = '\n';
    writer_line(c->out, l->text, l->len + 1);
}

static void on_exchange(void *ctx, struct exchange *x, enum exchange_why why)
{
    struct console *c = ctx;
    struct line l;
    l.len = 0;
    put(&l, clock_text(c));
    put(&l, " ");
    put(&l, x->method);
    put(&l, " ");
    put(&l, x->target);
    put(&l, " ");
    if (x->status)
        put_number(&l, x->status);
    else
        put(&l, "-");
    put(&l, " ");
    put_bytes(&l, x->direction[OUTBOUND].bytes);
    put(&l, " ");
    put_duration(&l, uv_hrtime() - x->begun_ns);
    if (x->refused || why != EXCHANGE_COMPLETE) {
        put(&l, x->refused ? "  " : "  (");
        put(&l, x->refused ? answer_code(x->answer) : exchange_whystr(why));
        put(&l, x->refused ? "" : ")");
    }
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
    print(c, &l);
}
