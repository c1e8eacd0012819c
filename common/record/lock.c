// SPDX-License-Identifier: MIT
#include "lock.h"
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include "common/base/state.h"

enum {
    RETRY_MS = 10
};

int record_lock_open(const char *dir)
{
    char path[STATE_PATH_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/record.lock", dir);
    const char *why = NULL;
    return private_open(path, O_RDWR | O_CREAT, &why);
}

static struct flock byte_of(int64_t writer)
{
    return (struct flock){
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)writer, .l_len = 1};
}

bool record_lock_take(int file, int64_t writer)
{
    struct flock lock = byte_of(writer);
    return fcntl(file, F_OFD_SETLK, &lock) == 0;
}

bool record_lock_wait(int file, int64_t writer, unsigned ms)
{
    const struct timespec pause = {.tv_nsec = (long)RETRY_MS * 1000000};
    for (unsigned waited = 0; !record_lock_take(file, writer); waited += RETRY_MS) {
        if (waited >= ms)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

void record_lock_release(int file, int64_t writer)
{
    struct flock lock = byte_of(writer);
    lock.l_type = F_UNLCK;
    (void)fcntl(file, F_OFD_SETLK, &lock);
}

bool record_lock_is_held(int file, int64_t writer)
{
    struct flock lock = byte_of(writer);
    return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
