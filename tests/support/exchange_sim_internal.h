// SPDX-License-Identifier: MIT
// Shared by the files of the simulation, from the bottom: exchange_sim_task.c (chooses requests and
// responses), exchange_sim_observer.c (verifies what observers are told), exchange_sim_program.c
// (the code under test), exchange_sim_origin.c, exchange_sim_visitor.c (the far ends),
// exchange_sim.c (runs them).
#pragma once
#include "common/exchange/exchange.h"
#include "exchange_sim.h"
#include "sim_message.h"

enum {
    SIM_TASKS_MAX = 12,
    SIM_VISITORS_MAX = 3
};

enum sim_request_fault {
    REQUEST_SOUND,
    REQUEST_BAD_HEAD,   // no head at all
    REQUEST_BAD_CODING, // a transfer coding that is not served
    REQUEST_BAD_CHUNK,
    REQUEST_UNFINISHED, // stops in the body
};

enum sim_response_fault {
    RESPONSE_SOUND,
    RESPONSE_NONE, // the origin closes instead
    RESPONSE_BAD_HEAD,
    RESPONSE_BAD_CHUNK,
    RESPONSE_CUT_BY_FIN,
    RESPONSE_CUT_BY_RST,
    RESPONSE_SILENT, // nothing for a long time, then the origin closes
};

enum sim_moment {
    AT_END, // of the request
    AT_HALF,
    AT_HEAD
};

// A request and its response: as planned, and as far as they have come.
struct sim_task {
    const char *method;
    struct sim_body body[2];   // by sender: [INBOUND] request, [OUTBOUND] response
    struct sim_body stream[2]; // of the upgraded connection
    bool speaks_last[2];       // this sender begins its stream at the end of the other
    bool is_10, closes, keeps_10, expects, offers;
    bool pads; // a long field
    enum sim_request_fault request_fault;
    uint16_t status;
    unsigned interims;
    enum sim_moment moment;
    bool response_is_10, origin_closes, accepts; // `accepts`: the upgrade
    bool says_keeps;
    bool ignores; // the rest of the request, which the origin takes for another one
    enum sim_response_fault response_fault;
    uint64_t cut_at; // of the faulty body

    bool begun, sent; // the visitor has begun, has sent the whole request
    unsigned seen;    // request heads at the origin
    bool arrived;     // the whole request at the origin
    unsigned interims_sent, interims_got;
    bool responded, response_sent; // the origin has begun the final response, has sent the whole
    bool got_head, got;            // the visitor has got the final head, the whole response
    bool early;                    // it got that head before it had sent the whole request
    bool own;                      // that is an answer of ours
    bool excused;                  // anything but a wrong byte may happen
    bool stream_done[2];           // the stream of this sender has arrived whole
    uint64_t passed[2], taken[2];  // bytes of bodies: at observers, at the far end
};

struct sim {
    struct chance *chance;
    struct sim_task tasks[SIM_TASKS_MAX];
    size_t task_count;
    size_t visitor_count;
    bool early;              // origins answer before they have read the request
    bool lenient;            // every task is excused: resources or time run out
    bool origin_closes_idle; // requests that may not be repeated are excused
    bool releases;           // silent origins close, visitors send the rest of nothing
    bool over;               // the program ends
    bool tells;              // prints what happens
    struct exchange_sim_result result;
};

extern struct sim sim;

static inline bool sim_maybe(uint32_t one_in)
{
    return chance_one_in(sim.chance, one_in);
}

// Prints an event of a task, when `tells`.
__attribute__((format(printf, 2, 3))) void sim_tell(const struct sim_task *t, const char *format,
                                                    ...);

// exchange_sim_task.c
void sim_task_plan(struct sim_task *t);
size_t sim_task_number(const struct sim_task *t);
// The task of a request target, "/NUMBER".
struct sim_task *sim_task_of(struct slice target);
// Prints the heads; returns their lengths.
size_t sim_task_request(const struct sim_task *t, char out[static SIM_HEAD_MAX]);
size_t sim_task_response(const struct sim_task *t, char out[static SIM_HEAD_MAX]);
bool sim_task_is_excused(const struct sim_task *t);
// Whether the origin may get the request twice.
bool sim_task_is_repeatable(const struct sim_task *t);
// Whether the response has a body on the wire.
bool sim_task_response_has_body(const struct sim_task *t);

// exchange_sim_observer.c
extern const struct exchange_observer sim_observer;
void sim_observer_begin(void);
// All exchanges are over.
void sim_observer_end(void);

// exchange_sim_program.c: the only file that knows how inbound, exchange and outbound are put
// together. False: out of memory.
bool sim_program_open(bool tight);
void sim_program_close(void);
void sim_program_accept(int fd);
void sim_program_turn(void);
size_t sim_program_connections(void);
int64_t sim_program_credit_left(const struct exchange *x, enum exchange_side from);
// Whether the response is an answer of the program's own.
bool sim_program_answered(const struct exchange *x);

// exchange_sim_visitor.c
void sim_visitors_begin(void);
void sim_visitor_step(size_t i, bool all);
bool sim_visitors_are_over(void);
// All that needs no time has happened: every request that was to be answered has been.
void sim_visitors_verify(void);
void sim_visitors_end(void);

// exchange_sim_origin.c
void sim_origin_begin(void);
void sim_origin_accept(void);
void sim_origin_step(bool all);
void sim_origin_end(void);
