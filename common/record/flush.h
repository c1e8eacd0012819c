// SPDX-License-Identifier: MIT
// Flush requests: a reader asks every program that writes a record to write all exchanges that have
// ended, and waits for the replies. Each writer listens on a Unix socket in the abstract namespace;
// a connection is a request, and each reply is one byte, an enum flush_reply. Before FLUSH_WRITTEN
// a writer that needs long sends how far it is. The kernel lists the sockets and drops them with
// their program, so no reader waits for a dead writer and no file is left behind.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum {
    FLUSH_WAIT_MS = 2000,       // a reader waits this long for a writer that sends nothing,
    FLUSH_STANDSTILL_MS = 5000, // and this long for one that sends the same percentage
    FLUSH_PROGRESS_MS = 500,    // between two percentages of a writer
    FLUSH_WRITERS_MAX = 256,    // writers that a reader asks
    FLUSH_BACKLOG = 128,        // connections that wait to be accepted
    FLUSH_WAITERS_MAX = 128     // readers that one writer serves at once
};

enum flush_reply {
    FLUSH_WRITTEN = 'w',  // exchanges that had ended before the request are in the record
    FLUSH_REPORTED = 'r', // no peer's report on these is outstanding; the last reply
    FLUSH_BUSY = 'b',     // FLUSH_WAITERS_MAX readers wait already; the last reply
    // To this is added which percentage of the events that it waits for is in the record, 0 to 100.
    // A writer that works sends this every FLUSH_PROGRESS_MS, any number of times.
    FLUSH_PROGRESS = 0x80
};

// Sends a reply to a reader. flush_finish also closes the connection.
void flush_send(int fd, enum flush_reply reply);
void flush_finish(int fd, enum flush_reply reply);
// Sends FLUSH_PROGRESS. `percent`: at most 100.
void flush_send_progress(int fd, unsigned percent);
// The percentage in a reply, or -1: the reply is none.
int flush_progress(uint8_t reply);

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
