// SPDX-License-Identifier: MIT
// The agent: keeps a tunnel to the relay, binds its name, and forwards what comes to its upstream.
#pragma once
#include "client/display/display.h"
#include "client/link/link.h"
#include "client/link/link_messages.h"
#include "common/io/signals.h"
#include "common/record/write/recorder.h"
#include "proto/tunnel/tunnel.h"
#include "public_name.h"
#include "service.h"

struct agent_config {
    struct link_target relay;
    char relay_url[320];       // for people
    const char *token_file;    // from which the token came; NULL: from none
    char name[64];             // asked for; empty: any. Later the one we have
    struct public_name wanted; // what was asked for with it
    char owner[72];            // for this relay
    char before[72];           // shows it the key of before, or empty
    struct service service;
    bool print_bodies;
    const char *data; // the directory that was given; NULL: none
    struct limits limits;
    struct recorder_config record;
    char relay_record[8]; // what the relay may record: "", "all", "heads" or "none"
};

struct agent {
    struct loop loop;
    struct agent_config config;
    struct display display;
    struct recorder *recorder;                 // NULL: nothing is recorded
    struct exchange_observer reporter;         // tells the relay
    const struct exchange_observer *observers; // of all exchanges
    struct upstream upstream;
    struct exchange_ids ids; // for requests of a relay that gives none
    struct link_context *links;
    struct link *link;
    struct tunnel *tunnel;
    uint64_t tunnel_number;     // of the one that there is or was last
    struct tunnel *dead_tunnel; // freed by the next task
    struct loop_task flush, bury;
    struct timeout tick, bind_limit;
    uv_timer_t retry;
    struct signals signals;
    unsigned failures; // in a row
    uint32_t retry_ms; // the bound of the first of them
    bool was_bound;    // ever
    bool answered;     // this link's bind is bound
    bool breach;       // the relay said what it may not
    bool put_off;      // this link's bind was refused, and is to be tried again
    int exit_status;
    bool token_refused; // the last time, after the relay had let us in
    struct last_link_message outage;
};

// Runs until a signal or a refusal. Returns the exit status.
int agent_run(const struct agent_config *config);
