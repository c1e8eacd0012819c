// SPDX-License-Identifier: MIT
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include "check.h"
#include "fake_system_internal.h"

enum {
    FD_FIRST = 100000, // above every real descriptor
    WALL_S = 1700000000,
    TCP_STATE_OPEN = 1, // include/net/tcp_states.h
    TCP_STATE_CLOSED = 7,
    TCP_STATE_CLOSE_WAIT = 8
};

static struct fake_socket sockets[FAKE_SOCKETS_MAX];
struct fake_system fake_system;

bool fake_maybe(uint32_t one_in)
{
    return one_in > 0 && chance_one_in(fake_system.chance, one_in);
}

// A call that has to be repeated.
static bool gives_again(void)
{
    bool again = fake_maybe(fake_system.faults.again_one_in);
    fake_system.activity += again;
    return again;
}

// Half of the time all, else at least one.
static size_t some_of(size_t n)
{
    return n < 2 || fake_maybe(2) ? n : 1 + chance_below(fake_system.chance, n);
}

void fake_system_begin(struct chance *chance)
{
    fake_system = (struct fake_system){.chance = chance, .sockets = sockets, .now_ms = 1000000};
    fake_uv_begin();
}

void fake_system_set_faults(const struct fake_faults *faults)
{
    fake_system.faults = *faults;
    fake_system.allocations = 0;
}

void fake_system_end(void)
{
    for (int i = 0; i < fake_system.count; i++)
        CHECK(!sockets[i].open && !sockets[i].poll);
    CHECK(fake_uv_is_over());
    CHECK(fake_system.live == 0);
}

void fake_system_pass(uint64_t ms)
{
    fake_system.now_ms += ms;
}

bool fake_system_has_failed(void)
{
    return fake_system.failed;
}

uint64_t fake_system_activity(void)
{
    return fake_system.activity;
}

// The wires' bytes stay as they are, since clearing them would take most of the time.
static struct fake_socket *new_socket(void)
{
    static const uint32_t caps[] = {300, 16 * 1024, 16 * 1024, FAKE_WIRE_BYTES};
    CHECK(fake_system.count < FAKE_SOCKETS_MAX);
    struct fake_socket *s = &sockets[fake_system.count];
    struct fake_wire *wires[] = {&s->in, &s->out};
    for (int i = 0; i < 2; i++) {
        wires[i]->len = wires[i]->held = 0;
        wires[i]->ended = wires[i]->reset = false;
        wires[i]->cap = caps[chance_below(fake_system.chance, 4)];
    }
    s->fd = FD_FIRST + fake_system.count++;
    s->dialed = s->accepted = s->connecting = s->dead = s->left = false;
    s->closes_by_reset = s->write_shut = false;
    s->open = true;
    s->error = s->events = 0;
    s->poll = NULL;
    return s;
}

static struct fake_socket *socket_of(int fd)
{
    if (fd < FD_FIRST || fd >= FD_FIRST + fake_system.count)
        return NULL;
    CHECK(sockets[fd - FD_FIRST].open);
    return &sockets[fd - FD_FIRST];
}

struct fake_socket *fake_connect(void)
{
    return new_socket();
}

struct fake_socket *fake_accept(void)
{
    for (int i = 0; i < fake_system.count; i++) {
        struct fake_socket *s = &sockets[i];
        if (s->dialed && !s->connecting && !s->accepted && !s->dead) {
            s->accepted = true;
            return s;
        }
    }
    return NULL;
}

static void wire_take(struct fake_wire *w, size_t len)
{
    CHECK(len <= w->len);
    w->len -= len;
    w->held -= len < w->held ? len : w->held;
    memmove(w->bytes, w->bytes + len, w->len);
    fake_system.activity += len;
}

// A RST overtakes bytes: some of the last are lost.
static void wire_reset(struct fake_wire *w)
{
    size_t unread = w->len - w->held;
    w->len = w->held + (unread ? some_of(unread) : 0);
    w->reset = true;
    fake_system.activity++;
}

size_t fake_room(const struct fake_socket *s, char **at)
{
    *at = (char *)(uintptr_t)s->in.bytes + s->in.len;
    return s->in.ended || s->left || s->dead ? 0 : fake_wire_room(&s->in);
}

void fake_sent(struct fake_socket *s, size_t len)
{
    fake_system.activity += len;
    if (len > 0 && !s->open) {
        if (!s->out.reset)
            wire_reset(&s->out);
        return;
    }
    s->in.len += len;
}

void fake_take(struct fake_socket *s, size_t len)
{
    wire_take(&s->out, len);
}

void fake_shutdown(struct fake_socket *s)
{
    fake_system.activity += !s->in.ended;
    s->in.ended = true;
}

static void kill_program_end(struct fake_socket *s)
{
    if (s->dead)
        return;
    wire_reset(&s->in);
    s->dead = true;
    s->error = ECONNRESET;
    s->out.len = s->out.held = 0;
}

void fake_reset(struct fake_socket *s)
{
    s->left = true;
    kill_program_end(s);
}

void fake_close(struct fake_socket *s)
{
    if (s->left)
        return;
    if (s->out.len > 0) {
        fake_reset(s);
        return;
    }
    fake_shutdown(s);
    s->left = true;
}

