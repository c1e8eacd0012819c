// SPDX-License-Identifier: MIT
// A proxy before a local service that shows what passes: edge, exchange and upstream in one
// program, without a relay.
#pragma once
#include "client/display/display.h"
#include "common/exchange/forward.h"
#include "common/inbound/edge_set.h"
#include "common/io/listener.h"
#include "common/io/signals.h"
#include "common/record/write/recorder.h"
#include "service.h"

struct proxy_config {
    struct service service;
    const char *host; // to listen on; NULL: loopback, 127.0.0.1 and ::1
    uint16_t port;    // 0: a free one
    bool print_bodies;
    const char *data; // the directory that was given; NULL: none
    struct trusted_proxies trusted;
    struct limits limits;
    struct recorder_config record;
};

struct proxy {
    struct loop loop;
    struct proxy_config config;
    struct display display;
    struct recorder *recorder; // NULL: nothing is recorded
    struct upstream upstream;
    struct edge_set edges;
    struct signals signals;
    struct listener listeners[LIMIT_LISTENERS];
    size_t listener_count;
    char loop_id[FORWARD_LOOP_ID_MAX];
};

// Runs until a signal. Returns the exit status.
int proxy_run(const struct proxy_config *config);
