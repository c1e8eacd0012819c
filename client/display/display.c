// SPDX-License-Identifier: MIT
#include "display.h"
#include <signal.h>
#include "common/inspect/shell_quote.h"

enum {
    DATA_SHOWN_MAX = 160 // bytes of a quoted directory; a longer one is shown as DIR
};

static void on_resized(uv_signal_t *handle, int number)
{
    (void)number;
    console_resized(handle->data);
}

bool display_init(struct display *d, struct worker *w, bool print_bodies)
{
    struct loop *loop = &w->loop;
    if (!console_init(&d->console))
        return false;
    exchange_dump_init(&d->dump, &d->console);
    long_exchanges_init(&d->long_exchanges, loop, &d->console);
    path_stats_init(&d->path_stats);
    worker_observe(w, &d->path_stats.observer);
    worker_observe(w, print_bodies ? &d->dump.observer : &d->console.observer);
    worker_observe(w, &d->long_exchanges.observer);
    (void)uv_signal_init(&loop->uv, &d->resized);
    d->resized.data = &d->console;
    (void)uv_signal_start(&d->resized, on_resized, SIGWINCH);
    uv_unref((uv_handle_t *)&d->resized);
    return true;
}

void display_deinit(struct display *d)
{
    uv_close((uv_handle_t *)&d->resized, NULL);
    console_deinit(&d->console);
    exchange_dump_deinit(&d->dump);
    path_stats_deinit(&d->path_stats);
}

// " --data DIRECTORY", quoted for a shell; the word DIR replaces one that is long or not ASCII.
static void put_data(struct buf *out, const char *data)
{
    struct buf quoted = {0};
    if (!data)
        return;
    bool fits =
        shell_quote(&quoted, slice_str(data)) && buf_len(&quoted) <= DATA_SHOWN_MAX &&
        printable_ascii_len(slice_of(buf_at(&quoted), buf_len(&quoted))) == buf_len(&quoted);
    (void)buf_append(out, " --data ", 8);
    if (fits)
        (void)buf_append(out, buf_at(&quoted), buf_len(&quoted));
    else
        (void)buf_append(out, "DIR", 3);
    buf_free(&quoted);
}

void display_begin(struct display *d, bool recorded, const char *data)
{
    char zone[ZONE_MAX];
    struct buf where = {0};
    console_zone(&d->console, zone);
    if (!recorded) {
        if (zone[0])
            console_line(&d->console, "adit: times: %s", zone);
        return;
    }
    put_data(&where, data);
    const int len = (int)buf_len(&where);
    const char *text = len > 0 ? buf_at(&where) : "";
    console_line(&d->console,
                 "adit: to look closer: adit requests --follow%.*s, adit show last%.*s%s%s%s", len,
                 text, len, text, zone[0] ? " (times: " : "", zone, zone[0] ? ")" : "");
    buf_free(&where);
}

void display_table(struct display *d)
{
    struct buf table = {0};
    console_resized(&d->console);
    if (path_stats_table(&d->path_stats, d->console.format.columns, &table))
        console_block(&d->console, slice_of(buf_at(&table), buf_len(&table)));
    else
        console_line(&d->console, "adit: out of memory: there is no table of paths");
    buf_free(&table);
}
