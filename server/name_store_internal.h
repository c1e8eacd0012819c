// SPDX-License-Identifier: MIT
// Shared by the files of the store of names, from the bottom: name_store_restore.c (reads the file,
// once), name_store.c (writes it).
#pragma once
#include <stdio.h>
#include "name_store.h"

#define NAME_STORE_FILE "names"

typedef char name_store_path_text[STATE_PATH_MAX + 64];

// The path of the file of names with this suffix.
static inline void name_store_path(const struct name_store *s, const char *suffix,
                                   name_store_path_text out)
{
    (void)snprintf(out, sizeof(name_store_path_text), "%s/" NAME_STORE_FILE "%s", s->dir, suffix);
}

// Reads the file into s->routes. False when out of memory: nothing was read.
bool name_store_restore(struct name_store *s);
