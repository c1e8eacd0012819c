// SPDX-License-Identifier: MIT
#include "mux_message.h"

bool mux_message_framing(const struct http_head *head, bool end, struct body_framing *framing)
{
    const struct field *length = head_find(head, SLICE("content-length"));
    if (head->method.len > 0 && head_find(head, SLICE("host")))
        return false; // Host travels as :authority, which a second one could contradict
    bool upgrade = head->upgrade.len > 0 && head->status < 300; // offered or accepted
    *framing = (struct body_framing){end || upgrade ? BODY_NONE : BODY_CHUNKED, 0};
    if (!length)
        return true;
    uint64_t n = 0;
    if (head_count(head, SLICE("content-length")) != 1 || !slice_to_u64(length->value, &n))
        return false;
    if (end)
        return n == 0 || head->status > 0; // a HEAD response and a 304 have a length and no body
    *framing = (struct body_framing){BODY_LENGTH, n};
    return true;
}

bool mux_message_is_framed_as_http1(const struct http_head *response, bool end, bool to_head)
{
    const struct field *length = head_find(response, SLICE("content-length"));
    if (status_is_interim(response->status))
        return !length;
    if (to_head || response->status == 204 || response->status == 304)
        return end && !(length && response->status == 204);
    return !end || (length && slice_eq(length->value, SLICE("0")));
}
