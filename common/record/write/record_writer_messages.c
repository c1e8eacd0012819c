// SPDX-License-Identifier: MIT
#include <errno.h>
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

int record_writer_error_of(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT: return SQLITE_FULL;
    case EROFS:
    case EACCES: return SQLITE_READONLY;
    case EPERM: return SQLITE_PERM;
    case ENOMEM: return SQLITE_NOMEM;
    case EIO: return SQLITE_IOERR;
    default: return SQLITE_CANTOPEN;
    }
}

// Notes a thread's error. False: it is known, or the other thread has the same one.
static bool note_trouble(struct record_writer *w, enum writer_thread thread, const char *why)
{
    char *own = w->trouble[thread];
    const char *other = w->trouble[thread == SPOOL_THREAD ? INDEX_THREAD : SPOOL_THREAD];
    uv_mutex_lock(&w->lock);
    bool new = strcmp(own, why) != 0;
    if (new) {
        (void)snprintf(own, TROUBLE_MAX, "%s", why);
        memcpy(w->last_trouble, own, TROUBLE_MAX);
        new = strcmp(other, why) != 0;
    }
    uv_mutex_unlock(&w->lock);
    return new;
}

// Damage is not announced here: record_writer_announce_damaged says more.
void record_writer_announce_trouble(struct record_writer *w, enum writer_thread thread, int error)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    const char *why = error_text(error);
    if (!note_trouble(w, thread, why) || record_writer_is_damage(error))
        return;
    (void)snprintf(text, sizeof(text),
                   "the record in %s cannot be written: %s. Traffic goes on; writing is retried "
                   "every second",
                   w->config.store.dir, why);
    record_writer_post(w, text);
}

// Forgets a thread's error. True: that was the last one.
static bool forget_trouble(struct record_writer *w, enum writer_thread thread)
{
    uv_mutex_lock(&w->lock);
    bool had = w->trouble[thread][0] != 0;
    w->trouble[thread][0] = 0;
    bool last = had && !w->trouble[SPOOL_THREAD][0] && !w->trouble[INDEX_THREAD][0];
    uv_mutex_unlock(&w->lock);
    return last;
}

void record_writer_announce_recovery(struct record_writer *w, enum writer_thread thread)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    if (!forget_trouble(w, thread))
        return;
    uint64_t shed = atomic_load(&w->shed) + atomic_load(&w->lost);
    bool cut = atomic_load(&w->shed_bytes) > 0;
    (void)snprintf(text, sizeof(text),
                   "the record is written again; %llu exchanges are missing so far%s",
                   (unsigned long long)shed, cut ? ", and parts of other exchanges' bodies" : "");
    if (shed > 0 || cut)
        atomic_store(&w->shed_announced, true);
    record_writer_post(w, text);
}

static bool is_in_trouble(struct record_writer *w)
{
    uv_mutex_lock(&w->lock);
    bool is = w->trouble[SPOOL_THREAD][0] || w->trouble[INDEX_THREAD][0];
    uv_mutex_unlock(&w->lock);
    return is;
}

bool record_writer_is_failing(struct record_writer *w, uint64_t *exchanges, uint64_t *bytes)
{
    *exchanges = atomic_load(&w->shed);
    *bytes = atomic_load(&w->shed_bytes);
    return is_in_trouble(w);
}

// Once in a program's life: the record counts the losses.
void record_writer_announce_shed(struct record_writer *w)
{
    if (atomic_load(&w->shed_announced) ||
        (!atomic_load(&w->shed) && !atomic_load(&w->shed_bytes)) || is_in_trouble(w))
        return;
    atomic_store(&w->shed_announced, true);
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

// Counts the exchanges that never reached the spool.
void record_writer_announce_lost(struct record_writer *w)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    uint64_t lost = 0;
    const char *at = NULL;
    size_t len = 0;
    while ((at = queue_peek(w->queue, &len))) {
        struct spool_entry_head head;
        memcpy(&head, at, sizeof(head));
        const struct event *event = (const void *)(at + sizeof(head));
        lost += event->kind == EVENT_ROUTED ? 1 : 0;
        queue_release(w->queue, sizeof(head) + ((head.len + 7) & ~(size_t)7));
    }
    if (lost == 0)
        return;
    (void)snprintf(text, sizeof(text), "the last %llu exchanges could not be recorded: %s",
                   (unsigned long long)lost, w->last_trouble);
    record_writer_post(w, text);
}

void record_writer_announce_left(struct record_writer *w)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    if (spool_left(w->spool, w->indexer.indexed) == 0)
        return;
    (void)snprintf(text, sizeof(text),
                   "the newest exchanges are in %s/" SPOOL_PARENT
                   " and not in record.db yet: the next command or program that uses the record "
                   "adds them",
                   w->config.store.dir);
    record_writer_post(w, text);
}

void record_writer_announce_break(struct record_writer *w)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    (void)snprintf(text, sizeof(text),
                   "a part of the events in %s/" SPOOL_PARENT
                   " is lost: exchanges that ran then are not in the record, or not whole",
                   w->config.store.dir);
    record_writer_post(w, text);
}

void record_writer_announce_unrecovered(struct record_writer *w, int error)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    (void)snprintf(text, sizeof(text),
                   "the newest exchanges of a program that was killed stay in %s/" SPOOL_PARENT
                   ": they cannot be moved into the record: %s",
                   w->config.store.dir, error_text(error));
    record_writer_post(w, text);
}
