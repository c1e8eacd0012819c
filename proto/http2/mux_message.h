// SPDX-License-Identifier: MIT
// The bodies of messages that came through HTTP/2.
#pragma once
#include "proto/http/message.h"

// Derives the framing of a received message; `end`: its head ended the stream. False: head and end
// contradict each other.
bool mux_message_framing(const struct http_head *head, bool end, struct body_framing *framing);

// Whether a response other than an accepted upgrade has a body exactly when HTTP/1.1 requires one
// (RFC 9112 §6.3), on which alone the framing on a visitor's connection depends. `to_head`: the
// method of its request is HEAD.
bool mux_message_is_framed_as_http1(const struct http_head *response, bool end, bool to_head);
