// SPDX-License-Identifier: MIT
// The head of a request as it is sent to an HTTP/2 origin (RFC 9113 §8.3.1).
#include <stdlib.h>
#include "h2_upstream_internal.h"

// A target that lacks its path is "?QUERY" (RFC 9112 §3.2.1). Returns the text with a path, to be
// freed; NULL when out of memory.
static char *with_path(struct slice target)
{
    char *text = malloc(target.len + 1);
    if (!text)
        return NULL;
    text[0] = '/';
    memcpy(text + 1, target.p, target.len);
    return text;
}

// Says that trailers are wanted, which they are by every HTTP/2 client; gRPC's servers insist.
static bool set_te(struct http_head *head)
{
    head_remove(head, SLICE("te"));
    return head_add(head, SLICE("te"), SLICE("trailers"));
}

struct head_copy *h2_head_make(const struct h2_upstream *u, const struct http_head *request)
{
    struct http_head head;
    char *path = NULL;
    head_copy(&head, request);
    head_remove(&head, SLICE("host")); // it is the authority
    if (head.authority.len == 0)       // HTTP/1.0 does not require Host
        head.authority = slice_str(u->authority);
    head.scheme = u->target.tls ? SLICE("https") : SLICE("http");
    head.upgrade = (struct slice){0}; // HTTP/2 has no Upgrade: the service answers without it
    if (head.target.len > 0 && head.target.p[0] == '?') {
        path = with_path(head.target);
        if (!path)
            return NULL;
        head.target = slice_of(path, head.target.len + 1);
    }
    struct head_copy *copy = set_te(&head) ? head_copy_new(&head) : NULL;
    free(path);
    return copy;
}
