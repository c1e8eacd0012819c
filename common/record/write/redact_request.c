// SPDX-License-Identifier: MIT
#include "redact_request.h"

size_t redact_request_bound(const struct http_head *request, struct slice visitor)
{
    return sizeof(struct event_begun) + redact_text_bound(request->method) +
           redact_text_bound(request->scheme) + redact_text_bound(request->authority) +
           redact_target_bound(request->target) + redact_lines_bound(request) +
           redact_text_bound(visitor);
}

char *redact_request(const struct redact *r, struct event_begun *e, const struct http_head *request,
                     struct slice visitor)
{
    bool any = false;
    char *from = (char *)(e + 1);
    char *out = redact_text(r, request->method, from, &any);
    e->method_len = (uint32_t)(out - from);
    from = out;
    out = redact_text(r, request->scheme, from, &any);
    e->scheme_len = (uint32_t)(out - from);
    from = out;
    out = redact_text(r, request->authority, from, &any);
    e->host_len = (uint32_t)(out - from);
    from = out;
    out = redact_target(r, request->target, from, &any);
    e->target_len = (uint32_t)(out - from);
    from = out;
    out = redact_lines(r, request, from, &any);
    e->lines_len = (uint32_t)(out - from);
    from = out;
    out = redact_text(r, visitor, from, &any);
    e->visitor_len = (uint32_t)(out - from);
    e->event.flags |= any ? EVENT_REDACTED : 0;
    return out;
}
