// SPDX-License-Identifier: MIT
// Shared by the files of conn, from the bottom: conn_borrow.c (output that is not copied),
// conn_read.c (reading, up to the end of the socket), conn_send_limit.c (peers that read too
// slowly), conn_send.c (writing), conn_close.c, conn.c (makes a connection and serves its events).
#pragma once
#include "conn.h"

// Runs the flush task before the loop sleeps. It also makes libuv watch for what is wanted then.
static inline void conn_queue_flush(struct conn *c)
{
    if (!c->closed)
        loop_queue(c->loop, &c->flush);
}

// Whether input is to be read now.
static inline bool conn_reads(const struct conn *c)
{
    return c->phase == CONN_OPEN && c->want_read && !c->got_eof && !c->closed;
}

// Whether output waits until the peer has sent the rest of a message, and not for the socket.
static inline bool conn_waits_for_input(const struct conn *c)
{
    return !c->closed && c->blocked && c->transport->write_needs_input;
}

// conn_borrow.c

enum {
    CONN_PARTS_MAX = 32
};

// Output in its order: bytes of `out` and borrowed ones. Exists from the first borrowed bytes of a
// read callback until they are settled.
struct conn_borrowed {
    struct loop_task settle;
    struct conn *conn;
    int count;
    struct conn_part {
        const char *borrowed; // NULL: the next bytes of `out`
        size_t len;
    } parts[CONN_PARTS_MAX];
};

// Adds borrowed bytes behind all output. False: no memory, or there are too many parts. `settle`
// runs when the bytes must be written or copied.
bool conn_borrow(struct conn *c, const char *bytes, size_t len, void (*settle)(struct loop_task *));
// Notes that `len` bytes were appended to `out`.
void conn_note_copied(struct conn *c, size_t len);
// Removes the first `n` bytes of the output and copies what is left to `out`. False when out of
// memory.
bool conn_settle_borrowed(struct conn *c, size_t n);
// Forgets borrowed bytes; `out` is to be freed too.
void conn_drop_borrowed(struct conn *c);

// conn_read.c

// Calls `readable`, then those to whom it has lent input.
void conn_offer_input(struct conn *c);
// Reads while there is input, but not for long: other connections wait.
void conn_read_input(struct conn *c);
// Tells the owner of an error and closes. `c` may be freed by the next turn of the loop.
void conn_fail(struct conn *c, int error);
// Sends FIN if it is wanted and nothing is pending.
void conn_try_shutdown(struct conn *c);
// Goes on with a close whose output has left or failed: lingers, or closes the socket.
void conn_finish_close(struct conn *c);
// Closes the socket now, as close_mode says. Safe twice.
void conn_close_socket(struct conn *c);

// conn_send_limit.c

// Begins to watch a peer that has pending bytes to take; restarts itself as the timer's callback.
void conn_begin_send_limit(struct conn *c, uint32_t ms);
void conn_check_send_limit(struct timeout *t);

// The time in which the peer must take a portion of the pending bytes; 0: no limit. A message that
// the peer leaves unfinished has that of the handshake, whose protocol it belongs to.
static inline uint32_t conn_send_limit_ms(const struct conn *c)
{
    uint32_t ms = c->closing || c->cut ? c->loop->limits.send_ms : c->send_ms;
    return ms == 0 && conn_waits_for_input(c) ? c->loop->limits.tls_handshake_ms : ms;
}

// The timer runs while bytes are pending and the peer's time to take them is limited. After each
// write, so inline.
static inline void conn_update_send_limit(struct conn *c)
{
    uint32_t ms = conn_send_limit_ms(c);
    if (ms > 0 && !c->closed && conn_pending(c) > 0) {
        if (!timeout_runs(&c->timer))
            conn_begin_send_limit(c, ms);
    } else if (c->timer.fire == conn_check_send_limit) {
        timeout_stop(&c->timer);
    }
}

// conn_send.c

// The socket takes bytes again.
void conn_on_writable(struct conn *c);
