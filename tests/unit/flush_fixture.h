// SPDX-License-Identifier: MIT
// Writers of a record for tests of its readers: sockets whose replies the tests send.
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/record/flush.h"

enum {
    WRITERS_MAX = 3
};

struct fixture {
    char dir[32];
    int writers[WRITERS_MAX]; // listen
    int count;
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/adit-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < f->count; i++)
        assert_int_equal(close(f->writers[i]), 0);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

// Adds a writer. Returns its listening socket, which is non-blocking.
static inline int add_writer(struct fixture *f, int backlog)
{
    struct flush_name name;
    assert_true(f->count < WRITERS_MAX);
    assert_true(flush_name_prefix(f->dir, &name));
    name.addr.sun_path[name.len++ - offsetof(struct sockaddr_un, sun_path)] =
        (char)('0' + f->count);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name.addr, name.len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    f->writers[f->count++] = fd;
    return fd;
}

// Waits for a reader of the writer. Returns the connection.
static inline int accept_reader(int writer)
{
    struct pollfd p = {.fd = writer, .events = POLLIN};
    assert_int_equal(poll(&p, 1, -1), 1);
    int fd = accept(writer, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}
