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
    SOCKET_LISTENS = 0x10000 // in the flags that the kernel lists (__SO_ACCEPTCON)
};

// The same directory has the same name wherever it is mounted.
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

// A reader that has left does not matter.
void flush_send(int fd, enum flush_reply word)
{
    const char byte = (char)word;
    ssize_t n = send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n;
}

void flush_finish(int fd, enum flush_reply word)
{
    flush_send(fd, word);
    (void)close(fd);
}

// A writer that was asked and has not answered.
struct asked_writer {
    bool written; // it has said so
    pid_t pid;
};

struct asked {
    uid_t owner; // of the directory
    uint64_t end_ns;
    struct pollfd polls[FLUSH_WRITERS_MAX];
    struct asked_writer writers[FLUSH_WRITERS_MAX];
    size_t count;
    bool reports;
    bool unwritten; // by one of them
    pid_t pid;      // which one
};

// A socket that the kernel lists.
struct listed {
    struct flush_name name;
    uint32_t inode;
};

static unsigned left_ms(const struct asked *a)
{
    uint64_t now = clock_ns();
    return now < a->end_ns ? (unsigned)((a->end_ns - now + 999999) / 1000000) : 0;
}

// Anybody may take such a name: the owner of the directory writes the record, or root, or we do.
static bool is_one_of_us(const struct asked *a, uid_t uid)
{
    return uid == geteuid() || uid == 0 || uid == a->owner;
}

static bool may_write(const struct asked *a, int fd, pid_t *pid)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    bool known = !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    *pid = peer.pid;
    return known && is_one_of_us(a, peer.uid);
}

static int ask(int fd, const struct listed *l)
{
    return connect(fd, (const struct sockaddr *)&l->name.addr, l->name.len) ? errno : 0;
}

// A writer whose backlog is full is waited for, too, but not anybody else.
static int ask_again(const struct asked *a, int fd, const struct listed *l)
{
    uid_t uid = 0;
    unsigned ms = left_ms(a) + 1; // 0 would be for ever
    const struct timeval most = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    if (flush_socket_owner(l->inode, &uid) && !is_one_of_us(a, uid))
        return ECONNREFUSED;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
    (void)fcntl(fd, F_SETFL, 0);
    return ask(fd, l);
}

static void ask_writer(struct asked *a, const struct listed *l)
{
    pid_t pid = 0;
    if (a->count == FLUSH_WRITERS_MAX) {
        a->unwritten = true;
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? errno : ask(fd, l);
    if (error == EAGAIN)
        error = ask_again(a, fd, l);
    if (!error && may_write(a, fd, &pid)) {
        a->polls[a->count] = (struct pollfd){.fd = fd, .events = POLLIN};
        a->writers[a->count++] = (struct asked_writer){.pid = pid};
        return;
    }
    if (fd >= 0)
        (void)close(fd);
    if (error && error != ECONNREFUSED) // it is gone meanwhile
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

// Reads a line of the kernel's list (proc(5)): its fourth word has flags, its seventh the inode.
// False: it is not one of these names, or nobody listens on it.
static bool read_line(const char *line, const struct flush_name *prefix, struct listed *l)
{
    const char *begins = prefix->addr.sun_path + 1;
    const char *name = strchr(line, '@');
    size_t len = name ? strcspn(++name, "\n") : 0;
    if (!name || len < strlen(begins) || len >= sizeof(prefix->addr.sun_path) ||
        memcmp(name, begins, strlen(begins)) != 0)
        return false;
    *l = (struct listed){.name = *prefix};
    l->inode = (uint32_t)strtoul(skip_words(line, 6), NULL, 10);
    memcpy(l->name.addr.sun_path + 1, name, len);
    l->name.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return strtoul(skip_words(line, 3), NULL, 16) & SOCKET_LISTENS;
}

// Asks all who listen.
static void ask_all(struct asked *a, const struct flush_name *prefix)
{
    FILE *list = fopen("/proc/net/unix", "re");
    char *line = NULL;
    size_t cap = 0;
    struct listed l;
    while (list && getline(&line, &cap, list) > 0)
        if (read_line(line, prefix, &l))
            ask_writer(a, &l);
    free(line);
    if (list)
        (void)fclose(list);
}

static void note_unwritten(struct asked *a, size_t i)
{
    a->unwritten = true;
    a->pid = a->writers[i].pid;
}

// Hears one writer. True: it has said all that is waited for, or is gone.
static bool hear(struct asked *a, size_t i)
{
    char words[8];
    ssize_t n = recv(a->polls[i].fd, words, sizeof(words), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    bool over = n <= 0;
    for (ssize_t at = 0; at < n; at++) {
        a->writers[i].written = a->writers[i].written || words[at] == FLUSH_WRITTEN;
        over = over || words[at] != FLUSH_WRITTEN || !a->reports;
        if (words[at] == FLUSH_BUSY)
            note_unwritten(a, i);
    }
    return over;
}

static void hear_all(struct asked *a)
{
    for (size_t i = a->count; i-- > 0;) {
        if (a->polls[i].revents == 0 || !hear(a, i))
            continue;
        (void)close(a->polls[i].fd);
        a->count--;
        a->polls[i] = a->polls[a->count];
        a->writers[i] = a->writers[a->count];
    }
}

static void give_up(struct asked *a)
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
    struct asked a = {.reports = reports};
    unsigned left = ms;
    *pid = 0;
    if (stat(dir, &st) || !flush_name_prefix(dir, &prefix))
        return true;
    a.owner = st.st_uid;
    a.end_ns = clock_ns() + (uint64_t)ms * 1000000;
    ask_all(&a, &prefix);
    while (a.count > 0 && (left = left_ms(&a)) > 0)
        if (poll(a.polls, a.count, (int)left) > 0)
            hear_all(&a);
    give_up(&a);
    *pid = a.pid;
    return !a.unwritten;
}
