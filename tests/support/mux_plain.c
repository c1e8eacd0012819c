// SPDX-License-Identifier: MIT
#include "mux_plain.h"

static bool pass_request(struct http_head *head, bool end, struct body_framing *framing)
{
    (void)head;
    *framing = (struct body_framing){end ? BODY_NONE : BODY_CHUNKED, 0};
    return true;
}

static bool pass_response(struct http_head *head, bool end, const struct mux_request *request,
                          struct body_framing *framing)
{
    (void)request;
    return pass_request(head, end, framing);
}

static bool pass_trailers(struct http_head *trailers, bool of_request)
{
    (void)trailers;
    (void)of_request;
    return true;
}

static struct mux_status status_of(const struct http_head *response)
{
    return (struct mux_status){.status = response->status};
}

const struct mux_profile mux_plain = {
    .request = pass_request,
    .response = pass_response,
    .trailers = pass_trailers,
    .status = status_of,
    .reset_burst = UINT32_MAX,
    .reset_rate = UINT32_MAX,
};
