// SPDX-License-Identifier: MIT
// A directory with a file of names, and a relay's table and store on it. Its functions assert with
// cmocka.
#pragma once
#include "server/name_store.h"

// Two owners, as the file writes them.
#define OWNER_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OWNER_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

enum {
    NAME_FILES_TEXT_MAX = 4096,
    NAME_FILES_GONE_S = 60 // for which names are held
};

struct name_files {
    char dir[64], path[96]; // of the directory; of the file
    struct loop loop;
    struct routes routes;
    struct name_store store;
};

// For cmocka: `*state` becomes a struct name_files with an empty directory.
int name_files_setup(void **state);
int name_files_teardown(void **state);
// Deletes all that is in the directory.
void name_files_clear(const struct name_files *f);

// A start and a stop of the relay.
void name_files_open(struct name_files *f);
void name_files_close(struct name_files *f);
// Turns the loop until the store has written all changes.
void name_files_settle(struct name_files *f);

// Writes the file, and reads it with a zero behind it. Returns the length.
void name_files_put(const struct name_files *f, const void *bytes, size_t len);
void name_files_put_text(const struct name_files *f, const char *text);
size_t name_files_get(const struct name_files *f, char text[static NAME_FILES_TEXT_MAX]);

// An agent of this owner has had the name and is gone.
void name_files_leave(struct name_files *f, const char *name, const char *owner);
// Whether the name is held for this owner.
bool name_files_holds(const struct name_files *f, const char *name, const char *owner);
// Checks what must be true of the table whatever was in the file.
void name_files_check(const struct name_files *f);
