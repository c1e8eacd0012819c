// SPDX-License-Identifier: MIT
// One TCP connection: bytes that came and were not consumed, bytes that wait to leave, and one way
// to end it. What is written in one turn of the loop leaves in one system call just before the loop
// sleeps.
#pragma once
#include "loop.h"
#include "proto/buf.h"

struct conn;

// What its owner hears. Any of them may close the connection.
struct conn_ops {
    // There are bytes in conn_in. What is not consumed stays, and is offered again with more or
    // after conn_recheck.
    void (*readable)(struct conn *c);
    // conn_pending went down.
    void (*sent)(struct conn *c);
    // The peer has ended its direction; nothing more will be read.
    void (*eof)(struct conn *c);
    // The connection broke (a libuv error) and is gone already: forget it.
    void (*failed)(struct conn *c, int error);
    // conn_connect has succeeded. May be NULL for accepted connections.
    void (*connected)(struct conn *c);
};

enum conn_close_mode {
    CONN_CLOSE_FLUSH, // send what is pending, then FIN; the peer gets a while to read it, and may
                      // say what it likes meanwhile: a lingering close (RFC 9112 §9.6)
    CONN_CLOSE_NOW,   // drop what is pending
    CONN_CLOSE_RESET, // send what is pending, then RST: what was sent is not whole
};

struct conn_write;

struct conn {
    uv_tcp_t tcp;
    struct loop *loop;
    const struct conn_ops *ops;
    void *owner; // NULL once closed
    struct loop_task flush;
    struct timeout limit;     // while bytes wait to leave, and after our FIN
    struct buf in;            // not consumed
    struct buf out;           // to be sent
    struct conn_write *write; // what libuv is sending
    struct slice view;        // of the bytes just read, while they are in the loop's buffer
    uint32_t read_max;        // bytes that one read may take
    uint32_t send_ms;         // a peer that takes less than a portion in this time has failed with
                      // UV_ETIMEDOUT; 0: it may stand still. A closing connection always has
                      // the loop's limits.send_ms
    uint64_t queued;       // bytes ever put into `out`
    uint64_t limit_queued; // of them taken by the kernel when `limit` began
    uint64_t limit_acked;  // by the peer when it was half over; 0: not yet
    uint64_t linger_until_ms;
    uint64_t discarded;      // bytes that came after the end
    void (*gone)(void *arg); // when it is freed: see conn_on_closed
    void *gone_arg;
    bool want_read, reading, got_eof, closing, closed, recheck, ended, in_view, shut_wanted, mute;
    int send_error; // of a write that failed
    uint8_t end;    // enum conn_close_mode
};

// Takes an accepted socket, which is closed when that fails (NULL).
struct conn *conn_accept(struct loop *l, int fd, const struct conn_ops *ops, void *owner);
// Starts to connect: `connected` or `failed` follows. NULL and a libuv error when that fails at
// once.
struct conn *conn_connect(struct loop *l, const struct sockaddr *addr, const struct conn_ops *ops,
                          void *owner, int *error);
// Hands the connection to another owner.
void conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner);

// Calls `gone` when the socket is closed, however that comes about: for who counts open
// connections. NULL takes it back.
void conn_on_closed(struct conn *c, void (*gone)(void *arg), void *arg);

// Whether to read. Nobody else starts or stops reading.
void conn_want_read(struct conn *c, bool want);
// Offers what is left in conn_in again, before the loop sleeps.
void conn_recheck(struct conn *c);

struct slice conn_in(const struct conn *c);
void conn_consume(struct conn *c, size_t len);

// Queues bytes. False when out of memory: the owner then closes.
bool conn_write(struct conn *c, const void *bytes, size_t len);
// Room for `len` bytes at the end of the queue, to be followed by conn_written; NULL when out of
// memory.
char *conn_reserve(struct conn *c, size_t len);
void conn_written(struct conn *c, size_t len);
// Bytes that the kernel has taken, ever.
uint64_t conn_sent(const struct conn *c);
// Bytes that have not left.
size_t conn_pending(const struct conn *c);
// Ends our direction after what is pending; reading goes on.
void conn_shutdown(struct conn *c);

// Whether the peer has ended its direction (`reset_only`: or only if the connection was reset),
// also where that cannot be read because what lies before it is not read.
bool conn_peer_left(const struct conn *c, bool reset_only);

// Whether the peer has said nothing that we have not read: no byte, no end, no reset.
bool conn_is_quiet(const struct conn *c);

// The one way to end it. The owner hears nothing more. Safe inside any callback and safe twice.
void conn_close(struct conn *c, enum conn_close_mode end);
// The same at once for one that may be closing already and only lingers: for who makes room.
void conn_drop(struct conn *c);
// Ends all that are left of a loop that stops, those that only linger too. Listeners must have been
// closed before.
void conn_close_all(struct loop *l);
