// SPDX-License-Identifier: MIT
// exchange_ops.strip of an origin's response.
#pragma once
#include "proto/http/message.h"

void upstream_strip(struct http_head *head);
