// SPDX-License-Identifier: MIT
#include "tunnel_profile.h"
#include "private_fields.h"
#include "proto/http/fields.h"
#include "proto/http/http1.h"
#include "proto/http2/mux_message.h"
#include "spelling.h"

static bool check_request(struct http_head *head, bool end, struct body_framing *framing)
{
    return !fields_check(head) && mux_message_framing(head, end, framing) &&
           private_fields_check(head, PRIVATE_REQUEST) && spelling_apply(head);
}

static bool check_response(struct http_head *head, bool end, const struct mux_request *request,
                           struct body_framing *framing)
{
    bool switches = head->status == 200 && head->upgrade.len > 0;
    bool interim = status_is_interim(head->status);
    if (fields_check(head) ||
        !private_fields_check(head, interim ? PRIVATE_INTERIM : PRIVATE_RESPONSE) ||
        !mux_message_framing(head, end, framing))
        return false;
    if (switches ? !slice_list_is_within(head->upgrade, request->offer)
                 : !mux_message_is_framed_as_http1(head, end, request->is_head))
        return false;
    if (switches)
        *framing = (struct body_framing){BODY_TUNNEL, 0};
    else if (interim)
        *framing = (struct body_framing){BODY_NONE, 0};
    head->status = switches ? 101 : head->status;
    head->reason = http1_reason(head->status);
    return spelling_apply(head);
}

static bool check_trailers(struct http_head *trailers, bool of_request)
{
    return !fields_check(trailers) &&
           private_fields_check(trailers, of_request ? PRIVATE_REQUEST_TRAILERS
                                                     : PRIVATE_RESPONSE_TRAILERS) &&
           spelling_apply(trailers);
}

static struct mux_status status_of(const struct http_head *response)
{
    bool switches = response->status == 101;
    bool upgrade =
        switches || (response->status == 426 && response->upgrade.len <= PRIVATE_UPGRADE_MAX);
    return (struct mux_status){
        .status = switches ? 200 : response->status, // HTTP/2 has no 101 (RFC 9113 §8.6)
        .upgrade = upgrade ? response->upgrade : (struct slice){0},
    };
}

// Without memory for it the names arrive in the default spelling.
static struct slice write_spelling(const struct http_head *head, struct buf *scratch)
{
    size_t room = spelling_bound(head);
    char *out = room > 0 ? buf_reserve(scratch, room) : NULL; // never committed
    return out ? slice_of(out, spelling_write(head, out)) : (struct slice){0};
}

static bool is_unique(struct slice name)
{
    return slice_eq(name, SLICE("adit-id")) || slice_eq(name, SLICE("adit-visitor"));
}

const struct mux_profile tunnel_profile = {
    .request = check_request,
    .response = check_response,
    .trailers = check_trailers,
    .status = status_of,
    .upgrade_field = {"adit-upgrade", sizeof("adit-upgrade") - 1},
    .spelling_field = {"adit-case", sizeof("adit-case") - 1},
    .spelling = write_spelling,
    .is_unique = is_unique,
    // Every visitor who leaves during a response costs one. The public side limits aborts.
    .reset_burst = 1000000,
    .reset_rate = 100000,
};
