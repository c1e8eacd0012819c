// SPDX-License-Identifier: MIT
// What the relay tells its administrator of tunnels, names and exchanges (docs/operations.md "The
// log"). Neither agents nor visitors can fill a disk with it: each kind of line has a budget, and
// what was left out is counted in the line that follows.
#pragma once
#include <inttypes.h>
#include "common/base/client_address.h"
#include "common/base/log.h"
#include "common/exchange/answer.h"
#include "common/exchange/exchange.h"
#include "proto/tunnel/control.h"
#include "rate_limit.h"

struct relay;

// Lines of one kind, and what they are about: `what` comes and goes.
struct log_budget {
    struct rate_limit rate;
    uint64_t left_out; // since the last line
};

// Embedded in the relay; zero has said nothing yet.
struct relay_log {
    struct log_budget tunnels;
    struct log_budget exchanges;
    struct exchange_observer observer; // of exchanges, where they are told
    struct {
        uint64_t count; // of requests since the last line
        uint64_t next_ms;
    } met[ANSWERS]; // limits, by the answer that tells of them
};

enum {
    LOG_OWNER_DIGITS = 8 // of an owner, which are enough to tell a few apart
};

// What the log says of a tunnel. Embedded in its agent.
struct log_tunnel {
    uint64_t number, since_ms;
    char address[INET6_ADDRSTRLEN];
    char owner[LOG_OWNER_DIGITS + 1];
    char software[64];            // as it says
    char names[96];               // that it had at its end
    bool opened;                  // it has had a name
    uint64_t exchanges, bytes[2]; // that are over: of requests, of responses
    uint64_t refusals;
};

void relay_log_begin(struct log_tunnel *t, uint64_t number, const struct client_address *client,
                     uint64_t now_ms);
// What its agent says it is: kept when it is words, and nothing that could pass for more.
void relay_log_software(struct log_tunnel *t, const char *software);
// One of its exchanges is over.
void relay_log_count(struct log_tunnel *t, const struct exchange *x);
// It has got a name.
void relay_log_bound(struct relay *r, struct log_tunnel *t, const struct control_message *bound);
// It was refused something. The first LIMIT_REFUSAL_LINES have lines, and all are counted when it
// ends.
void relay_log_refusal(struct relay *r, struct log_tunnel *t, const char *code, const char *words);
// It ends, and has this name (NULL: none), of so many.
void relay_log_names(struct log_tunnel *t, const char *name, size_t count);
void relay_log_closed(struct relay *r, const struct log_tunnel *t, enum log_level level,
                      const char *why);

// A line about a tunnel or a name.
void relay_log_tunnel(struct relay *r, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// A debug line about a connection or an exchange.
void relay_log_detail(struct relay *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// What wanted to be an agent was refused before there was a tunnel.
void relay_log_handshake(struct relay *r, const struct client_address *client, const char *why);
// A visitor's connection was refused, or (ANSWERS) made room for another; for struct edge_set.
void relay_log_turned_away(void *ctx, const struct client_address *client, enum answer answer);
// An exchange has ended: when we have refused it for a limit, that is told, at most once in
// LIMIT_MET_LINES_EACH_MS for each kind.
void relay_log_refused(struct relay *r, const struct exchange *x);
// The observer that tells each exchange, to stand before `next`; `next` where none is told.
const struct exchange_observer *relay_log_observer(struct relay *r,
                                                   const struct exchange_observer *next);
// Tells what was left out so far.
void relay_log_end(struct relay *r);
