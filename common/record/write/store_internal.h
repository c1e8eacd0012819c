// SPDX-License-Identifier: MIT
// What the files of the store share. From the bottom: store_sql.c (statements), store_files.c
// (files), store_open.c (opening and closing), store_tunnel.c (rows of tunnels), store.c
// (transactions and rows of exchanges), store_trim.c (deleting).
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
    OWN_TUNNEL,
    GROW_TUNNEL,
    COUNT_WRITER,
    PAGES,
    OLDEST,
    FULLEST_TUNNEL,
    FULLEST_ENDED,
    OLDEST_OF_TUNNEL,
    INSERT_SEQ_RANGE,
    CLEAR_SEQ_RANGES,
    DELETE_EXCHANGE,
    DELETE_BODY,
    DELETE_MESSAGE,
    STATEMENTS
};

enum {
    TUNNELS_CACHED = 64
};

// Rows of exchanges, some of which are those of a tunnel, with ids from `first_id` to `last_id`.
struct store_seq_range {
    int64_t first, last; // 0: none
    char first_id[EXCHANGE_ID_LEN + 1], last_id[EXCHANGE_ID_LEN + 1];
    bool dirty; // that are not written
};

struct store_tunnel {
    char name[64], owner[RECORD_OWNER_MAX + 1], address[RECORD_ADDRESS_MAX + 1];
    int64_t id;      // 0: empty
    uint64_t growth; // of this transaction
    struct store_seq_range range;
};

struct store {
    sqlite3 *db;
    struct store_config config;
    int lock_file;
    int64_t writer;
    sqlite3_stmt *statements[STATEMENTS];
    struct store_tunnel tunnels[TUNNELS_CACHED];
    // Of what store_tidy does: when it last did anything and may next begin to scrub; the page that
    // is next, 0: none; whether anything was deleted since it began, or ever.
    int64_t tidied_ns, scrub_at_ns;
    uint32_t scrub_page;
    bool unclean, has_deleted;
};

// The statement, prepared once, to be stepped and reset. NULL: an error, as sqlite3_errcode says.
sqlite3_stmt *store_statement(struct store *s, enum statement which);
// Steps a statement that brings no rows, and resets it.
int store_run(struct store *s, sqlite3_stmt *statement);

// Bind a value, which must live until the statement has run; NULL for an empty one, or a time below
// 0.
void store_bind_text(sqlite3_stmt *q, int at, struct slice text);
void store_bind_blob(sqlite3_stmt *q, int at, struct slice bytes);
void store_bind_ns(sqlite3_stmt *q, int at, int64_t ns);

// errno of a file that could not be opened, as an SQLite error.
int store_open_error(void);
// Creates the database if there is none, and tells which file it is.
int store_find_file(const char *path, struct store_file *file);
// Whether the database was moved or removed since it was opened.
bool store_is_moved(struct store *s);

void store_tunnels_begin(struct store *s);
int store_tunnels_write(struct store *s);
void store_tunnels_forget(struct store *s);
// The tunnel of this exchange, made when it is new; its owner and address are those of the last
// exchange that has any. Valid until another one is asked for.
int store_tunnel_of(struct store *s, const struct record_exchange *x, struct store_tunnel **out);
// It has a new exchange.
int store_tunnel_add(struct store *s, struct store_tunnel *t, int64_t seq, const char *id);
// Some of its exchanges from row `first` to row `last` were deleted.
int store_tunnel_remove(struct store *s, int64_t tunnel, int64_t first, int64_t last);
