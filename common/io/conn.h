// SPDX-License-Identifier: MIT
// One connection over a transport (TCP, TLS): input that is not consumed yet, output that waits to
// leave, and one way to close it. All output of one turn of the loop leaves in one system call,
// just before the loop sleeps.
#pragma once
#include "loop.h"
#include "proto/buf.h"
#include "transport.h"

struct conn;
struct tls_client;
struct tls_server;

// Callbacks of the owner. Each of them may close the connection.
struct conn_ops {
    // conn_in has bytes. Those not consumed stay, and are offered again together with the next
    // ones, or after conn_recheck.
    void (*readable)(struct conn *c);
    // conn_pending has become smaller.
    void (*sent)(struct conn *c);
    // The peer has sent FIN and all input has been offered; no more will come.
    void (*eof)(struct conn *c);
    // The connection failed with a libuv error and is closed already; `c` is invalid from the end
    // of this call on. UV_EOF: the peer has ended its stream, but not as the transport does (TLS: a
    // FIN without close_notify), so that its data may be cut short. It is told once no output is
    // pending: until then nothing is read, and the owner may write more. What was sent stays sent.
    void (*failed)(struct conn *c, int error);
    // conn_connect has succeeded, or the handshake of TLS or of an adopted transport. NULL: the
    // owner does not wait for it.
    void (*connected)(struct conn *c);
};

enum conn_close_mode {
    CONN_CLOSE_FLUSH, // send what is pending and the end of our direction, then discard input until
                      // the peer has closed or has had its time to read: a lingering close (RFC
                      // 9112 §9.6)
    CONN_CLOSE_AWAIT, // the same, but the end of our direction follows the peer's: a proxy between
                      // may drop what passes it, both ways, once one end has closed
    CONN_CLOSE_NOW,   // drop what is pending
    CONN_CLOSE_RESET, // send what is pending, then RST: tells the peer that its data is incomplete
};

// The steps before bytes flow.
enum conn_phase {
    CONN_CONNECTING, // the TCP connection
    CONN_HANDSHAKE,  // the transport's handshake
    CONN_OPEN
};

struct conn_borrowed;

// Visible for the inline functions below; nothing outside common/io touches the fields.
struct conn {
    uv_poll_t poll;
    struct transport *transport; // NULL once closed
    struct loop *loop;
    struct list_link in_loop;
    const struct conn_ops *ops;
    void *owner; // NULL once closing
    struct loop_task flush;
    struct timeout timer;           // of the handshake; then the send limit; after our FIN, the
                                    // lingering close
    struct buf in;                  // not consumed
    struct buf out;                 // not handed to the kernel
    struct conn_borrowed *borrowed; // bytes of others among those of `out`; NULL: none
    struct slice view;              // in_view: the bytes just read, still in the loop's read buffer
    uint32_t read_max;              // bytes of one read
    uint32_t send_ms;               // conn_set_send_timeout
    uint32_t borrowed_bytes;        // at most CONN_PARTS_MAX pieces of an input
    uint32_t discarded_bytes;       // of input, during the lingering close
    uint64_t queued_bytes;          // ever appended to the output, less what was dropped
    uint64_t checked_sent;          // conn_wire_sent when the send limit was last checked
    uint64_t checked_acked;         // acknowledged bytes + 1 at that time; 0: not looked at
    uint64_t linger_until_ms;       // end of the lingering close at the latest; 0: it has not begun
    void (*on_closed)(void *arg);
    void *on_closed_arg;
    bool want_read;         // the owner wants to read
    bool blocked;           // the socket takes no more bytes
    bool got_eof, told_eof; // FIN was read; ops->eof was called, or is not to be
    bool cut;               // that FIN does not make the input whole: `failed` follows
    bool in_view;           // conn_in is `view`, not `in`
    bool offering;          // ops->readable runs, or has lent input that is not settled
    bool recheck;           // offer `in` again from the flush task
    bool shutdown_wanted;   // FIN follows the last pending byte
    bool end_sent;          // that FIN is the one of a lingering close
    bool keeps;             // conn_keep was called
    bool write_failed;      // output is dropped; input may still be read
    bool leaving;           // conn_set_leaving was called
    bool closing, closed;   // conn_close was called; the socket is closed
    uint8_t watched;        // events that libuv watches for
    uint8_t phase;          // enum conn_phase
    uint8_t close_mode;     // enum conn_close_mode
    uint8_t slow_checks;    // of the send limit, in a row
    bool unsent_more;       // the kernel may hold LIMIT_NOTSENT_QUICK_BYTES
    uint32_t blocked_ms;    // the loop's time when `blocked` was set
};

// Takes over an accepted socket. NULL when that fails; the socket is closed then.
struct conn *conn_accept(struct loop *l, int fd, const struct conn_ops *ops, void *owner);
// Starts to connect; `connected` or `failed` follows. NULL and a libuv error in `*error` when that
// fails at once.
struct conn *conn_connect(struct loop *l, const struct sockaddr *addr, const struct conn_ops *ops,
                          void *owner, int *error);
// Takes over a transport and does its handshake within limits.tls_handshake_ms; `connected` or
// `failed` follows. Bytes may be queued before. NULL when that fails; the transport is closed then.
struct conn *conn_adopt(struct loop *l, struct transport *t, const struct conn_ops *ops,
                        void *owner);
// As conn_accept, with the server's side of TLS, within limits.tls_handshake_ms. `server` must
// outlive the connection. Callbacks begin once the handshake is done, or has failed.
struct conn *conn_accept_tls(struct loop *l, int fd, const struct tls_server *server,
                             const struct conn_ops *ops, void *owner);
