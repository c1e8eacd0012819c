// SPDX-License-Identifier: MIT
#include "display.h"
#include <signal.h>

static void on_resized(uv_signal_t *handle, int number)
{
    (void)number;
    console_resized(handle->data);
}

bool display_init(struct display *d, struct loop *loop, bool print_bodies)
{
    if (!console_init(&d->console))
        return false;
    bodies_init(&d->bodies, &d->console);
    lasting_init(&d->lasting, loop, &d->console);
    tally_init(&d->tally);
    struct exchange_observer *first = print_bodies ? &d->bodies.observer : &d->console.observer;
    first->next = &d->tally.observer;
    d->lasting.observer.next = first;
    d->observer = &d->lasting.observer;
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
    bodies_deinit(&d->bodies);
    tally_deinit(&d->tally);
}

void display_table(struct display *d)
{
    struct buf table = {0};
    if (tally_table(&d->tally, &table))
        console_block(&d->console, slice_of(buf_at(&table), buf_len(&table)));
    else
        console_line(&d->console, "adit: there is no memory for the table of paths");
    buf_free(&table);
}
