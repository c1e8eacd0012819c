// SPDX-License-Identifier: MIT
#include "flush_writers.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    SOCKET_LISTENS = 0x10000 // __SO_ACCEPTCON in the flags of /proc/net/unix
};

// Any user can bind such a name. Writers run as the directory's owner, as root or as our user.
static bool is_trusted(const struct flush_writer *w, uid_t uid)
{
    return uid == geteuid() || uid == 0 || uid == w->owner;
}

static bool may_write(const struct flush_writer *w, int fd, pid_t *pid)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    bool known = !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    *pid = peer.pid;
    return known && is_trusted(w, peer.uid);
}

static int connect_to(int fd, const struct flush_writer *w)
{
    return connect(fd, (const struct sockaddr *)&w->name.addr, w->name.len) ? errno : 0;
}

// The backlog is full: waits for its writer, unless the socket is another user's.
static int connect_blocking(const struct flush_writer *w, int fd, unsigned wait_ms)
{
    uid_t uid = 0;
    const struct timeval most = {.tv_sec = wait_ms / 1000,
                                 .tv_usec = (suseconds_t)(wait_ms % 1000) * 1000};
    if (flush_socket_owner(w->inode, &uid) && !is_trusted(w, uid))
        return ECONNREFUSED;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
    (void)fcntl(fd, F_SETFL, 0);
    int error = connect_to(fd, w);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return error;
}

int flush_writer_ask(const struct flush_writer *w, unsigned wait_ms, pid_t *pid)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? errno : connect_to(fd, w);
    if (error == EAGAIN && wait_ms > 0) // SO_SNDTIMEO 0 would be no limit
        error = connect_blocking(w, fd, wait_ms);
    if (!error && !may_write(w, fd, pid))
        error = ECONNREFUSED;
    if (!error)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return -1;
}

static const char *skip_words(const char *line, int count)
{
    for (int i = 0; i < count; i++) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
    }
    return line;
}

// Parses a line of /proc/net/unix (proc(5)): the fourth word has flags, the seventh the inode.
// False: another name, or not a listening socket.
static bool read_line(const char *line, const struct flush_name *prefix, struct flush_writer *w)
{
    const char *begins = prefix->addr.sun_path + 1;
    const char *name = strchr(line, '@');
    size_t len = name ? strcspn(++name, "\n") : 0;
    if (!name || len < strlen(begins) || len >= sizeof(prefix->addr.sun_path) ||
        memcmp(name, begins, strlen(begins)) != 0)
        return false;
    w->name = *prefix;
    w->inode = (uint32_t)strtoul(skip_words(line, 6), NULL, 10);
    memcpy(w->name.addr.sun_path + 1, name, len);
    w->name.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return strtoul(skip_words(line, 3), NULL, 16) & SOCKET_LISTENS;
}

void flush_writers_each(const char *dir, void (*found)(void *ctx, const struct flush_writer *w),
                        void *ctx)
{
    struct flush_name prefix;
    struct flush_writer w = {0};
    struct stat st;
    char *line = NULL;
    size_t cap = 0;
    if (stat(dir, &st) || !flush_name_prefix(dir, &prefix))
        return;
    w.owner = st.st_uid;
    FILE *list = fopen("/proc/net/unix", "re");
    while (list && getline(&line, &cap, list) > 0)
        if (read_line(line, &prefix, &w))
            found(ctx, &w);
    free(line);
    if (list)
        (void)fclose(list);
}
