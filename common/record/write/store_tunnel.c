// SPDX-License-Identifier: MIT
// Tunnels: their rows, their sizes, and the ranges of rows that their exchanges are in. A cache,
// direct-mapped by name, collects changes until the transaction's end or the entry's eviction.
#include "proto/hash.h"
#include "store_internal.h"

static int write_growth(struct store *s, struct store_tunnel *t)
{
    if (t->growth == 0)
        return SQLITE_OK;
    sqlite3_stmt *grow = store_statement(s, GROW_TUNNEL);
    if (!grow)
        return sqlite3_extended_errcode(s->db);
    (void)sqlite3_bind_int64(grow, 1, t->id);
    (void)sqlite3_bind_int64(grow, 2, (int64_t)t->growth);
    t->growth = 0;
    return store_run(s, grow);
}

static int write_seq_range(struct store *s, struct store_tunnel *t)
{
    struct store_seq_range *range = &t->range;
    if (!range->dirty)
        return SQLITE_OK;
    sqlite3_stmt *insert = store_statement(s, INSERT_SEQ_RANGE);
    if (!insert)
        return sqlite3_extended_errcode(s->db);
    (void)sqlite3_bind_int64(insert, 1, t->id);
    (void)sqlite3_bind_int64(insert, 2, range->first);
    (void)sqlite3_bind_int64(insert, 3, range->last);
    (void)sqlite3_bind_text(insert, 4, range->first_id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(insert, 5, range->last_id, -1, SQLITE_STATIC);
    range->dirty = false;
    return store_run(s, insert);
}

static int write_changes(struct store *s, struct store_tunnel *t)
{
    int error = write_growth(s, t);
    return error ? error : write_seq_range(s, t);
}

void store_tunnels_begin(struct store *s)
{
    for (size_t i = 0; i < TUNNELS_CACHED; i++)
        s->tunnels[i].growth = 0;
}

int store_tunnels_write(struct store *s)
{
    int error = SQLITE_OK;
    for (size_t i = 0; !error && i < TUNNELS_CACHED; i++)
        error = write_changes(s, &s->tunnels[i]);
    return error;
}

void store_tunnels_forget(struct store *s)
{
    memset(s->tunnels, 0, sizeof(s->tunnels));
}

static int find_tunnel(struct store *s, struct slice name, int64_t *id)
{
    sqlite3_stmt *find = store_statement(s, FIND_TUNNEL);
    sqlite3_stmt *insert = store_statement(s, INSERT_TUNNEL);
    if (!find || !insert)
        return sqlite3_extended_errcode(s->db);
    const char *text = name.len ? name.p : "";
    (void)sqlite3_bind_text64(find, 1, text, name.len, SQLITE_STATIC, SQLITE_UTF8);
    int error = sqlite3_step(find);
    *id = error == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
    (void)sqlite3_reset(find);
    if (error == SQLITE_ROW)
        return SQLITE_OK;
    if (error != SQLITE_DONE)
        return error;
    (void)sqlite3_bind_text64(insert, 1, text, name.len, SQLITE_STATIC, SQLITE_UTF8);
    error = store_run(s, insert);
    *id = sqlite3_last_insert_rowid(s->db);
    return error;
}

static void copy(char *to, struct slice text)
{
    memcpy(to, text.len ? text.p : "", text.len);
    to[text.len] = 0;
}

static int update_owner(struct store *s, struct store_tunnel *t, const struct record_exchange *x)
{
    sqlite3_stmt *own = store_statement(s, OWN_TUNNEL);
    if (!own)
        return sqlite3_extended_errcode(s->db);
    copy(t->owner, x->owner);
    copy(t->address, x->tunnel_address);
    (void)sqlite3_bind_int64(own, 1, t->id);
    (void)sqlite3_bind_text(own, 2, t->owner[0] ? t->owner : NULL, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(own, 3, t->address[0] ? t->address : NULL, -1, SQLITE_STATIC);
    return store_run(s, own);
}

static bool has_owner_of(const struct store_tunnel *t, const struct record_exchange *x)
{
    return (x->owner.len == 0 && x->tunnel_address.len == 0) ||
           (slice_eq(slice_str(t->owner), x->owner) &&
            slice_eq(slice_str(t->address), x->tunnel_address));
}

static int load_tunnel(struct store *s, struct store_tunnel *t, struct slice name)
{
    int error = write_changes(s, t);
    *t = (struct store_tunnel){0};
    if (!error)
        error = find_tunnel(s, name, &t->id);
    if (error)
        t->id = 0;
    size_t len = name.len < sizeof(t->name) ? name.len : sizeof(t->name) - 1;
    memcpy(t->name, name.p ? name.p : "", len);
    return error;
}

int store_tunnel_of(struct store *s, const struct record_exchange *x, struct store_tunnel **out)
{
    const struct slice name = x->tunnel;
    int error = SQLITE_OK;
    struct store_tunnel *t = &s->tunnels[hash_bytes(name, 0) % TUNNELS_CACHED];
    *out = t;
    if (!t->id || !slice_eq(slice_str(t->name), name))
        error = load_tunnel(s, t, name);
    return error || has_owner_of(t, x) ? error : update_owner(s, t, x);
}

int store_tunnel_add(struct store *s, struct store_tunnel *t, int64_t seq, const char *id)
{
    struct store_seq_range *range = &t->range;
    if (!range->first || seq < range->first || seq - range->first >= RECORD_SEQ_RANGE_ROWS) {
        int error = write_seq_range(s, t);
        if (error)
            return error;
        *range = (struct store_seq_range){.first = seq};
        memcpy(range->first_id, id, sizeof(range->first_id));
        memcpy(range->last_id, id, sizeof(range->last_id));
    }
    if (strcmp(id, range->first_id) < 0)
        memcpy(range->first_id, id, sizeof(range->first_id));
    if (strcmp(id, range->last_id) > 0)
        memcpy(range->last_id, id, sizeof(range->last_id));
    range->last = seq > range->last ? seq : range->last;
    range->dirty = true;
    return SQLITE_OK;
}

int store_tunnel_remove(struct store *s, int64_t tunnel, int64_t first, int64_t last)
{
    sqlite3_stmt *q = store_statement(s, CLEAR_SEQ_RANGES);
    if (!q)
        return sqlite3_extended_errcode(s->db);
    (void)sqlite3_bind_int64(q, 1, tunnel);
    (void)sqlite3_bind_int64(q, 2, first);
    (void)sqlite3_bind_int64(q, 3, last);
    return store_run(s, q);
}
