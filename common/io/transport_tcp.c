// SPDX-License-Identifier: MIT
// TCP as a transport, and what the kernel says of the socket beneath any transport.
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include "loop.h"
#include "transport.h"

struct tcp {
    struct transport transport;
    int write_error; // met by a write: the kernel tells of it once
};

static struct tcp *tcp_of(struct transport *t)
{
    return container_of(t, struct tcp, transport);
}

static int tcp_handshake(struct transport *t)
{
    (void)t;
    return 0;
}

// The error behind the end of the stream, or 0. The kernel tells of a RST once: a read behind a
// write that met it ends as if by FIN, which would make a truncated body complete. A RST behind a
// FIN shows here alone.
static int error_behind_eof(struct transport *t)
{
    int write_error = tcp_of(t)->write_error;
    return write_error ? write_error : transport_socket_error(t);
}

static ssize_t tcp_read(struct transport *t, void *to, size_t cap)
{
    ssize_t n;
    do {
        n = recv(t->fd, to, cap, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    return n < 0 ? -errno : error_behind_eof(t);
}

static ssize_t tcp_writev(struct transport *t, const struct iovec *parts, int count)
{
    const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                                   .msg_iovlen = (size_t)count};
    ssize_t n;
    if (count == 0)
        return 0;
    do {
        n = count == 1 ? send(t->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                       : sendmsg(t->fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        t->wire_sent += (size_t)n;
        return n;
    }
    if (errno != EAGAIN)
        tcp_of(t)->write_error = -errno;
    return -errno;
}

static int tcp_shutdown(struct transport *t)
{
    return shutdown(t->fd, SHUT_WR) ? -errno : 0;
}

static void tcp_close(struct transport *t, bool reset)
{
    transport_close_socket(t, reset);
    free(tcp_of(t));
}

static struct slice tcp_no_name(const struct transport *t)
{
    (void)t;
    return SLICE("");
}

static const char *tcp_no_detail(const struct transport *t)
{
    (void)t;
    return "";
}

static bool tcp_covers(struct transport *t, struct slice host)
{
    (void)t;
    (void)host;
    return true;
}

static const struct transport_ops tcp_ops = {
    .handshake = tcp_handshake,
    .read = tcp_read,
    .writev = tcp_writev,
    .shutdown = tcp_shutdown,
    .close = tcp_close,
    .alpn = tcp_no_name,
    .peer_name = tcp_no_name,
    .detail = tcp_no_detail,
    .covers = tcp_covers,
    .close_ends = true,
};

struct transport *transport_tcp(int fd)
{
    struct tcp *tcp = calloc(1, sizeof(*tcp));
    if (!tcp)
        return NULL;
    tcp->transport.ops = &tcp_ops;
    tcp->transport.fd = fd;
    return &tcp->transport;
}

void transport_tcp_free(struct transport *t)
{
    free(tcp_of(t));
}

void transport_close_socket(struct transport *t, bool reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        (void)setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(t->fd);
}

int transport_socket_error(const struct transport *t)
{
    int error = 0;
    socklen_t len = sizeof(error);
    return getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) ? -errno : -error;
}

size_t transport_unacked(const struct transport *t)
{
    int bytes = 0;
    return ioctl(t->fd, SIOCOUTQ, &bytes) || bytes < 0 ? 0 : (size_t)bytes;
}

bool transport_peer_left(const struct transport *t, bool reset_only)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &info, &len) || info.tcpi_state == TCP_CLOSE)
        return true;
    return !reset_only && (info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_LAST_ACK ||
                           info.tcpi_state == TCP_CLOSING);
}
