// SPDX-License-Identifier: MIT
// Tells which writers are alive, and so which exchanges are still running.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "common/record/row.h"
#include "reader_internal.h"

// Opens record.lock, which the first writer creates, perhaps after this reader was opened.
static void open_lock(struct record_reader *r)
{
    char path[STATE_PATH_MAX + 16];
    if (r->lock_fd >= 0)
        return;
    (void)snprintf(path, sizeof(path), "%s/record.lock", r->dir);
    r->lock_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    r->lock_any = r->lock_fd < 0 && errno != ENOENT;
}

bool record_reader_writer_alive(struct record_reader *r, int64_t writer)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = writer, .l_len = 1};
    open_lock(r);
    if (r->lock_fd < 0)
        return r->lock_any;
    if (writer < 0)
        return false;
    return fcntl(r->lock_fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

// A snapshot contains everything of a writer that was dead before it began. A writer found dead
// later may have ended its exchanges after the snapshot, so it still counts as alive.
int reader_find_dead_writers(struct record_reader *r)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_RUNNING, &error);
    r->dead_writers.start = r->dead_writers.end = 0;
    if (!s)
        return error;
    while ((error = sqlite3_step(s)) == SQLITE_ROW) {
        int64_t writer = sqlite3_column_int64(s, 0);
        if (!record_reader_writer_alive(r, writer) &&
            !buf_append(&r->dead_writers, &writer, sizeof(writer))) {
            error = SQLITE_NOMEM;
            break;
        }
    }
    (void)sqlite3_reset(s);
    return error == SQLITE_DONE ? SQLITE_OK : error;
}

static bool is_dead_writer(const struct record_reader *r, int64_t writer)
{
    size_t low = 0;
    size_t high = buf_len(&r->dead_writers) / sizeof(int64_t);
    while (low < high) {
        int64_t at = 0;
        size_t middle = low + (high - low) / 2;
        memcpy(&at, buf_at(&r->dead_writers) + middle * sizeof(at), sizeof(at));
        if (at == writer)
            return true;
        if (at < writer)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

void reader_exchange(struct record_reader *r, sqlite3_stmt *s, struct record_exchange *x)
{
    record_row_read(s, x);
    if (x->outcome.len == 0 && buf_len(&r->dead_writers) > 0 && is_dead_writer(r, x->writer))
        x->outcome = SLICE("recorder gone");
}
