// SPDX-License-Identifier: MIT
// slowlink PORT TO DELAY_MS RATE_KBIT QUEUE_KIB SECONDS: a TCP forwarder on 127.0.0.1 that behaves
// like a long or narrow way. Per direction, all connections together: bytes wait in a queue of
// QUEUE_KIB, leave it at RATE_KBIT (0: at once), and arrive DELAY_MS later, so that the round trip
// is twice DELAY_MS. While the queue is full nothing is read, so a sender feels the way as
// backpressure and no byte is lost. PORT 0 lets the system choose. Prints the port when it listens
// and ends by itself after SECONDS.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "wire.h"

enum {
    EVENTS = 64,
    PIECE = 8 * 1024,         // read at once, so that connections take turns
    KERNEL_BYTES = 16 * 1024, // SO_RCVBUF: the kernel shall not add a queue of its own
    SEGMENT = 1460,
};

static const char usage[] =
    "usage: slowlink PORT TO DELAY_MS RATE_KBIT QUEUE_KIB SECONDS\n"
    "  forwards 127.0.0.1:PORT (0: any, printed) to 127.0.0.1:TO; each direction has a queue of\n"
    "  QUEUE_KIB, RATE_KBIT (0: no limit) and DELAY_MS; ends after SECONDS\n";

struct end;

// Bytes on their way; their last one arrives at `due`. An empty piece is the sender's FIN.
struct piece {
    struct piece *next;
    struct end *to;
    double left_queue, due;
    size_t len, sent;
    char bytes[];
};

struct pieces {
    struct piece *first, **last;
};

// One of the two sockets of a connection.
struct end {
    struct link *link;
    struct end *peer;
    int fd, way;           // `way`: the direction of the bytes that are read here
    struct pieces arrived; // due, and not taken by the kernel yet
    size_t under_way;      // pieces towards this end, those that have arrived included
    uint32_t interest;
    bool connected, read_over, broken; // `broken`: takes no more bytes, and is not watched
};

struct connection {
    struct end ends[2];
    struct connection *next;
};

struct way {
    struct pieces pieces; // in the queue or in flight, in order
    struct piece *queued; // the first that has not left the queue
    size_t queue_bytes;
    double free_at; // when the last byte leaves the queue
};

struct link {
    int epoll, listener, timer, to;
    double delay_s, bytes_s;
    size_t queue_max;
    struct way ways[2];
    struct connection *connections;
};

static void pieces_add(struct pieces *q, struct piece *p)
{
    if (!q->first)
        q->last = &q->first;
    p->next = NULL;
    *q->last = p;
    q->last = &p->next;
}

static struct piece *pieces_take(struct pieces *q)
{
    struct piece *p = q->first;
    q->first = p->next;
    return p;
}

// The one place that decides what an end waits for.
static void end_update(struct end *e)
{
    const struct way *w = &e->link->ways[e->way];
    bool reads = !e->read_over && e->peer->connected && !e->peer->arrived.first &&
                 w->queue_bytes < e->link->queue_max;
    bool writes = !e->connected || e->arrived.first;
    uint32_t want = (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U);
    if (e->broken || want == e->interest)
        return;
    struct epoll_event ev = {.events = want, .data.ptr = e};
    e->interest = want;
    if (epoll_ctl(e->link->epoll, EPOLL_CTL_MOD, e->fd, &ev) != 0)
        wire_die("slowlink", "epoll_ctl");
}

// Puts a piece into the queue of the way; `len` 0 is a FIN.
static void queue_piece(struct end *from, const char *bytes, size_t len)
{
    struct link *l = from->link;
    struct way *w = &l->ways[from->way];
    struct piece *p = malloc(sizeof *p + len);
    double now = wire_now_s();
    if (!p)
        wire_die("slowlink", "malloc");
    *p = (struct piece){.to = from->peer, .len = len};
    memcpy(p->bytes, bytes, len);
    if (w->free_at < now)
        w->free_at = now;
    if (l->bytes_s > 0)
        w->free_at += (double)len / l->bytes_s;
    p->left_queue = w->free_at;
    p->due = w->free_at + l->delay_s;
    w->queue_bytes += len;
    from->peer->under_way++;
    pieces_add(&w->pieces, p);
    if (!w->queued)
        w->queued = p;
}

