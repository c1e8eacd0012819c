// SPDX-License-Identifier: MIT
// The socket on which a recording program hears readers (flush.h), in its loop: what the loop has
// seen by then is in the recorder's queue.
#pragma once
#include "common/io/loop.h"

struct flush_listener;

// Starts to listen for readers of the record in a directory. `asked` gets each one's connection,
// non-blocking, and owns it. NULL: out of memory. Where there can be no socket readers just do not
// wait. `dir` must outlive it.
struct flush_listener *flush_listener_new(struct loop *l, const char *dir,
                                          void (*asked)(void *ctx, int fd), void *ctx);
// Listens anew where the directory has been made again, or there was no socket.
void flush_listener_renew(struct flush_listener *f);
// Stops: who waits hears that the program is gone. The loop must run once more. NULL is fine.
void flush_listener_free(struct flush_listener *f);
