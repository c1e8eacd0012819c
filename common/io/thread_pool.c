// SPDX-License-Identifier: MIT
#include "thread_pool.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/base/log.h"

static void wait_for_end(void *end)
{
    uv_sem_wait(end);
}

// Starts as many threads as the pool has, and ends them. glibc keeps their stacks for those that
// libuv starts behind this.
static int try_threads(void)
{
    uv_thread_t threads[THREAD_POOL_SIZE];
    uv_sem_t end;
    int count = 0;
    int error = uv_sem_init(&end, 0);
    if (error)
        return error;
    while (!error && count < THREAD_POOL_SIZE) {
        error = uv_thread_create(&threads[count], wait_for_end, &end);
        if (!error)
            count++;
    }
    for (int i = 0; i < count; i++)
        uv_sem_post(&end);
    for (int i = 0; i < count; i++)
        (void)uv_thread_join(&threads[i]);
    uv_sem_destroy(&end);
    return error;
}

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

int thread_pool_start(uv_loop_t *l)
{
    static bool started; // the pool is one for all loops
    uv_work_t first;
    char size[16];
    if (started)
        return 0;
    int error = try_threads();
    if (error) {
        log_error("cannot start %d threads: %s. Free memory, or raise the limit of processes: "
                  "ulimit -u, systemd's TasksMax=",
                  THREAD_POOL_SIZE, uv_strerror(error));
        return error;
    }
    (void)snprintf(size, sizeof(size), "%d", THREAD_POOL_SIZE);
    if (setenv("UV_THREADPOOL_SIZE", size, 1))
        return UV_ENOMEM;
    error = uv_queue_work(l, &first, do_nothing, NULL);
    if (!error)
        (void)uv_run(l, UV_RUN_DEFAULT); // until it is done
    started = !error;
    return error;
}
