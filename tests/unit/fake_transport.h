// SPDX-License-Identifier: MIT
// A transport that does what a test says.
#pragma once
#include "conn_fixture.h"

// A transport by script over a socket that can always be written and is readable once the test has
// sent a byte.
struct fake {
    struct transport transport;
    const char *input; // yet to be read
    bool ends;         // behind `input`; otherwise the socket has no more
    bool cut;          // that end is not whole
    size_t piece;      // the most bytes of one read or write
    bool takes_none;   // each write and shutdown gives UV_EAGAIN
    bool in_turns;     // every other read, write and shutdown gives UV_EAGAIN
    unsigned calls;
    int steps;            // handshakes that give UV_EAGAIN
    bool waits_for_input; // in each step; otherwise it waits to write
    int handshake_error;  // behind them
    int write_error;      // of each write from now on
    int handshakes, writes, own_writes, shutdowns;
    bool *closed_by_reset; // set when closed
    int *ends_told;        // likewise: shutdowns
    struct buf written;
};

static inline struct fake *fake_of(const struct transport *t)
{
    return container_of(t, struct fake, transport);
}

static inline bool must_wait(struct fake *f)
{
    return f->in_turns && f->calls++ % 2 == 0;
}

static inline int fake_handshake(struct transport *t)
{
    struct fake *f = fake_of(t);
    f->handshakes++;
    t->wants_write = f->steps > 0 && !f->waits_for_input;
    return f->steps-- > 0 ? UV_EAGAIN : f->handshake_error;
}

static inline ssize_t fake_read(struct transport *t, void *to, size_t cap)
{
    struct fake *f = fake_of(t);
    size_t len = strlen(f->input);
    assert_true(cap > 0);
    if (must_wait(f))
        return UV_EAGAIN;
    if (len == 0)
        return !f->ends ? UV_EAGAIN : f->cut ? UV_EOF : 0;
    len = len < f->piece ? len : f->piece;
    len = len < cap ? len : cap;
    memcpy(to, f->input, len);
    f->input += len;
    t->has_input = *f->input || f->ends;
    return (ssize_t)len;
}

static inline ssize_t fake_writev(struct transport *t, const struct iovec *parts, int count)
{
    struct fake *f = fake_of(t);
    size_t all = 0;
    size_t left = f->piece;
    if (count == 0) {
        f->own_writes++;
        t->wants_write = false;
        return 0;
    }
    f->writes++;
    if (f->write_error)
        return f->write_error;
    if (f->takes_none || must_wait(f))
        return UV_EAGAIN;
    for (int i = 0; i < count && left > 0; i++) {
        size_t len = parts[i].iov_len < left ? parts[i].iov_len : left;
        assert_true(buf_append(&f->written, parts[i].iov_base, len));
        left -= len;
        all += len;
    }
    t->wire_sent += all;
    return (ssize_t)all;
}

static inline int fake_shutdown(struct transport *t)
{
    struct fake *f = fake_of(t);
    if (f->takes_none || must_wait(f))
        return UV_EAGAIN;
    f->shutdowns++;
    return 0;
}

static inline void fake_close(struct transport *t, bool reset)
{
    struct fake *f = fake_of(t);
    if (f->closed_by_reset)
        *f->closed_by_reset = reset;
    if (f->ends_told)
        *f->ends_told = f->shutdowns;
    transport_close_socket(t, false);
    buf_free(&f->written);
    free(f);
}

static inline struct slice fake_name(const struct transport *t)
{
    (void)t;
    return SLICE("name");
}

static const char *fake_detail(const struct transport *t)
{
    (void)t;
    return "the reason";
}

static inline bool fake_covers(struct transport *t, struct slice host)
{
    (void)t;
    return slice_eq(host, SLICE("name"));
}

static const struct transport_ops fake_ops = {fake_handshake, fake_read, fake_writev, fake_shutdown,
                                              fake_close,     fake_name, fake_name,   fake_detail,
                                              fake_covers,    false};

// A copy of `f` over one end of a pair of sockets; `*peer` gets the other.
static inline struct fake *fake_new(const struct fake *f, int *peer)
{
    struct fake *fake = malloc(sizeof(*fake));
    int pair[2];
    assert_non_null(fake);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    *fake = *f;
    fake->transport = (struct transport){.ops = &fake_ops, .fd = pair[0]};
    fake->input = f->input ? f->input : "";
    fake->piece = f->piece ? f->piece : 1 << 20;
    *peer = pair[1];
    return fake;
}
