// SPDX-License-Identifier: MIT
// Records every exchange of a program: looks on at them in the loop, and hands what is to be kept
// to a thread that writes it (docs/record.md). Traffic never waits for it: when the queue between
// them is full, what does not fit is left out, counted and told.
#pragma once
#include "common/exchange/exchange.h"
#include "common/io/loop.h"
#include "proto/tunnel/report.h"

struct recorder;

enum {
    RECORDER_GATHER_MS = 50,           // events are gathered before they are written
    RECORDER_LONG_MS = 500,            // after which an exchange is one that lasts: what is known
    RECORDER_PROGRESS_MS = 300,        // of it is told this often while it changes
    RECORDER_PROGRESS_SLOTS = 1024,    // exchanges that are looked at in one turn of the loop
    RECORDER_STALL_PART = 8,           // of a stall that is known, that is a change of it
    RECORDER_BATCH_BYTES = 1 << 20,    // of events that go into one transaction
    RECORDER_STOP_MS = 10 * 1000,      // that the last writes may take at the end of the program
    RECORDER_RETRY_MS = 1000,          // after a write that failed
    RECORDER_REPORT_MS = 10 * 1000,    // that a report of the other end is waited for
    RECORDER_WAITING_MAX = 16 * 1024,  // exchanges that wait for one
    RECORDER_MESSAGE_BYTES = 16 << 20, // payload of WebSocket messages held back, all together
    RECORDER_SHARES = 256, // into which tunnels are put by address or owner, at random; 0: neither
    RECORDER_SHARE_PART = 8,  // of what all share: what one share may have of the last quarter
    RECORDER_REDACT_MAX = 32, // names to redact besides our own
};

struct recorder_config {
    const char *dir, *program;
    enum exchange_record level;
    bool no_redact;
    const char *redact[RECORDER_REDACT_MAX]; // names of fields, and "query:" and a parameter's
    size_t redact_count;
    const char *token;    // a token of our own that nothing may show even then; NULL or "": none
    bool visitor_is_told; // X-Forwarded-For is our own relay's word
};

// Set by command lines: "all", "heads" or "none"; and what redact_is_name takes. False: not one, or
// too many.
bool recorder_set_level(struct recorder_config *c, const char *text);
bool recorder_add_redact(struct recorder_config *c, const char *name);

// Starts. Limits are the loop's. NULL: out of memory or threads. A record that cannot be opened is
// no failure: it is told, and tried again. The strings must outlive it.
struct recorder *recorder_new(struct loop *l, const struct recorder_config *config);
// Writes what is left and ends. All exchanges must have ended. The loop must run once more.
void recorder_free(struct recorder *r);

// Another token of our own from now on. r may be NULL.
void recorder_set_token(struct recorder *r, const char *token);

// Whether it writes, and what it had to let go: exchanges, and bytes of bodies.
struct recorder_status {
    bool failing;
    uint64_t shed, shed_bytes;
};
void recorder_status(const struct recorder *r, struct recorder_status *status);

// Its place in a chain of observers.
struct exchange_observer *recorder_observer(struct recorder *r);
// The other end's report of an exchange whose `tunnel_id` was this. r may be NULL.
void recorder_report(struct recorder *r, uint64_t tunnel_id, const struct report *report);
