// SPDX-License-Identifier: MIT
// Asks the kernel for the owner of a Unix socket (sock_diag(7)), for a socket whose backlog is full
// and whose peer credentials are therefore unknown.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "flush.h"

enum {
    ANSWER_MAX = 4096,
    WAIT_US = 100000 // a bound only: the kernel answers at once
};

struct diag_request {
    struct nlmsghdr head;
    struct unix_diag_req of;
};

static ssize_t ask_kernel(uint32_t inode, char *answer, size_t cap)
{
    struct diag_request q = {
        .head = {.nlmsg_len = sizeof(q),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
        .of = {.sdiag_family = AF_UNIX,
               .udiag_states = UINT32_MAX,
               .udiag_ino = inode,
               .udiag_show = UDIAG_SHOW_UID,
               .udiag_cookie = {UINT32_MAX, UINT32_MAX}}, // any
    };
    const struct timeval most = {.tv_usec = WAIT_US};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    ssize_t len = -1;
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    if (send(fd, &q, sizeof(q), 0) == sizeof(q))
        len = recv(fd, answer, cap, 0);
    (void)close(fd);
    return len;
}

bool flush_socket_owner(uint32_t inode, uid_t *uid)
{
    char answer[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
    ssize_t len = ask_kernel(inode, answer, sizeof(answer));
    const struct nlmsghdr *head = (const struct nlmsghdr *)(const void *)answer;
    const size_t fixed = NLMSG_LENGTH(sizeof(struct unix_diag_msg));
    if (len < (ssize_t)fixed || head->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        head->nlmsg_len > (size_t)len)
        return false;
    for (size_t at = NLMSG_ALIGN(fixed); at + RTA_LENGTH(sizeof(uint32_t)) <= head->nlmsg_len;) {
        struct rtattr a;
        uint32_t value;
        memcpy(&a, answer + at, sizeof(a));
        if (a.rta_type == UNIX_DIAG_UID && a.rta_len == RTA_LENGTH(sizeof(value))) {
            memcpy(&value, answer + at + RTA_LENGTH(0), sizeof(value));
            *uid = value;
            return true;
        }
        if (a.rta_len < sizeof(a))
            return false;
        at += RTA_ALIGN(a.rta_len);
    }
    return false;
}
