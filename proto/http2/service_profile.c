// SPDX-License-Identifier: MIT
#include "service_profile.h"
#include "mux_message.h"
#include "proto/http/fields.h"
#include "proto/http/http1.h"

// Fields of a connection that say nothing of the body: some servers send them although HTTP/2 has
// no use for them. Transfer-Encoding could contradict the frames, and stays, to be refused.
static bool is_idle_talk(struct slice name)
{
    return slice_eq(name, SLICE("connection")) || slice_eq(name, SLICE("keep-alive")) ||
           slice_eq(name, SLICE("proxy-connection")) || slice_eq(name, SLICE("upgrade"));
}

static void clean(struct http_head *head)
{
    size_t kept = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        struct field f = head->fields[i];
        f.value = slice_trim(f.value);
        if (!is_idle_talk(f.name))
            head->fields[kept++] = f;
    }
    head->field_count = kept;
}

static bool check_request(struct http_head *head, bool end, struct body_framing *framing)
{
    (void)head;
    (void)end;
    (void)framing;
    return false; // services do not ask
}

// Whether the response has no body, whatever its fields say (RFC 9112 §6.3).
static bool is_bodiless(const struct http_head *head, const struct mux_request *request)
{
    return request->is_head || status_is_interim(head->status) || head->status == 204 ||
           head->status == 304;
}

static bool check_response(struct http_head *head, bool end, const struct mux_request *request,
                           struct body_framing *framing)
{
    clean(head);
    head->reason = http1_reason(head->status);
    head->http2 = true;
    if (head->upgrade.p || fields_check(head) || !mux_message_framing(head, end, framing))
        return false;
    if (is_bodiless(head, request)) {
        *framing = (struct body_framing){BODY_NONE, 0};
        if (head->status == 204 || status_is_interim(head->status))
            head_remove(head, SLICE("content-length"));
        return true;
    }
    if (!end)
        return true;
    const struct field *length = head_find(head, SLICE("content-length"));
    uint64_t bytes = 0;
    if (length && !(slice_to_u64(length->value, &bytes) && bytes == 0))
        return false;
    // HTTP/1.1 would take a body without a length for one that ends with the connection.
    head_remove(head, SLICE("content-length"));
    return head_add(head, SLICE("content-length"), SLICE("0"));
}

static bool check_trailers(struct http_head *trailers, bool of_request)
{
    (void)of_request;
    clean(trailers);
    return !fields_check(trailers);
}

static struct mux_status status_of(const struct http_head *response)
{
    return (struct mux_status){.status = response->status};
}

const struct mux_profile service_profile = {
    .request = check_request,
    .response = check_response,
    .trailers = check_trailers,
    .status = status_of,
    .is_public = true,
};
