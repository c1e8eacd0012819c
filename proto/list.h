// SPDX-License-Identifier: MIT
// Doubly linked lists whose links lie within their items. All zero is an empty list, and a link
// that is in no list; an item that is to be in several lists at once has several links.
#pragma once
#include <stddef.h>

struct list_link {
    struct list_link *prev, *next; // NULL at the ends
};

struct list {
    struct list_link *first, *last;
};

// The item in which a link lies: LIST_ITEM(link, struct edge, in_set). `link` may not be NULL.
#define LIST_ITEM(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

// Puts a link that is in no list at the end.
static inline void list_append(struct list *list, struct list_link *link)
{
    *link = (struct list_link){.prev = list->last};
    if (list->last)
        list->last->next = link;
    else
        list->first = link;
    list->last = link;
}

// Puts a link that is in no list at the beginning.
static inline void list_prepend(struct list *list, struct list_link *link)
{
    *link = (struct list_link){.next = list->first};
    if (list->first)
        list->first->prev = link;
    else
        list->last = link;
    list->first = link;
}

// Takes a link out of the list that it is in.
static inline void list_remove(struct list *list, struct list_link *link)
{
    if (link->prev)
        link->prev->next = link->next;
    else
        list->first = link->next;
    if (link->next)
        link->next->prev = link->prev;
    else
        list->last = link->prev;
    *link = (struct list_link){0};
}
