// SPDX-License-Identifier: MIT
// `adit proxy`: a proxy before a local service that shows what passes, without a relay. Edge,
// exchange and upstream in one program.
#pragma once
#include "common/base/limits.h"
#include "common/inbound/trusted_proxies.h"
#include "common/record/write/recorder.h"
#include "service.h"

struct proxy_config {
    struct service service;
    const char *host; // to listen on; NULL: loopback, 127.0.0.1 and ::1
    uint16_t port;    // 0: a free one
    bool print_bodies;
    const char *data; // the value of --data; NULL: not given
    struct trusted_proxies trusted;
    bool proxy_protocol; // their connections begin with a header
    struct limits limits;
    struct recorder_config record;
};

// Runs until a signal. Returns the exit status.
int proxy_run(const struct proxy_config *config);
