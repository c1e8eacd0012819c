// SPDX-License-Identifier: MIT
// The redacted texts of an EVENT_BEGUN.
#pragma once
#include "common/record/spool/event.h"
#include "redact.h"

// Upper bound of the event's size.
size_t redact_request_bound(const struct http_head *request, struct slice visitor);
// Writes the texts behind the event and their lengths into it. Returns the event's end.
char *redact_request(const struct redact *r, struct event_begun *e, const struct http_head *request,
                     struct slice visitor);
