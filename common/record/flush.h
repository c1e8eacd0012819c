// SPDX-License-Identifier: MIT
// Flush requests: a reader asks every program that writes a record to write all exchanges that have
// ended, and waits for the replies. Each writer listens on a Unix socket in the abstract namespace;
// a connection is a request, and each reply is one byte, an enum flush_reply. The kernel lists the
// sockets and drops them with their program, so no reader waits for a dead writer and no file is
// left behind.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum {
    FLUSH_WAIT_MS = 2000,    // a reader waits this long, for all writers together
    FLUSH_WRITERS_MAX = 256, // writers that a reader asks
    FLUSH_BACKLOG = 128,     // connections that wait to be accepted
    FLUSH_WAITERS_MAX = 128  // readers that one writer serves at once
};

enum flush_reply {
    FLUSH_WRITTEN = 'w',  // exchanges that had ended before the request are in the record
    FLUSH_REPORTED = 'r', // no peer's report on these is outstanding; the last reply
    FLUSH_BUSY = 'b'      // FLUSH_WAITERS_MAX readers wait already; the last reply
};

// Asks all writers of the record in `dir` and waits for FLUSH_WRITTEN, for `ms` at most. With
// `reports` it also waits for FLUSH_REPORTED within that time; missing reports are no failure.
// False: a writer has not confirmed; `*pid` is its process, or 0 if unknown.
bool flush_wait(const char *dir, bool reports, unsigned ms, pid_t *pid);

// Sends a reply to a reader. flush_finish also closes the connection.
void flush_send(int fd, enum flush_reply reply);
void flush_finish(int fd, enum flush_reply reply);

// Whether the peer of a connection may ask for a flush: its user is ours or root.
bool flush_peer_may_ask(int fd, pid_t *pid);

// The owner of the Unix socket with this inode in the kernel's list. False: the kernel does not
// tell (before Linux 5.3).
bool flush_socket_owner(uint32_t inode, uid_t *uid);

// The common prefix of the socket names of a directory's writers, by device and inode: it is the
// same wherever the directory is mounted. False: the directory does not exist.
struct flush_name {
    struct sockaddr_un addr;
    socklen_t len;
};
bool flush_name_prefix(const char *dir, struct flush_name *name);
