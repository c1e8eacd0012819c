// SPDX-License-Identifier: MIT
#include "dial_answer.h"
#include <stdio.h>

static enum answer answer_of_uv(int error)
{
    switch (error) {
    case UV_ECONNREFUSED: return ANSWER_UPSTREAM_REFUSED;
    case UV_ETIMEDOUT: return ANSWER_UPSTREAM_TIMEOUT;
    // Our own resources ran out, which says nothing of the origin and may soon be over.
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_EAGAIN:
    case UV_ENOBUFS:
    case UV_ENOMEM:
    case UV_EAI_MEMORY: return ANSWER_BUSY;
    default: return ANSWER_UPSTREAM_UNREACHABLE;
    }
}

// The place at which a dial failed.
static const char *place_of(const struct dial_target *target)
{
    if (target->failed_at[0])
        return target->failed_at;
    return target->path[0] ? target->path : target->host;
}

enum answer dial_answer(const struct dial_target *target, int error,
                        char detail[static ANSWER_DETAIL_MAX])
{
    (void)snprintf(detail, ANSWER_DETAIL_MAX, "%.85s: %.72s", place_of(target),
                   target->tls_failure[0] ? target->tls_failure : uv_strerror(error));
    const enum answer answer = answer_of_uv(error);
    const bool handshake =
        target->tls_failure[0] && answer != ANSWER_BUSY && answer != ANSWER_UPSTREAM_TIMEOUT;
    return handshake ? ANSWER_UPSTREAM_TLS : answer;
}
