// SPDX-License-Identifier: MIT
// What the files of the store share: store.c (opening, writing), store_trim.c (deleting).
#pragma once
#include "store.h"

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    INSERT_EXCHANGE,
    UPDATE_EXCHANGE,
    INSERT_BODY,
    INSERT_MESSAGE,
    FIND_TUNNEL,
    INSERT_TUNNEL,
    GROW_TUNNEL,
    COUNT_WRITER,
    PAGES,
    OLDEST,
    FULLEST_TUNNEL,
    FULLEST_ENDED,
    OLDEST_OF_TUNNEL,
    DELETE_EXCHANGE,
    DELETE_BODY,
    DELETE_MESSAGE,
    STATEMENTS
};

enum {
    TUNNELS_CACHED = 64
};

struct store_tunnel {
    char name[64];
    int64_t id;      // 0: empty
    uint64_t growth; // of this transaction
};

struct store {
    sqlite3 *db;
    struct store_config config;
    int lock_file;
    int64_t writer;
    sqlite3_stmt *statements[STATEMENTS];
    struct store_tunnel tunnels[TUNNELS_CACHED];
};

// The statement, prepared once, to be stepped and reset. NULL: an error, as sqlite3_errcode says.
sqlite3_stmt *store_statement(struct store *s, enum statement which);
// Steps a statement that brings no rows, and resets it.
int store_run(struct store *s, sqlite3_stmt *statement);
