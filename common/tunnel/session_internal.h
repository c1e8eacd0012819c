// SPDX-License-Identifier: MIT
// Shared by the files of the session, from the bottom: session_send.c (frames), session.c (events).
#pragma once
#include "session.h"

enum {
    SESSION_MASK_BYTES = 4,
    SESSION_RANDOM_BYTES = 1024, // of masks, drawn together
    // Bytes of one of our frames, without a lent body behind them: two of them fill a block of 128
    // KiB.
    SESSION_FRAME_MAX = 64 * 1024,
    // The same while no body waits: an idle link has no use for more memory.
    SESSION_FRAME_SHORT = 4 * 1024,
    SESSION_LINKS_MAX = 1 // at a time
};

// Masks for the frames of a client (RFC 6455 §5.3). Many are drawn at once: one system call for
// each frame is noticeable.
struct session_masks {
    uint8_t random[SESSION_RANDOM_BYTES];
    size_t left; // of `random`: the first bytes are unused
};

// One connection under a session.
struct session_link {
    struct session *session;
    struct conn *conn; // NULL once it has failed or is closed
    struct ws_reader reader;
    struct session_masks *masks; // agent; NULL: frames are not masked
    uint64_t progress_ms;        // when the link last took bytes or had none to take
    bool progress;               // it has taken bytes since the last tick
};

struct session {
    struct loop *loop;
    struct session_link links[SESSION_LINKS_MAX];
    struct session_link *link; // of these: messages leave by it
    struct tunnel *tunnel;
    enum tunnel_role role;
    const struct session_handler *handler;
    void *ctx;
    struct loop_task flush, settle, free_task;
    struct timeout tick;
    bool ended;                 // the handler was told
    bool left;                  // session_leave was called
    bool closed;                // session_close was called
    bool in_tunnel;             // the tunnel is on the stack: its link and streams stay
    bool woken;                 // meanwhile: session_wake was called
    struct session_close close; // once `left` or `closed`
};

// session_send.c

// Writes a control frame, of at most WS_CONTROL_MAX bytes. False when out of memory.
bool session_write_control(struct session_link *l, enum ws_opcode opcode, const void *bytes,
                           size_t len);
// Writes the tunnel's next message. Returns its length, 0: there is none, or a tunnel_error.
int session_write_message(struct session *s);
