// SPDX-License-Identifier: MIT
#include "display.h"

bool display_init(struct display *d, bool print_bodies)
{
    if (!console_init(&d->console))
        return false;
    bodies_init(&d->bodies, &d->console);
    tally_init(&d->tally);
    struct exchange_observer *first = print_bodies ? &d->bodies.observer : &d->console.observer;
    first->next = &d->tally.observer;
    d->observer = first;
    return true;
}

void display_deinit(struct display *d)
{
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
