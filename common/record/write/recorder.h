// SPDX-License-Identifier: MIT
// Records every exchange of a program: observes them in the loop and hands events to threads that
// write them (docs/record.md). Traffic never waits: events that do not fit into the queue between
// them are dropped and counted.
#pragma once
#include "common/exchange/exchange.h"
#include "common/io/loop.h"
#include "proto/tunnel/report.h"

struct recorder;

enum {
    RECORDER_GATHER_MS = 40,           // events are gathered for this long before they are spooled
    RECORDER_LONG_MS = 500,            // an exchange is long after this time: its progress is
    RECORDER_PROGRESS_MS = 300,        // recorded at this interval while it changes,
    RECORDER_PROGRESS_SLOTS = 1024,    // for so many exchanges per turn of the loop
    RECORDER_STALL_PART = 8,           // a stall is recorded again when it has grown by an eighth
    RECORDER_BATCH_BYTES = 1 << 20,    // of events per transaction
    RECORDER_STOP_INDEX_MS = 5 * 1000, // recorder_free writes rows for so long; the rest is spooled
    RECORDER_STOP_MS = 10 * 1000,      // recorder_free waits this long for the last writes
    RECORDER_RETRY_MS = 1000,          // after a failed write
    RECORDER_REPORT_MS = 10 * 1000,    // the peer's report is awaited this long
    RECORDER_WAITING_MAX = 16 * 1024,  // for so many exchanges
    RECORDER_MESSAGE_BYTES = 16 << 20, // of WebSocket messages in memory, in all
    RECORDER_SHARES = 256,             // tunnels are hashed to these by address or owner
    RECORDER_SHARE_PART = 8,           // a share's part of the whole, once three quarters are used
    RECORDER_REDACT_MAX = 32,          // names given by the user
};

struct recorder_config {
    const char *dir, *program;
    enum exchange_record level;
    bool no_redact;
    const char *redact[RECORDER_REDACT_MAX]; // field names, and "query:" and a parameter's name
    size_t redact_count;
    const char *token; // the program's own token, redacted even with `no_redact`; NULL, "": none
    bool visitor_is_forwarded; // in X-Forwarded-For, set by our own relay
};

// Parses "all", "heads" or "none". False: another word.
bool recorder_set_level(struct recorder_config *c, const char *text);
// Adds a name that redact_is_name accepts. False: it does not, or RECORDER_REDACT_MAX are reached.
bool recorder_add_redact(struct recorder_config *c, const char *name);

// Starts recording within the loop's limits. NULL: out of memory or threads. A record that cannot
// be opened is logged and retried. The configuration's strings must outlive the recorder.
struct recorder *recorder_new(struct loop *l, const struct recorder_config *config);
// Writes all that is left and frees the recorder. All exchanges must have ended; the loop must run
// once more. NULL is fine.
void recorder_free(struct recorder *r);

// Replaces the token to redact. r may be NULL.
void recorder_set_token(struct recorder *r, const char *token);

struct recorder_status {
    bool failing;              // the last write failed
    uint64_t shed, shed_bytes; // exchanges, and bytes of bodies, that are not recorded
};
void recorder_status(const struct recorder *r, struct recorder_status *status);

// The recorder's link in a chain of observers.
struct exchange_observer *recorder_observer(struct recorder *r);
// Records the peer's report of an exchange of this tunnel. r may be NULL.
void recorder_report(struct recorder *r, uint64_t tunnel_id, const struct report *report);
