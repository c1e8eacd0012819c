// SPDX-License-Identifier: MIT
// A reader that is to see all that is over asks the programs that write the record to write it now:
// each listens on a Unix socket, and to connect to it is to ask. The answer is a byte when all that
// was over by then is in the record, and another one when also the other end's reports on it are.
// Traffic pays nothing for it. The sockets have names without a file, which the kernel lists and
// forgets with their program, however that ends: nobody waits for the dead, and nothing is left in
// the directory.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum {
    FLUSH_WAIT_MS = 2000,    // that a reader waits, for all writers together
    FLUSH_WRITERS_MAX = 256, // that a reader asks
    FLUSH_BACKLOG = 128,     // readers that wait to be heard
    FLUSH_WAITERS_MAX = 128  // of whom one writer knows at once
};

// What a writer says, a byte each.
enum flush_reply {
    FLUSH_WRITTEN = 'w',  // all that was over is in the record
    FLUSH_REPORTED = 'r', // and no report on it is waited for; the last word
    FLUSH_BUSY = 'b'      // too many wait already; the last word
};

// Asks all who write the record of this directory, and waits for their answers, for at most `ms`.
// `reports`: also for the other end's reports, for as long as that; that these lack does not count.
// False: one of them has not written all; `*pid` is its process, 0 when it is not known.
bool flush_wait(const char *dir, bool reports, unsigned ms, pid_t *pid);

// A word to a reader; the last one, and the end of its connection.
void flush_send(int fd, enum flush_reply word);
void flush_finish(int fd, enum flush_reply word);

// Whether the process at the other end may ask: it is of the same user, or root's.
bool flush_peer_may_ask(int fd, pid_t *pid);

// Whose the Unix socket is that the kernel lists with this inode. False: the kernel does not say
// (before Linux 5.3).
bool flush_socket_owner(uint32_t inode, uid_t *uid);

// What the names of the sockets for a directory begin with. False: there is none.
struct flush_name {
    struct sockaddr_un addr;
    socklen_t len;
};
bool flush_name_prefix(const char *dir, struct flush_name *name);
