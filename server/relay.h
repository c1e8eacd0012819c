// SPDX-License-Identifier: MIT
// The relay: composes listeners, visitors' connections, agents, the table of names, the record and
// the log on one loop.
#pragma once
#include "agents.h"
#include "common/exchange/body_limit.h"
#include "common/exchange/forward.h"
#include "common/inbound/edge_set.h"
#include "common/io/listener.h"
#include "common/io/signals.h"
#include "front.h"
#include "name_store.h"
#include "relay_log.h"
#include "relay_options.h"
#include "routes.h"

struct relay {
    struct loop loop;
    struct relay_config config;
    struct edge_set edges;
    struct body_limit body_limit;
    struct forward forward;
    struct filter_chain filters;
    struct front front;
    struct agents agents;
    struct routes routes;
    struct name_store names; // keeps the routes over a restart
    struct relay_log log;
    struct recorder *recorder;         // NULL: nothing is recorded
    struct exchange_observer reporter; // agents_report
    struct signals signals;
    struct listener listeners[LIMIT_LISTENERS];
    size_t listener_count;
    uint16_t first_port;            // that the first listener got
    char id[FORWARD_ID_DIGITS + 1]; // of this run of the relay
    char loop_id[FORWARD_LOOP_ID_MAX];
    char listening[256]; // the listeners' URLs, for the log
    char message[512];   // why it did not start
};

// Starts listening. Returns NULL, or a message that says what is wrong (part of `r`). relay_stop
// must follow in either case.
const char *relay_start(struct relay *r, const struct relay_config *config);
// Runs until a signal ends it.
void relay_run(struct relay *r);
void relay_stop(struct relay *r);
