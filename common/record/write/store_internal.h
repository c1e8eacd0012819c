// SPDX-License-Identifier: MIT
// Shared by the files of the store, from the bottom: store_sql.c (statements), store_files.c
// (files), store_spool.c (spools), store_open.c (opening and closing), store_tunnel.c (rows of
// tunnels), store.c (transactions and rows of exchanges), store_trim.c (deleting).
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
    NEXT_ROWS,
    OLD_AMONG,
    FULLEST_TUNNEL,
    FULLEST_ENDED,
    OLDEST_OF_TUNNEL,
    INSERT_SEQ_RANGE,
    CLEAR_SEQ_RANGES,
    DELETE_EXCHANGE,
    DELETE_BODY,
    DELETE_MESSAGE,
    SAVE_POSITION,
    ADD_COUNTS,
    STATEMENTS
};

enum {
    TUNNELS_CACHED = 64
};

// Consecutive rows of the table exchange, with the ids of a tunnel's exchanges among them: a row of
// the table span, by which exchanges are found without an index per exchange.
struct store_seq_range {
    int64_t first, last; // 0: none
    char first_id[EXCHANGE_ID_LEN + 1], last_id[EXCHANGE_ID_LEN + 1];
    bool dirty; // not written yet
};

struct store_tunnel {
    char name[64], owner[RECORD_OWNER_MAX + 1], address[RECORD_ADDRESS_MAX + 1];
    int64_t id;      // 0: the entry is empty
    uint64_t growth; // bytes added in this transaction
    struct store_seq_range range;
};

struct store {
    sqlite3 *db;
    struct store_config config;
    int lock_file;
    int64_t writer;
    char spool[SPOOL_ID_MAX]; // "": none
    bool keeps_spool;         // store_keep_spool was called
    sqlite3_stmt *statements[STATEMENTS];
    struct store_tunnel tunnels[TUNNELS_CACHED];
    int64_t aged_ns;            // store_trim last looked at all rows for their age
    int64_t aged_seq, aged_end; // the look that goes on: it has seen the rows up to the first one
    // store_tidy
    int64_t tidied_ns;   // its last step
    int64_t scrub_at_ns; // the next pass may begin
    uint32_t scrub_page; // the pass's next page; 0: no pass
    bool unclean;        // rows were deleted since the pass began
    bool has_deleted;    // rows were deleted by this store
};

// A prepared statement, to be stepped and reset. NULL: an error, in sqlite3_extended_errcode.
sqlite3_stmt *store_statement(struct store *s, enum statement which);
// Steps a statement whose rows, if any, do not matter, and resets it. NULL, from store_statement:
// returns its error.
int store_run(struct store *s, sqlite3_stmt *statement);

// Bind a value, which must live until the statement has run. NULL is bound for an empty slice and a
// negative time.
void store_bind_text(sqlite3_stmt *q, int at, struct slice text);
void store_bind_blob(sqlite3_stmt *q, int at, struct slice bytes);
void store_bind_ns(sqlite3_stmt *q, int at, int64_t ns);

// errno of a file that could not be opened, as an SQLite error.
int store_open_error(void);
// Creates the database if there is none, and identifies its file.
int store_find_file(const char *path, struct store_file *file);
// Whether the database was moved or removed since it was opened.
bool store_is_moved(struct store *s);

// The row of the writer's spool, in the table spool. store_find_spool returns SQLITE_DONE if there
// is none.
int store_insert_spool(struct store *s);
int store_find_spool(struct store *s, int64_t *writer, struct spool_position *indexed);
int store_delete_spool(struct store *s);
// Whether a dead writer left a spool. Forgets a spool whose directory is gone.
bool store_has_spool(struct store *s, int64_t writer, int *error);

// The cache of tunnels. store_tunnels_write writes its pending changes before a commit;
// store_tunnels_forget drops them after a rollback.
void store_tunnels_begin(struct store *s);
int store_tunnels_write(struct store *s);
void store_tunnels_forget(struct store *s);
// The tunnel of an exchange, inserted if new; its owner and address are updated if the exchange has
// any. Valid until the next call.
int store_tunnel_of(struct store *s, const struct record_exchange *x, struct store_tunnel **out);
// Adds an inserted exchange to its tunnel's ranges.
int store_tunnel_add(struct store *s, struct store_tunnel *t, int64_t seq, const char *id);
// Deletes ranges that became empty: exchanges from row `first` to row `last` were deleted.
int store_tunnel_remove(struct store *s, int64_t tunnel, int64_t first, int64_t last);
