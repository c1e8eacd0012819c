// SPDX-License-Identifier: MIT
#include "flush.h"
#include <assert.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool flush_name_prefix(const char *dir, struct flush_name *name)
{
    struct stat st;
    if (stat(dir, &st))
        return false;
    *name = (struct flush_name){.addr.sun_family = AF_UNIX};
    int len =
        snprintf(name->addr.sun_path + 1, sizeof(name->addr.sun_path) - 1, "adit-record-%llx-%llx-",
                 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    name->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    return true;
}

bool flush_peer_may_ask(int fd, pid_t *pid)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
        return false;
    *pid = peer.pid;
    return peer.uid == geteuid() || peer.uid == 0;
}

// Errors are ignored: the reader has left.
static void send_byte(int fd, uint8_t byte)
{
    ssize_t n = send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n;
}

void flush_send(int fd, enum flush_reply reply)
{
    send_byte(fd, (uint8_t)reply);
}

void flush_finish(int fd, enum flush_reply reply)
{
    flush_send(fd, reply);
    (void)close(fd);
}

void flush_send_progress(int fd, unsigned percent)
{
    assert(percent <= 100);
    send_byte(fd, (uint8_t)(FLUSH_PROGRESS + percent));
}

int flush_progress(uint8_t reply)
{
    return reply >= FLUSH_PROGRESS && reply <= FLUSH_PROGRESS + 100 ? reply - FLUSH_PROGRESS : -1;
}
