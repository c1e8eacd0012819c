// SPDX-License-Identifier: MIT
// Intrusive doubly linked lists: the links lie within the items. An item in several lists has
// several links. All zero is an empty list, or a link in no list.
#pragma once
#include <stddef.h>

struct list_link {
    struct list_link *prev, *next; // NULL at the ends
};

struct list {
    struct list_link *first, *last;
};

// The item that contains a link: LIST_ITEM(link, struct edge, in_set). `link` must not be NULL.
#define LIST_ITEM(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

// Inserts a link, which is in no list, at the end.
static inline void list_append(struct list *list, struct list_link *link)
{
    *link = (struct list_link){.prev = list->last};
    if (list->last)
        list->last->next = link;
    else
        list->first = link;
    list->last = link;
}

// Inserts a link, which is in no list, at the beginning.
static inline void list_prepend(struct list *list, struct list_link *link)
{
    *link = (struct list_link){.next = list->first};
    if (list->first)
        list->first->prev = link;
    else
        list->last = link;
    list->first = link;
}

// Removes a link from the list that contains it.
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

// Removes the first link and returns it; NULL when the list is empty.
static inline struct list_link *list_take_first(struct list *list)
{
    struct list_link *link = list->first;
    if (!link)
        return NULL;
    list->first = link->next;
    if (list->first)
        list->first->prev = NULL;
    else
        list->last = NULL;
    *link = (struct list_link){0};
    return link;
}
