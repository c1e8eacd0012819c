// SPDX-License-Identifier: MIT
#include "flush.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include "common/base/clock.h"

enum {
    SOCKET_LISTENS = 0x10000 // __SO_ACCEPTCON in the flags of /proc/net/unix
};

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
void flush_send(int fd, enum flush_reply reply)
{
    const char byte = (char)reply;
    ssize_t n = send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n;
}

void flush_finish(int fd, enum flush_reply reply)
{
    flush_send(fd, reply);
    (void)close(fd);
}

// A writer whose last reply is outstanding.
struct asked_writer {
    bool written; // FLUSH_WRITTEN has come
    pid_t pid;
};

struct flush_request {
    uid_t owner; // of the directory
    uint64_t end_ns;
    struct pollfd polls[FLUSH_WRITERS_MAX];
    struct asked_writer writers[FLUSH_WRITERS_MAX];
    size_t count;
    bool reports;
    bool unwritten; // a writer has not confirmed
    pid_t pid;      // the writer
};

// A socket in /proc/net/unix.
struct listed_socket {
    struct flush_name name;
    uint32_t inode;
};

static unsigned left_ms(const struct flush_request *a)
{
    uint64_t now = clock_ns();
    return now < a->end_ns ? (unsigned)((a->end_ns - now + 999999) / 1000000) : 0;
}

// Any user can bind such a name. Writers run as the directory's owner, as root or as our user.
static bool is_trusted(const struct flush_request *a, uid_t uid)
{
    return uid == geteuid() || uid == 0 || uid == a->owner;
}

static bool may_write(const struct flush_request *a, int fd, pid_t *pid)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    bool known = !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    *pid = peer.pid;
    return known && is_trusted(a, peer.uid);
}

static int connect_to(int fd, const struct listed_socket *l)
{
    return connect(fd, (const struct sockaddr *)&l->name.addr, l->name.len) ? errno : 0;
}

// The backlog is full: waits for its writer, unless the socket is another user's.
static int connect_blocking(const struct flush_request *a, int fd, const struct listed_socket *l)
{
    uid_t uid = 0;
    unsigned ms = left_ms(a) + 1; // SO_SNDTIMEO 0: no limit
    const struct timeval most = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    if (flush_socket_owner(l->inode, &uid) && !is_trusted(a, uid))
        return ECONNREFUSED;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
    (void)fcntl(fd, F_SETFL, 0);
    return connect_to(fd, l);
}

static void ask_writer(struct flush_request *a, const struct listed_socket *l)
{
    pid_t pid = 0;
    if (a->count == FLUSH_WRITERS_MAX) {
        a->unwritten = true;
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? errno : connect_to(fd, l);
    if (error == EAGAIN)
        error = connect_blocking(a, fd, l);
    if (!error && may_write(a, fd, &pid)) {
        a->polls[a->count] = (struct pollfd){.fd = fd, .events = POLLIN};
        a->writers[a->count++] = (struct asked_writer){.pid = pid};
        return;
    }
    if (fd >= 0)
        (void)close(fd);
    if (error && error != ECONNREFUSED) // refused: the program has ended
        a->unwritten = true;
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
static bool read_line(const char *line, const struct flush_name *prefix, struct listed_socket *l)
{
    const char *begins = prefix->addr.sun_path + 1;
    const char *name = strchr(line, '@');
    size_t len = name ? strcspn(++name, "\n") : 0;
    if (!name || len < strlen(begins) || len >= sizeof(prefix->addr.sun_path) ||
        memcmp(name, begins, strlen(begins)) != 0)
        return false;
    *l = (struct listed_socket){.name = *prefix};
    l->inode = (uint32_t)strtoul(skip_words(line, 6), NULL, 10);
    memcpy(l->name.addr.sun_path + 1, name, len);
    l->name.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return strtoul(skip_words(line, 3), NULL, 16) & SOCKET_LISTENS;
}

static void ask_all(struct flush_request *a, const struct flush_name *prefix)
{
    FILE *list = fopen("/proc/net/unix", "re");
    char *line = NULL;
    size_t cap = 0;
    struct listed_socket l;
    while (list && getline(&line, &cap, list) > 0)
        if (read_line(line, prefix, &l))
            ask_writer(a, &l);
    free(line);
    if (list)
        (void)fclose(list);
}

static void note_unwritten(struct flush_request *a, size_t i)
{
    a->unwritten = true;
    a->pid = a->writers[i].pid;
}

// Reads a writer's replies. True: nothing more is expected of it.
static bool read_replies(struct flush_request *a, size_t i)
{
    char replies[8];
    ssize_t n = recv(a->polls[i].fd, replies, sizeof(replies), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    bool over = n <= 0;
    for (ssize_t at = 0; at < n; at++) {
        a->writers[i].written = a->writers[i].written || replies[at] == FLUSH_WRITTEN;
        over = over || replies[at] != FLUSH_WRITTEN || !a->reports;
        if (replies[at] == FLUSH_BUSY)
            note_unwritten(a, i);
    }
    return over;
}

static void read_all_replies(struct flush_request *a)
{
    for (size_t i = a->count; i-- > 0;) {
        if (a->polls[i].revents == 0 || !read_replies(a, i))
            continue;
        (void)close(a->polls[i].fd);
        a->count--;
        a->polls[i] = a->polls[a->count];
        a->writers[i] = a->writers[a->count];
    }
}

static void give_up(struct flush_request *a)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!a->writers[i].written)
            note_unwritten(a, i);
        (void)close(a->polls[i].fd);
    }
}

bool flush_wait(const char *dir, bool reports, unsigned ms, pid_t *pid)
{
    struct flush_name prefix;
    struct stat st;
    struct flush_request a = {.reports = reports};
    unsigned left = ms;
    *pid = 0;
    if (stat(dir, &st) || !flush_name_prefix(dir, &prefix))
        return true;
    a.owner = st.st_uid;
    a.end_ns = clock_ns() + (uint64_t)ms * 1000000;
    ask_all(&a, &prefix);
    while (a.count > 0 && (left = left_ms(&a)) > 0)
        if (poll(a.polls, a.count, (int)left) > 0)
            read_all_replies(&a);
    give_up(&a);
    *pid = a.pid;
    return !a.unwritten;
}
