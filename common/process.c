// SPDX-License-Identifier: MIT
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

bool process_fill_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
            continue;
        // open() takes the lowest number that is free, which is this one.
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) // NOLINT: no CLOEXEC
            return false;
    }
    return true;
}

bool process_has_files(const char *program, unsigned least)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= least)
        return true;
    (void)fprintf(stderr,
                  "%s: it may open %llu files, and needs %u: raise the limit with ulimit -n %u, or "
                  "with LimitNOFILE=%u in its unit\n",
                  program, (unsigned long long)files.rlim_cur, least, least, least);
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
