// SPDX-License-Identifier: MIT
#include <stdio.h>
#include "record_writer_internal.h"
#include "scrub.h"

void record_writer_post(struct record_writer *w, const char *text)
{
    size_t len = strlen(text) + 1;
    uv_mutex_lock(&w->lock);
    if (len <= sizeof(w->messages) - w->messages_len) {
        memcpy(w->messages + w->messages_len, text, len);
        w->messages_len += len;
    }
    if (!w->abandoned)
        (void)uv_async_send(w->config.notify);
    uv_mutex_unlock(&w->lock);
}

bool record_writer_next_message(struct record_writer *w,
                                char text[static RECORD_WRITER_MESSAGE_MAX])
{
    uv_mutex_lock(&w->lock);
    size_t len = w->messages_len > 0 ? strlen(w->messages) + 1 : 0;
    memcpy(text, w->messages, len);
    w->messages_len -= len;
    memmove(w->messages, w->messages + len, w->messages_len);
    uv_mutex_unlock(&w->lock);
    return len > 0;
}

bool record_writer_is_damage(int error)
{
    return (error & 0xff) == SQLITE_CORRUPT || (error & 0xff) == SQLITE_NOTADB;
}

static const char *error_text(int error)
{
    if (error == SQLITE_READONLY_DBMOVED)
        return "its file was moved or removed";
    if (error == RECORD_READER_STALLED)
        return "another program stands still while it reads the record (a pager perhaps, or "
               "sqlite3), and the record's log would only grow until that program ends";
    switch (error & 0xff) {
    case SQLITE_FULL: return "the disk is full";
    case SQLITE_READONLY: return "it is read-only";
    case SQLITE_PERM:
        return "another user owns or may write one of its files: chown them, and chmod 600 them";
    case SQLITE_CANTOPEN: return "it cannot be opened";
    case SQLITE_BUSY: return "another process keeps it locked";
    case SQLITE_MISMATCH: return "a later version of adit has created it, or another program";
    case SQLITE_IOERR: return "the disk reports an error";
    default: return sqlite3_errstr(error & 0xff);
    }
}

// Damage is not announced here: record_writer_announce_damaged says more.
void record_writer_announce_trouble(struct record_writer *w, int error)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    const char *why = error_text(error);
    if (strcmp(w->trouble, why) == 0)
        return;
    (void)snprintf(w->trouble, sizeof(w->trouble), "%s", why);
    memcpy(w->last_trouble, w->trouble, sizeof(w->trouble));
    if (record_writer_is_damage(error))
        return;
    (void)snprintf(text, sizeof(text),
                   "the record in %s cannot be written: %s. Traffic goes on; writing is retried "
                   "every second",
                   w->config.store.dir, why);
    record_writer_post(w, text);
}

void record_writer_announce_recovery(struct record_writer *w)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    if (!w->trouble[0])
        return;
    w->trouble[0] = 0;
    uint64_t shed = atomic_load(&w->shed) + w->pending.lost;
    bool cut = atomic_load(&w->shed_bytes) > 0;
    (void)snprintf(text, sizeof(text),
                   "the record is written again; %llu exchanges are missing so far%s",
                   (unsigned long long)shed, cut ? ", and parts of other exchanges' bodies" : "");
    w->shed_announced = w->shed_announced || shed > 0 || cut;
    record_writer_post(w, text);
}

// Once in a program's life: the record counts the losses.
void record_writer_announce_shed(struct record_writer *w)
{
    if (w->shed_announced || w->trouble[0] ||
        (!atomic_load(&w->shed) && !atomic_load(&w->shed_bytes)))
        return;
    w->shed_announced = true;
    record_writer_post(w, "exchanges come faster than they can be recorded: some are missing or "
                          "incomplete (`requests` says how many). Traffic is not slowed");
}

void record_writer_announce_damaged(struct record_writer *w, const char *name)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    (void)snprintf(
        text, sizeof(text),
        "the record was damaged and is now %s; a new one was created. A part of the old one may "
        "be readable by sqlite3's .recover",
        name);
    record_writer_post(w, text);
}

void record_writer_announce_lost(struct record_writer *w)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    uint64_t lost = pending_rows_count_dirty(&w->pending);
    const struct event *event = NULL;
    size_t len = 0;
    for (; (event = queue_peek(w->queue, &len)); queue_release(w->queue))
        lost += event->kind == EVENT_ROUTED ? 1 : 0;
    if (lost == 0)
        return;
    (void)snprintf(text, sizeof(text), "the last %llu exchanges could not be recorded: %s",
                   (unsigned long long)lost, w->trouble);
    record_writer_post(w, text);
}
