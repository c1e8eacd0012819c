// SPDX-License-Identifier: MIT
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

bool process_fill_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
            continue;
        // open() returns the lowest free number, which is this one.
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) // NOLINT: no CLOEXEC
            return false;
    }
    return true;
}

bool process_has_files(const char *program, unsigned min)
{
    struct rlimit files;
    int ends[2];
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= min) {
        // libuv aborts when the whole system has no descriptor left: find out before.
        if (pipe2(ends, O_CLOEXEC)) {
            (void)fprintf(stderr, "%s: cannot open what it needs: %s\n", program, strerror(errno));
            return false;
        }
        (void)close(ends[0]);
        (void)close(ends[1]);
        return true;
    }
    (void)fprintf(stderr,
                  "%s: it may open %llu files, and needs %u: raise the limit with ulimit -n %u, or "
                  "with LimitNOFILE=%u in its unit\n",
                  program, (unsigned long long)files.rlim_cur, min, min, min);
    return false;
}

void process_raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}