// The calls of the program.

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *p);
int __real_close(int fd);
int __real_clock_gettime(clockid_t clock, struct timespec *t);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *p);
int __wrap_close(int fd);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
ssize_t __wrap_recv(int fd, void *to, size_t cap, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __wrap_shutdown(int fd, int how);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_ioctl(int fd, unsigned long request, ...);

static bool runs_out(void)
{
    const struct fake_faults *f = &fake_system.faults;
    uint64_t n = ++fake_system.allocations;
    bool fails = n >= f->memory_fails_from && n < f->memory_fails_until;
    fake_system.failed = fake_system.failed || fails;
    return fails;
}

static void *counted(void *p)
{
    fake_system.live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t size)
{
    return runs_out() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return runs_out() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (runs_out())
        return NULL;
    void *p = __real_realloc(old, size);
    fake_system.live += p && !old;
    return p;
}

void __wrap_free(void *p)
{
    fake_system.live -= p != NULL;
    __real_free(p);
}

static int fail(int error)
{
    errno = error;
    return -1;
}

// Tells of the error that waits, once.
static int fail_once(struct fake_socket *s, int otherwise)
{
    int error = s->error ? s->error : otherwise;
    s->error = 0;
    return fail(error);
}

ssize_t __wrap_recv(int fd, void *to, size_t cap, int flags)
{
    struct fake_socket *s = socket_of(fd);
    bool peek = flags & MSG_PEEK;
    CHECK(s);
    if (s->in.len == 0) {
        if (s->error)
            return fail_once(s, 0);
        return s->in.ended || s->dead ? 0 : fail(EAGAIN);
    }
    if (!peek && gives_again())
        return fail(EAGAIN);
    size_t n = some_of(cap < s->in.len ? cap : s->in.len);
    memcpy(to, s->in.bytes, n);
    if (!peek)
        wire_take(&s->in, n);
    return (ssize_t)n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct fake_socket *s = socket_of(fd);
    CHECK(s && flags == MSG_NOSIGNAL);
    if (s->error || s->dead || s->write_shut)
        return fail_once(s, EPIPE);
    size_t room = fake_wire_room(&s->out);
    if (room == 0 || gives_again())
        return fail(EAGAIN);
    room = some_of(room);
    size_t all = 0;
    for (size_t i = 0; i < message->msg_iovlen && room > 0; i++) {
        size_t len = message->msg_iov[i].iov_len < room ? message->msg_iov[i].iov_len : room;
        memcpy(s->out.bytes + s->out.len, message->msg_iov[i].iov_base, len);
        s->out.len += len;
        room -= len;
        all += len;
    }
    fake_system.activity += all;
    if (s->left)
        kill_program_end(s); // the peer's system answers with RST
    return (ssize_t)all;
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return __wrap_sendmsg(fd, &message, flags);
}

int __wrap_shutdown(int fd, int how)
{
    struct fake_socket *s = socket_of(fd);
    CHECK(s && how == SHUT_WR);
    if (s->dead)
        return fail(ENOTCONN);
    s->write_shut = s->out.ended = true;
    fake_system.activity++;
    return 0;
}

// Bytes that the program has not read make it a RST, as in Linux.
int __wrap_close(int fd)
{
    struct fake_socket *s = socket_of(fd);
    if (!s)
        return __real_close(fd);
    CHECK(!s->poll);
    s->open = s->connecting = false;
    if (s->closes_by_reset || s->in.len > 0)
        wire_reset(&s->out);
    s->out.ended = true;
    fake_system.activity++;
    return 0;
}

int __wrap_socket(int domain, int type, int protocol)
{
    (void)domain;
    (void)type;
    (void)protocol;
    if (fake_maybe(fake_system.faults.refuse_one_in)) {
        fake_system.failed = true;
        return fail(EMFILE);
    }
    struct fake_socket *s = new_socket();
    s->dialed = true;
    return s->fd;
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    struct fake_socket *s = socket_of(fd);
    (void)to;
    (void)len;
    CHECK(s);
    s->connecting = true;
    if (fake_maybe(fake_system.faults.refuse_one_in)) {
        fake_system.failed = true;
        s->dead = true;
        s->error = ECONNREFUSED;
    }
    return fail(EINPROGRESS);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    struct fake_socket *s = socket_of(fd);
    (void)value;
    (void)len;
    CHECK(s);
    if (level == SOL_SOCKET && name == SO_LINGER)
        s->closes_by_reset = true;
    return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct fake_socket *s = socket_of(fd);
    CHECK(s);
    if (level == SOL_SOCKET && name == SO_ERROR) {
        memcpy(value, &s->error, sizeof(s->error));
        s->error = 0;
        return 0;
    }
    CHECK(name == TCP_INFO && *len == sizeof(struct tcp_info));
    struct tcp_info info = {.tcpi_state = s->dead       ? TCP_STATE_CLOSED
                                          : s->in.ended ? TCP_STATE_CLOSE_WAIT
                                                        : TCP_STATE_OPEN};
    memcpy(value, &info, sizeof(info));
    return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    const struct fake_socket *s = socket_of(fd);
    va_list args;
    CHECK(s && request == SIOCOUTQ);
    va_start(args, request);
    *va_arg(args, int *) = (int)s->out.len;
    va_end(args);
    return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
    (void)clock;
    if (!fake_system.chance)
        return __real_clock_gettime(clock, t);
    t->tv_sec = (time_t)(WALL_S + fake_system.now_ms / 1000);
    t->tv_nsec = (long)(fake_system.now_ms % 1000 * 1000000);
    return 0;
}
