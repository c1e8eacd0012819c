// SPDX-License-Identifier: MIT
// The part of libuv that a loop and its connections use: one turn for each uv_run, in libuv's
// order.
#include <string.h>
#include "check.h"
#include "fake_system_internal.h"

static struct {
    uv_prepare_t *prepare;
    uv_prepare_cb on_prepare;
    uv_timer_t *timer;
    uv_timer_cb on_timer;
    uint64_t timer_at_ms, timer_every_ms;
    int handles; // that are not closed
    struct {
        uv_handle_t *handle;
        uv_close_cb on_closed;
    } closing[FAKE_SOCKETS_MAX];
    int closing_count;
} uv;

void fake_uv_begin(void)
{
    memset(&uv, 0, sizeof(uv));
}

bool fake_uv_is_over(void)
{
    return uv.handles == 0 && uv.closing_count == 0;
}

int __wrap_thread_pool_start(uv_loop_t *l);
int __wrap_uv_loop_init(uv_loop_t *l);
int __wrap_uv_loop_close(uv_loop_t *l);
int __wrap_uv_loop_alive(const uv_loop_t *l);
int __wrap_uv_run(uv_loop_t *l, uv_run_mode mode);
void __wrap_uv_update_time(uv_loop_t *l);
uint64_t __wrap_uv_now(const uv_loop_t *l);
uint64_t __wrap_uv_hrtime(void);
void __wrap_uv_unref(uv_handle_t *handle);
void __wrap_uv_close(uv_handle_t *handle, uv_close_cb on_closed);
int __wrap_uv_prepare_init(uv_loop_t *l, uv_prepare_t *handle);
int __wrap_uv_prepare_start(uv_prepare_t *handle, uv_prepare_cb on_prepare);
int __wrap_uv_idle_init(uv_loop_t *l, uv_idle_t *handle);
int __wrap_uv_idle_start(uv_idle_t *handle, uv_idle_cb on_idle);
int __wrap_uv_idle_stop(uv_idle_t *handle);
int __wrap_uv_timer_init(uv_loop_t *l, uv_timer_t *handle);
int __wrap_uv_timer_start(uv_timer_t *handle, uv_timer_cb on_timer, uint64_t ms, uint64_t every_ms);
int __wrap_uv_poll_init(uv_loop_t *l, uv_poll_t *handle, int fd);
int __wrap_uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb on_event);
int __wrap_uv_poll_stop(uv_poll_t *handle);

int __wrap_thread_pool_start(uv_loop_t *l)
{
    (void)l;
    return 0;
}

int __wrap_uv_loop_init(uv_loop_t *l)
{
    (void)l;
    return 0;
}

int __wrap_uv_loop_close(uv_loop_t *l)
{
    (void)l;
    return fake_uv_is_over() ? 0 : UV_EBUSY;
}

static struct fake_socket *watched_by(const void *handle)
{
    for (int i = 0; i < fake_system.count; i++)
        if (fake_system.sockets[i].poll == handle)
            return &fake_system.sockets[i];
    return NULL;
}

int __wrap_uv_loop_alive(const uv_loop_t *l)
{
    (void)l;
    for (int i = 0; i < fake_system.count; i++)
        if (fake_system.sockets[i].poll && fake_system.sockets[i].events)
            return 1;
    return uv.closing_count > 0;
}

void __wrap_uv_update_time(uv_loop_t *l)
{
    (void)l;
}

uint64_t __wrap_uv_now(const uv_loop_t *l)
{
    (void)l;
    return fake_system.now_ms;
}

uint64_t __wrap_uv_hrtime(void)
{
    return fake_system.now_ms * 1000000 + ++fake_system.reads_of_clock;
}

void __wrap_uv_unref(uv_handle_t *handle)
{
    (void)handle;
}

void __wrap_uv_close(uv_handle_t *handle, uv_close_cb on_closed)
{
    struct fake_socket *s = watched_by(handle);
    if (s)
        s->poll = NULL;
    uv.prepare = (void *)handle == uv.prepare ? NULL : uv.prepare;
    uv.timer = (void *)handle == uv.timer ? NULL : uv.timer;
    uv.handles--;
    CHECK(uv.closing_count < FAKE_SOCKETS_MAX);
    uv.closing[uv.closing_count].handle = handle;
    uv.closing[uv.closing_count++].on_closed = on_closed;
}

