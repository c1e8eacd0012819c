// SPDX-License-Identifier: MIT
// libuv's thread pool, which resolves host names and writes a relay's names to disk. libuv starts
// it at the first work, and ends the program with abort() when it gets no thread: so it is started
// before the program serves, while there still is somebody to tell.
#pragma once
#include <uv.h>

// At most half of them resolve names at a time.
enum {
    THREAD_POOL_SIZE = 4
};

// Starts the pool, once in a program. The loop is new: nothing is on it. Returns 0, or the libuv
// error because of which a thread cannot be started.
int thread_pool_start(uv_loop_t *l);
