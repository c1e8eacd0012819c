// SPDX-License-Identifier: MIT
#include "public_profile.h"
#include "mux_message.h"
#include "proto/http/authority.h"
#include "proto/http/chars.h"
#include "proto/http/fields.h"
#include "proto/http/http1.h"

// Host may stand beside :authority if both say the same (RFC 9113 §8.3.1), and alone in its place.
static bool settle_host(struct http_head *head)
{
    const struct field *host = head_find(head, SLICE("host"));
    if (!host)
        return head->authority.len > 0;
    if (!authority_is_valid(host->value) || head_count(head, SLICE("host")) > 1)
        return false;
    if (head->authority.len == 0)
        head->authority = host->value;
    if (!slice_ieq(head->authority, host->value))
        return false;
    head_remove(head, SLICE("host"));
    return true;
}

// The pseudo-fields that a method requires (RFC 9113 §8.3.1, §8.5; RFC 8441 §4).
static bool has_pseudo_fields(const struct http_head *head)
{
    const bool connects = slice_eq(head->method, SLICE("CONNECT"));
    if (connects && !head->upgrade.p)
        return head->scheme.len == 0 && head->target.len == 0 && head->authority.len > 0;
    if (head->upgrade.p && (!connects || !http_is_token(head->upgrade)))
        return false;
    if (head->scheme.len == 0 || head->target.len == 0)
        return false;
    return head->target.p[0] == '/' ||
           (slice_eq(head->method, SLICE("OPTIONS")) && slice_eq(head->target, SLICE("*")));
}

static bool check_request(struct http_head *head, bool end, struct body_framing *framing)
{
    if (!has_pseudo_fields(head) || fields_check(head) || !settle_host(head))
        return false;
    const bool connects = slice_eq(head->method, SLICE("CONNECT"));
    if (connects && head_find(head, SLICE("content-length")))
        return false;
    if (head->target.len == 0)
        head->target = head->authority; // as in HTTP/1.1 (RFC 9112 §3.2.3)
    return mux_message_framing(head, end, framing);
}

static bool check_response(struct http_head *head, bool end, const struct mux_request *request,
                           struct body_framing *framing)
{
    if (fields_check(head) || head->status == 101 || !mux_message_framing(head, end, framing) ||
        !mux_message_is_framed_as_http1(head, end, request->is_head))
        return false;
    if (status_is_interim(head->status))
        *framing = (struct body_framing){BODY_NONE, 0};
    head->reason = http1_reason(head->status);
    return true;
}

static bool check_trailers(struct http_head *trailers, bool of_request)
{
    (void)of_request;
    return !fields_check(trailers);
}

// HTTP/2 has no 101: a 200 accepts the extended CONNECT (RFC 8441 §5).
static struct mux_status status_of(const struct http_head *response)
{
    return (struct mux_status){.status = response->status == 101 ? 200 : response->status};
}

const struct mux_profile public_profile = {
    .request = check_request,
    .response = check_response,
    .trailers = check_trailers,
    .status = status_of,
    .is_public = true,
};