// Begins the client's side of TLS on a connection over TCP on which nothing was sent or received,
// from inside `connected` or later. `name` is a host name or an address, which the certificate must
// be valid for. `connected` or `failed` follows. `client` must outlive the connection. False when
// out of memory: nothing has changed.
bool conn_start_tls(struct conn *c, struct tls_client *client, const char *name);
// Hands the connection to another owner.
void conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner);
static inline void *conn_owner(const struct conn *c)
{
    return c->owner;
}

// Calls `on_closed` once when the socket is closed, whatever closed it: keeps counts of open
// connections. NULL removes the callback.
void conn_on_closed(struct conn *c, void (*on_closed)(void *arg), void *arg);

// Whether to read. Only this starts and stops reading.
void conn_want_read(struct conn *c, bool want);
// The most bytes that one read takes (flow control), LIMIT_READ_BULK_BYTES at most;
// LIMIT_READ_BYTES initially.
static inline void conn_set_read_max(struct conn *c, uint32_t bytes)
{
    c->read_max = bytes;
}

// While output is pending, the peer must take at least limits.rate bytes a second, on average over
// this time, or the connection fails with UV_ETIMEDOUT. 0, the initial value: the peer may stall.
// A closing connection, and one that will fail with UV_EOF, always has limits.send_ms.
static inline void conn_set_send_timeout(struct conn *c, uint32_t ms)
{
    c->send_ms = ms;
}

// Calls `readable` again with what is left in conn_in, before the loop sleeps.
void conn_recheck(struct conn *c);

// Input that is not consumed; valid until the next call of this connection. In `readable`, consumed
// input too stays until the settle tasks have run (loop_lends).
struct slice conn_in(const struct conn *c);
void conn_consume(struct conn *c, size_t len);
// Whether the peer's FIN has been read, even if some input is not consumed yet, and the input is
// whole.
static inline bool conn_got_eof(const struct conn *c)
{
    return c->got_eof && !c->cut;
}

// Queues a copy of bytes. False when out of memory: the owner then closes.
bool conn_write(struct conn *c, const void *bytes, size_t len);
// The same, but bytes that are lent (loop_lends) and not few are written from where they are, when
// the read callback that runs has returned; what does not leave then is copied.
bool conn_write_borrowed(struct conn *c, const void *bytes, size_t len);
// Room for `len` bytes at the end of the output, to be filled and followed by conn_written with at
// most as many. NULL when out of memory.
char *conn_reserve(struct conn *c, size_t len);
void conn_written(struct conn *c, size_t len);
// Bytes queued that the kernel has taken, ever: over TLS, with all of their records.
static inline uint64_t conn_sent(const struct conn *c)
{
    return c->queued_bytes - buf_len(&c->out) - c->borrowed_bytes;
}
// Bytes that the transport has given to the kernel, ever, also of a record that it has taken in
// part only, and of its own. Not for a closed connection.
static inline uint64_t conn_wire_sent(const struct conn *c)
{
    return c->transport->wire_sent;
}
// Whether the socket takes no more bytes now.
static inline bool conn_is_blocked(const struct conn *c)
{
    return c->blocked;
}
// Bytes queued that the kernel has not taken.
static inline size_t conn_pending(const struct conn *c)
{
    return buf_len(&c->out) + c->borrowed_bytes;
}
// Keeps the memory of the output when it is empty, until conn_trim: for a connection whose output
// is about to be filled again.
void conn_keep(struct conn *c);
void conn_trim(struct conn *c);
// Hands output to the socket now and not before the loop sleeps, unless the socket is known to take
// none. `sent` or `failed` may be called.
void conn_flush(struct conn *c);
// Sends FIN behind what is pending; reading goes on.
void conn_shutdown(struct conn *c);

// Whether the kernel has received the peer's FIN or RST, even behind input that is not read;
// `reset_only`: RST alone.
bool conn_peer_left(const struct conn *c, bool reset_only);
// Whether nothing waits to be read, in the kernel or the transport: no byte, FIN or RST.
bool conn_is_quiet(const struct conn *c);
// The socket, which stays the connection's, or a negative libuv error.
int conn_fd(const struct conn *c);
// Facts that the transport knows beyond bytes (transport.h). Legal inside `failed`, and not on a
// connection that is closed otherwise.
static inline struct slice conn_alpn(const struct conn *c)
{
    return c->transport->ops->alpn(c->transport);
}
static inline struct slice conn_peer_name(const struct conn *c)
{
    return c->transport->ops->peer_name(c->transport);
}
static inline bool conn_covers(const struct conn *c, struct slice host)
{
    return c->transport->ops->covers(c->transport, host);
}
static inline const char *conn_error_detail(const struct conn *c)
{
    return c->transport->ops->detail(c->transport);
}

// The one way to close. The owner gets no callback from here on. Safe inside any callback, twice,
// and with NULL.
void conn_close(struct conn *c, enum conn_close_mode mode);
// Closes at once, even while a conn_close lingers: makes room for other connections.
void conn_drop(struct conn *c);
// The owner has said its last and waits for the peer's: conn_flush_closing waits for it to close.
static inline void conn_set_leaving(struct conn *c)
{
    c->leaving = true;
}
// Runs a loop that stops until the connections that leave are closed, and all closed ones have sent
// their output and their peers have ended theirs, for `ms` at most.
void conn_flush_closing(struct loop *l, uint32_t ms);
// Drops every connection of a loop that stops. Listeners must be closed before.
void conn_close_all(struct loop *l);
// Whether a handle of the loop is an open connection's, and not a library's.
bool conn_has_handle(const struct loop *l, const uv_handle_t *handle);
