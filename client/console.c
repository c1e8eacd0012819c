// SPDX-License-Identifier: MIT
#include "console.h"
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static void on_flush(struct loop_task *task)
{
    (void)task;
    (void)fflush(stdout);
}

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

static void bytes_text(uint64_t bytes, char out[static 24])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, 24, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void duration_text(uint64_t ns, char out[static 24])
{
    double ms = (double)ns / 1e6;
    if (ms < 1000)
        (void)snprintf(out, 24, "%.1f ms", ms);
    else
        (void)snprintf(out, 24, "%.2f s", ms / 1000);
}

static void on_exchange(void *ctx, const struct exchange *x, enum exchange_why why)
{
    struct console *c = ctx;
    char bytes[24];
    char duration[24];
    char status[8] = "-";
    char note[64] = "";
    bytes_text(x->direction[OUTBOUND].bytes, bytes);
    duration_text(uv_hrtime() - x->begun_ns, duration);
    if (x->status)
        (void)snprintf(status, sizeof(status), "%u", x->status);
    if (x->refused)
        (void)snprintf(note, sizeof(note), "  %s", answer_code(x->answer));
    else if (why != EXCHANGE_COMPLETE)
        (void)snprintf(note, sizeof(note), "  (%s)", exchange_whystr(why));
    console_line(c, "%s %s %s %s %s %s%s", clock_text(c), x->method, x->target, status, bytes,
                 duration, note);
}

void console_init(struct console *c, struct loop *l)
{
    *c = (struct console){.loop = l, .flush.run = on_flush, .second = -1};
    c->observer = (struct exchange_observer){on_exchange, c};
}

void console_line(struct console *c, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    // What came from a visitor may not move the cursor.
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || (unsigned char)line[i] >= 0x7f)
            line[i] = '?';
    line[len] = '\n';
    (void)fwrite(line, 1, len + 1, stdout);
    loop_queue(c->loop, &c->flush);
}