static void end_read(struct end *e)
{
    static char block[PIECE];
    ssize_t got = recv(e->fd, block, sizeof block, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        e->read_over = true;
    queue_piece(e, block, got > 0 ? (size_t)got : 0);
}

// Gives the kernel a piece. Returns whether all of it was taken, or dropped since the end is
// broken.
static bool piece_write(struct end *e, struct piece *p)
{
    if (e->broken)
        return true;
    if (p->len == 0) {
        shutdown(e->fd, SHUT_WR);
        return true;
    }
    ssize_t n = send(e->fd, p->bytes + p->sent, p->len - p->sent, MSG_NOSIGNAL);
    if (n < 0)
        return errno != EAGAIN && errno != EINTR;
    p->sent += (size_t)n;
    return p->sent == p->len;
}

static void end_write(struct end *e)
{
    while (e->connected && e->arrived.first && piece_write(e, e->arrived.first)) {
        free(pieces_take(&e->arrived));
        e->under_way--;
    }
}

// Moves what has left the queue, and what has arrived. Returns when the next piece moves, or 0.
static double way_run(struct way *w, double now)
{
    for (; w->queued && w->queued->left_queue <= now; w->queued = w->queued->next)
        w->queue_bytes -= w->queued->len;
    while (w->pieces.first && w->pieces.first->due <= now) {
        struct piece *p = pieces_take(&w->pieces);
        pieces_add(&p->to->arrived, p);
        end_write(p->to);
    }
    double at = w->pieces.first ? w->pieces.first->due : 0;
    return w->queued && w->queued->left_queue < at ? w->queued->left_queue : at;
}

static void end_init(struct end *e, struct link *l, int fd, int way)
{
    struct epoll_event ev = {.events = 0, .data.ptr = e};
    int one = 1;
    *e = (struct end){.link = l, .fd = fd, .way = way};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        wire_die("slowlink", "epoll_ctl");
}

static void keep_kernel_small(int fd)
{
    int bytes = KERNEL_BYTES, segment = SEGMENT;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
}

static void accept_one(struct link *l)
{
    int fd = accept4(l->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    int to = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)l->to),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    keep_kernel_small(to);
    if (to < 0 || (connect(to, (struct sockaddr *)&at, sizeof at) != 0 && errno != EINPROGRESS))
        wire_die("slowlink", "connect");
    struct connection *c = malloc(sizeof *c);
    if (!c)
        wire_die("slowlink", "malloc");
    end_init(&c->ends[0], l, fd, 0);
    end_init(&c->ends[1], l, to, 1);
    c->ends[0].peer = &c->ends[1];
    c->ends[1].peer = &c->ends[0];
    c->ends[0].connected = true;
    c->next = l->connections;
    l->connections = c;
}

static bool is_over(const struct end *e)
{
    return e->read_over && e->under_way == 0;
}

// Frees connections whose bytes are all delivered, and says what the others wait for.
static void update_all(struct link *l)
{
    for (struct connection **at = &l->connections; *at;) {
        struct connection *c = *at;
        if (!is_over(&c->ends[0]) || !is_over(&c->ends[1])) {
            end_update(&c->ends[0]);
            end_update(&c->ends[1]);
            at = &c->next;
            continue;
        }
        *at = c->next;
        close(c->ends[0].fd);
        close(c->ends[1].fd);
        free(c);
    }
}

// The socket is closed both ways: what it still holds is passed on.
static void end_break(struct end *e)
{
    while (!e->read_over && e->connected)
        end_read(e);
    e->broken = e->connected = true;
    if (!e->read_over)
        queue_piece(e, "", 0);
    e->read_over = true;
    end_write(e);
    epoll_ctl(e->link->epoll, EPOLL_CTL_DEL, e->fd, NULL);
}

static void end_event(struct end *e, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) {
        end_break(e);
        return;
    }
    if (events & EPOLLOUT) {
        e->connected = true;
        end_write(e);
    }
    if (events & EPOLLIN)
        end_read(e);
}

static void run_once(struct link *l)
{
    struct epoll_event got[EVENTS];
    int n = epoll_wait(l->epoll, got, EVENTS, -1);
    for (int i = 0; i < n; i++) {
        uint64_t ticks = 0;
        if (got[i].data.ptr == l)
            accept_one(l);
        else if (got[i].data.ptr == &l->timer)
            (void)!read(l->timer, &ticks, sizeof ticks);
        else
            end_event(got[i].data.ptr, got[i].events);
    }
    double now = wire_now_s();
    double a = way_run(&l->ways[0], now), b = way_run(&l->ways[1], now);
    double at = a > 0 && (b == 0 || a < b) ? a : b;
    double wait = at > 0 ? at - wire_now_s() : 0;
    if (at > 0 && wait < 1e-6)
        wait = 1e-6;
    struct itimerspec when = {
        .it_value = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)}};
    timerfd_settime(l->timer, 0, &when, NULL);
    update_all(l);
}

static void watch(struct link *l, int fd, void *as)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = as};
    if (fd < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        wire_die("slowlink", "start");
}

// Returns the port.
static int listen_on(struct link *l, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int one = 1;
    l->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    keep_kernel_small(l->listener);
    if (setsockopt(l->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(l->listener, (struct sockaddr *)&at, len) != 0 || listen(l->listener, 1024) != 0 ||
        getsockname(l->listener, (struct sockaddr *)&at, &len) != 0)
        wire_die("slowlink", "listen");
    return ntohs(at.sin_port);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc != 7) {
        fputs(usage, stderr);
        return 2;
    }
    alarm((unsigned)wire_int(argv[6]));
    struct link link = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                        .timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
                        .to = wire_int(argv[2]),
                        .delay_s = wire_int(argv[3]) / 1000.0,
                        .bytes_s = wire_int(argv[4]) * 125.0,
                        .queue_max = (size_t)wire_int(argv[5]) * 1024};
    int port = listen_on(&link, wire_int(argv[1]));
    watch(&link, link.listener, &link);
    watch(&link, link.timer, &link.timer);
    printf("%d\n", port);
    fflush(stdout);
    for (;;)
        run_once(&link);
}
