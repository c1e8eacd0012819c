// SPDX-License-Identifier: MIT
// The socket on which a recording program accepts flush requests (flush.h). It is served in the
// program's loop: all that the loop has seen before is in the recorder's queue then.
#pragma once
#include "common/io/loop.h"

struct flush_listener;

// Listens for readers of the record in `dir`, which must outlive it. `asked` is called with each
// reader's non-blocking connection and owns it. NULL: out of memory. Without a socket readers do
// not wait.
struct flush_listener *flush_listener_new(struct loop *l, const char *dir,
                                          void (*asked)(void *ctx, int fd), void *ctx);
// Listens again if the directory was created anew, or if there was no socket.
void flush_listener_renew(struct flush_listener *f);
// Closes the socket: readers see that the program is gone. The loop must run once more. NULL is
// fine.
void flush_listener_free(struct flush_listener *f);
