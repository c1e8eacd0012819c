// SPDX-License-Identifier: MIT
// Local listeners are found in the kernel's list under every address of loopback.
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/loopback_probe.h"
#include "tests/support/trials.h"

static int listener(const char *address, uint16_t *port, bool listens)
{
    struct sockaddr_storage at = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;
    bool is_v6 = strchr(address, ':') != NULL;
    socklen_t len = is_v6 ? sizeof(*v6) : sizeof(*v4);
    at.ss_family = is_v6 ? AF_INET6 : AF_INET;
    assert_int_equal(
        inet_pton(at.ss_family, address, is_v6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr),
        1);
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len))
        return -1;
    if (listens)
        assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(is_v6 ? v6->sin6_port : v4->sin_port);
    return fd;
}

static void what_listens_is_found_under_each_of_its_names(void **state)
{
    static const struct {
        const char *address, *found[4], *not_found[3];
    } rows[] = {
        {"127.0.0.1", {"localhost", "127.0.0.1", "a.localhost"}, {"127.0.0.2", "::1"}},
        {"127.0.0.2", {"127.0.0.2"}, {"127.0.0.1", "localhost"}},
        {"0.0.0.0", {"localhost", "127.0.0.1", "127.0.0.2"}, {NULL}},
        {"::1", {"localhost", "::1"}, {"127.0.0.1"}},
        {"::", {"localhost", "::1", "127.0.0.1"}, {NULL}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint16_t port = 0;
        int fd = listener(rows[i].address, &port, true);
        if (fd < 0)
            continue; // this machine has no IPv6
        for (const char *const *host = rows[i].found; *host; host++)
            assert_true(loopback_probe(*host, port));
        for (const char *const *host = rows[i].not_found; *host; host++)
            assert_false(loopback_probe(*host, port));
        assert_false(loopback_probe("192.0.2.1", port));
        assert_false(loopback_probe("example.com", port));
        (void)close(fd);
        assert_false(loopback_probe("localhost", port));
    }
}

static void what_is_bound_and_connected_does_not_listen(void **state)
{
    uint16_t port = 0;
    uint16_t own = 0;
    (void)state;
    int bound = listener("127.0.0.1", &port, false);
    assert_false(loopback_probe("127.0.0.1", port));
    assert_int_equal(listen(bound, 1), 0);
    int visitor = listener("127.0.0.1", &own, false);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(visitor, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_true(loopback_probe("127.0.0.1", port));
    assert_false(loopback_probe("127.0.0.1", own));
    (void)close(visitor);
    (void)close(bound);
}

enum {
    OTHERS = 40
};

// Opens and closes listeners until the other thread is done.
static void *come_and_go(void *arg)
{
    atomic_bool *over = arg;
    while (!atomic_load(over)) {
        int fds[OTHERS];
        uint16_t port = 0;
        for (size_t i = 0; i < OTHERS; i++)
            fds[i] = listener(i % 2 ? "::1" : "127.0.0.1", &port, true);
        for (size_t i = 0; i < OTHERS; i++)
            (void)close(fds[i]); // -1 where there is no IPv6
    }
    return NULL;
}

static void a_list_that_changes_loses_nobody(void **state)
{
    pthread_t others;
    atomic_bool over = false;
    uint16_t port = 0;
    size_t lost = 0;
    (void)state;
    int fd = listener("127.0.0.1", &port, true);
    assert_int_equal(pthread_create(&others, NULL, come_and_go, &over), 0);
    for (size_t i = trials(300, 30); i > 0; i--)
        lost += !loopback_probe("127.0.0.1", port);
    atomic_store(&over, true);
    assert_int_equal(pthread_join(others, NULL), 0);
    assert_int_equal(lost, 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_listens_is_found_under_each_of_its_names),
        cmocka_unit_test(what_is_bound_and_connected_does_not_listen),
        cmocka_unit_test(a_list_that_changes_loses_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
