// SPDX-License-Identifier: MIT
// An established link and the tunnel on it, the same at both ends (docs/protocol.md §1): WebSocket
// frames on a connection, each message of which is a link message.
#pragma once
#include "common/io/conn.h"
#include "proto/tunnel/tunnel.h"
#include "proto/tunnel/websocket.h"

struct session;

// Why a session cannot go on.
enum session_fault {
    SESSION_TUNNEL_FAILED, // `error` is a tunnel_error
    SESSION_BAD_FRAME,     // `error` is a ws_error
    SESSION_NOT_BINARY,    // a message of the peer is not binary
    SESSION_PEER_LEFT,     // the peer sent a Close frame
    SESSION_EOF,           // the peer closed the connection without one
    SESSION_CONN_FAILED,   // `error` is libuv's
    SESSION_STALLED,       // the peer takes no bytes
    SESSION_REFUSED,       // relay: its refusal is sent
    SESSION_NO_MEMORY
};

struct session_end {
    enum session_fault fault;
    int error;
    const char *detail;       // more on a tunnel_error, or empty
    enum ws_close_code code;  // for session_close
    uint32_t retry_within_ms; // SESSION_PEER_LEFT: the time that the Close frame names, or 0
};

struct session_handler {
    struct tunnel_handler tunnel;
    // The session cannot go on, or is over after session_leave, and nothing more comes from the
    // peer. The owner calls session_close.
    void (*ended)(void *ctx, const struct session_end *end);
};

// Takes over a connection whose WebSocket handshake is done; its input may have begun. NULL when
// out of memory: the connection is closed then. No event comes before this returns. `ctx` must
// outlive the session, `handler` too.
struct session *session_new(struct loop *l, struct conn *c, const struct tunnel_config *config,
                            const struct session_handler *handler, void *ctx);

// Valid as long as the session.
struct tunnel *session_tunnel(const struct session *s);
// The tunnel may have something to send: fills the link before the loop sleeps.
void session_wake(struct session *s);
// Whether the connection is open: its peer can get a Close frame.
bool session_has_link(const struct session *s);

struct session_close {
    enum ws_close_code code;
    uint32_t retry_within_ms; // when the peer shall come back; 0: not said
    bool at_once;             // do not wait for the peer to read the Close frame
};

// For a program that ends: aborts the exchanges, and sends the reports of all that have ended, then
// a Close frame. From now on the session takes the peer's last reports and nothing else, until
// `ended`, for which conn_flush_closing waits. The owner limits that time, and calls session_close
// behind it. Not inside a callback. NULL does nothing.
void session_leave(struct session *s, const struct session_close *how);

// The one way a session ends: aborts its exchanges and closes its link, behind the reports that
// wait (none if `at_once`) and a Close frame; session_leave has sent these. Safe inside any
// callback; the session is freed before the loop sleeps. Inside a callback of the tunnel, the
// exchanges end and the link closes once the tunnel has returned; until then it may call its
// handler with more of the message that it receives. NULL does nothing.
void session_close(struct session *s, const struct session_close *how);