int __wrap_uv_prepare_init(uv_loop_t *l, uv_prepare_t *handle)
{
    (void)l;
    uv.handles++;
    uv.prepare = handle;
    return 0;
}

int __wrap_uv_prepare_start(uv_prepare_t *handle, uv_prepare_cb on_prepare)
{
    (void)handle;
    uv.on_prepare = on_prepare;
    return 0;
}

int __wrap_uv_idle_init(uv_loop_t *l, uv_idle_t *handle)
{
    (void)l;
    (void)handle;
    uv.handles++;
    return 0;
}

// A turn never waits.
int __wrap_uv_idle_start(uv_idle_t *handle, uv_idle_cb on_idle)
{
    (void)handle;
    (void)on_idle;
    fake_system.activity++;
    return 0;
}

int __wrap_uv_idle_stop(uv_idle_t *handle)
{
    (void)handle;
    return 0;
}

int __wrap_uv_timer_init(uv_loop_t *l, uv_timer_t *handle)
{
    (void)l;
    uv.handles++;
    uv.timer = handle;
    return 0;
}

int __wrap_uv_timer_start(uv_timer_t *handle, uv_timer_cb on_timer, uint64_t ms, uint64_t every_ms)
{
    (void)handle;
    uv.on_timer = on_timer;
    uv.timer_at_ms = fake_system.now_ms + ms;
    uv.timer_every_ms = every_ms;
    return 0;
}

int __wrap_uv_poll_init(uv_loop_t *l, uv_poll_t *handle, int fd)
{
    (void)l;
    for (int i = 0; i < fake_system.count; i++) {
        struct fake_socket *s = &fake_system.sockets[i];
        if (s->fd != fd)
            continue;
        CHECK(s->open && !s->poll);
        if (fake_maybe(fake_system.faults.refuse_one_in)) {
            fake_system.failed = true;
            return UV_ENOMEM;
        }
        s->poll = handle;
        s->events = 0;
        uv.handles++;
        return 0;
    }
    return UV_EBADF;
}

int __wrap_uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb on_event)
{
    struct fake_socket *s = watched_by(handle);
    CHECK(s);
    s->events = events;
    s->on_event = on_event;
    return 0;
}

int __wrap_uv_poll_stop(uv_poll_t *handle)
{
    struct fake_socket *s = watched_by(handle);
    CHECK(s);
    s->events = 0;
    return 0;
}

static int ready_events(const struct fake_socket *s)
{
    int readable = s->in.len > 0 || s->in.ended || s->dead ? UV_READABLE : 0;
    int writable = s->dead || fake_wire_room(&s->out) > 0 ? UV_WRITABLE : 0;
    return readable | writable;
}

// As uv__poll_io: an error is told once and stops the watching.
static void serve(struct fake_socket *s)
{
    uv_poll_t *poll = s->poll;
    if (!poll || !s->events)
        return;
    fake_system.activity += s->connecting;
    if (s->connecting && fake_maybe(2))
        return;
    s->connecting = false;
    if (s->error) {
        s->events = 0;
        fake_system.activity++;
        s->on_event(poll, UV_EBADF, 0);
        return;
    }
    int events = s->events & ready_events(s);
    if (events)
        s->on_event(poll, 0, events);
}

static void finish_closing(void)
{
    int count = uv.closing_count;
    for (int i = 0; i < count; i++)
        if (uv.closing[i].on_closed)
            uv.closing[i].on_closed(uv.closing[i].handle);
    uv.closing_count -= count;
    memmove(uv.closing, uv.closing + count, (size_t)uv.closing_count * sizeof(uv.closing[0]));
    fake_system.activity += (uint64_t)count;
}

int __wrap_uv_run(uv_loop_t *l, uv_run_mode mode)
{
    (void)mode;
    if (uv.timer && fake_system.now_ms >= uv.timer_at_ms) {
        uv.timer_at_ms = fake_system.now_ms + uv.timer_every_ms;
        uv.on_timer(uv.timer);
    }
    if (uv.prepare)
        uv.on_prepare(uv.prepare);
    int count = fake_system.count;
    int first = count ? (int)chance_below(fake_system.chance, (uint64_t)count) : 0;
    for (int i = 0; i < count; i++)
        serve(&fake_system.sockets[(first + i) % count]);
    finish_closing();
    return __wrap_uv_loop_alive(l);
}
