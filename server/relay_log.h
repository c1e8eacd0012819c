// SPDX-License-Identifier: MIT
// The relay's log lines about tunnels, names and exchanges (docs/operations.md "The log"). Each
// kind of line has a budget, so that neither agents nor visitors can fill a disk; the next line of
// the kind tells how many were left out.
#pragma once
#include <inttypes.h>
#include "common/base/client_address.h"
#include "common/base/log.h"
#include "common/exchange/answer.h"
#include "common/exchange/exchange.h"
#include "common/io/loop.h"
#include "proto/tunnel/control.h"
#include "rate_limit.h"

// Lines of one kind.
struct log_budget {
    struct rate_limit rate;
    uint64_t left_out; // since the last line
};

// Embedded; zero but for the loop has logged nothing.
struct relay_log {
    struct loop *loop;
    struct log_budget tunnels;
    struct log_budget exchanges;
    struct exchange_observer observer;
    struct {
        uint64_t count;   // of requests since the last line
        uint64_t next_ms; // when the next line is due
    } limits[ANSWERS];    // for each answer that tells of a limit
};

enum {
    LOG_OWNER_DIGITS = 8 // of an owner: enough to tell a few apart
};

// The facts that the log tells of a tunnel. Embedded in its agent.
struct tunnel_summary {
    uint64_t number, since_ms;
    char address[INET6_ADDRSTRLEN];
    char owner[LOG_OWNER_DIGITS + 1];
    char software[64];
    char names[96];               // at the end
    bool opened;                  // a name was bound
    uint64_t exchanges, bytes[2]; // finished; of requests, of responses
    uint64_t refusals;
};

void tunnel_summary_begin(struct tunnel_summary *t, uint64_t number,
                          const struct client_address *client, uint64_t now_ms);
// Keeps the name of the agent's software, unless it could pass for another part of a log line.
void tunnel_summary_software(struct tunnel_summary *t, const char *software);
// Adds an exchange that has ended.
void tunnel_summary_count(struct tunnel_summary *t, const struct exchange *x);
// Keeps one of the `count` names that the tunnel has when it ends (NULL: none).
void tunnel_summary_names(struct tunnel_summary *t, const char *name, size_t count);

// The tunnel has bound a name.
void relay_log_bound(struct relay_log *log, struct tunnel_summary *t,
                     const struct control_message *bound);
// The tunnel was refused something. The first LIMIT_REFUSAL_LINES get lines; all are counted in the
// tunnel's last line.
void relay_log_refusal(struct relay_log *log, struct tunnel_summary *t, const char *code,
                       const char *words);
void relay_log_closed(struct relay_log *log, const struct tunnel_summary *t, enum log_level level,
                      const char *why);
// A line about a tunnel or a name.
void relay_log_tunnel(struct relay_log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// A tunnel's opening handshake was refused.
void relay_log_handshake_refused(struct relay_log *log, const struct client_address *client,
                                 const char *why);
// A connection was refused with an answer, or (ANSWERS) closed to make room for another.
void relay_log_turned_away(struct relay_log *log, const struct client_address *client,
                           enum answer answer);
// An exchange has ended. When a limit refused it, warns of that, at most once in
// LIMIT_MET_LINES_EACH_MS for each answer.
void relay_log_limits(struct relay_log *log, const struct exchange *x);
// The observer that logs each exchange; NULL where the level of the log leaves exchanges out.
struct exchange_observer *relay_log_observer(struct relay_log *log);
// Logs what the budgets have left out so far.
void relay_log_flush(struct relay_log *log);
