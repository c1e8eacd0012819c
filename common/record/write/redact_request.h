// SPDX-License-Identifier: MIT
// The texts of an EVENT_BEGUN, without what may not be recorded.
#pragma once
#include "event.h"
#include "redact.h"

// The most bytes that such an event has.
size_t redact_request_bound(const struct http_head *request, struct slice visitor);
// Writes them behind the event, and their lengths into it. Returns where they end.
char *redact_request(const struct redact *r, struct event_begun *e, const struct http_head *request,
                     struct slice visitor);
