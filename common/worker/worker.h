// SPDX-License-Identifier: MIT
// A worker: one event loop and what runs on it, namely parts (inbounds, tunnels, outbounds), the
// observers of their exchanges and the queue of the record; and the order in which these end
// (docs/architecture.md, Composition). A program has one worker.
#pragma once
#include "common/exchange/exchange.h"
#include "common/io/signals.h"
#include "common/record/write/recorder.h"

// The steps of a worker's end. All parts take one step before any of them takes the next; in each,
// what began last goes first.
enum worker_step {
    WORKER_REFUSE,  // take no new connections
    WORKER_LEAVE,   // tell peers, which may answer for leave_ms
    WORKER_ABORT,   // end exchanges, and connections that need no goodbye
    WORKER_CLOSE,   // last bytes have left, or had leave_ms: end what has not left
    WORKER_RELEASE, // the record is written, and no connection is left: end what needs the loop
    WORKER_FREE,    // the loop has run for the last time: print what is left, free memory
    WORKER_STEPS
};

// One part of a program's composition. Functions may be NULL; `ctx` is that of worker_begin.
struct worker_part {
    // Returns NULL, or why the part cannot begin: words for people. It is not ended then.
    const char *(*begin)(void *ctx);
    void (*end[WORKER_STEPS])(void *ctx);
};

// Embedded. The owner may set `leave_ms` and the loop's limits between worker_init and the loop's
// first turn; zero is not initialised.
struct worker {
    struct loop loop;
    struct signals signals;                   // the owner's, closed behind the last step
    struct recorder *recorder;                // NULL: nothing is recorded
    const struct exchange_observer *observer; // the first of all exchanges' observers
    uint32_t leave_ms; // for the last bytes of closing connections and leaving peers; 0: none
    const struct worker_part *parts;
    size_t begun; // of the parts, in their order
    void *ctx;
};

// Makes the loop. Returns 0 or a libuv error.
int worker_init(struct worker *w, const struct limits *limits);

// Begins the parts in their order, up to the first that cannot. Returns NULL, or what this one
// returns. `parts` must outlive the worker.
const char *worker_begin(struct worker *w, const struct worker_part *parts, size_t count,
                         void *ctx);

// Adds an observer of all exchanges, which sees each event before those that were added earlier;
// NULL: none. Not while there are exchanges. `o` must outlive the steps up to WORKER_CLOSE.
void worker_observe(struct worker *w, struct exchange_observer *o);

// Starts to record, unless the level is none, and observes for it. False: out of memory or threads.
bool worker_record(struct worker *w, const struct recorder_config *config);

// Runs until loop_stop.
void worker_run(struct worker *w);

// Takes the parts that have begun through all steps, and ends the recorder. The loop stays, and
// must not be run. Returns false while a thread resolves a name, for which worker_free would wait,
// and exit() too. Does nothing for a worker without loop.
bool worker_stop(struct worker *w);
// Frees the loop. Only after worker_stop. Does nothing for a worker without loop.
void worker_free(struct worker *w);
// Both. Does not return while a thread resolves a name: the process exits with `status`.
void worker_end(struct worker *w, int status);
