// SPDX-License-Identifier: MIT
// The texts of an EVENT_BEGIN, without what may not be recorded.
#pragma once
#include "event.h"
#include "redact.h"

// The most bytes that such an event has.
size_t redact_begin_most(const struct http_head *request, struct slice visitor);
// Writes them behind the event, and their lengths into it. Returns where they end.
char *redact_begin(const struct redact *r, struct event_begin *e, const struct http_head *request,
                   struct slice visitor);
