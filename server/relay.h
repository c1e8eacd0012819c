// SPDX-License-Identifier: MIT
// The relay: its listeners, the visitors and agents on them, and the table of names.
#pragma once
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/exchange/forward.h"
#include "common/inbound/edge_set.h"
#include "common/io/listener.h"
#include "common/io/signals.h"
#include "common/record/write/recorder.h"
#include "guesses.h"
#include "name_store.h"
#include "pace.h"
#include "relay_log.h"
#include "reserved_names.h"
#include "routes.h"

struct relay_config {
    char listen[LIMIT_LISTENERS][128]; // "ADDR:PORT"; empty: the default of loopback port 7080
    size_t listen_count;
    char domain[254];
    char scheme[8];        // of public URLs: "http" or "https"
    uint16_t public_port;  // of public URLs; 0: the first listener's
    char public_host[254]; // of --public-url, or empty
    struct trusted_proxies trusted;
    char token[SECRET_MAX];         // empty: anyone may open a tunnel
    const char *token_file;         // where it came from, or NULL
    const char *data;               // the state directory
    struct reserved_names reserved; // of whoever gave the config
    struct recorder_config record;
    struct limits limits;
};

// Agents, those that have been in it for longest first.
struct agent_list {
    struct agent *first, *last;
    size_t count;
};

struct relay {
    struct loop loop;
    struct relay_config config;
    struct edge_set edges;
    struct routes routes;
    struct name_store names;   // that outlive us
    struct agent_list agents;  // that have names
    struct agent_list waiting; // that have none yet, or no more
    struct shares waiting_of;  // of each address; all that may stand for anybody are one
    size_t agent_count;        // of both lists
    struct pace lingers;       // links whose end waits for their agents to read why
    struct relay_log log;
    struct guesses guesses;            // of the token
    struct recorder *recorder;         // NULL: nothing is recorded
    struct exchange_observer reporter; // tells agents
    uint64_t tunnel_count;             // ever
    size_t retry_ms;                   // what agents are told when we stop; 0 before
    struct listener listeners[LIMIT_LISTENERS];
    size_t listener_count;
    uint16_t first_port;
    char id[FORWARD_ID_DIGITS + 1]; // of this relay
    char loop_id[FORWARD_LOOP_ID_MAX];
    struct signals signals;
    char listening[256]; // where, as text
    char message[512];   // why it did not start
};

// Starts listening. Returns NULL, or a message that says what is wrong (part of `r`).
const char *relay_start(struct relay *r, const struct relay_config *config);
void relay_run(struct relay *r);
void relay_stop(struct relay *r);

// The public URL of a name.
void relay_url(const struct relay *r, const char *name, char *out, size_t cap);

// What becomes of a request (server/front.c); for struct edge_set.
void front_request(void *ctx, struct edge *e, struct exchange *x, struct http_head *head,
                   const struct body_framing *framing);
// Whether it is the opening handshake of a tunnel.
bool front_brings_agent(void *ctx, const struct http_head *head);
