// SPDX-License-Identifier: MIT
// A binding: a name at the relay and the service behind it. An agent has one.
#pragma once
#include "client/display/service_watch.h"
#include "common/worker/worker.h"
#include "proto/tunnel/control.h"
#include "public_name.h"
#include "service.h"

enum {
    BINDINGS_MAX = 1
};

struct binding_config {
    struct public_name wanted; // the name, and perhaps host, scheme and port, that was asked for
    struct service service;
};

struct binding {
    uint64_t id; // of its bind messages and of adit-bind, from 1 up
    const struct binding_config *config;
    char name[PUBLIC_NAME_MAX]; // to bind: empty for any; once bound, the one we have
    struct service_outbound outbound;
    struct host_rewrite host_rewrite;
    struct filter_chain filters;
    struct service_watch watch; // observes all exchanges
    bool was_bound;             // ever
    bool answered;              // CONTROL_BOUND has come in this tunnel
};

// Embedded; zero has none.
struct bindings {
    struct binding list[BINDINGS_MAX];
    size_t count; // at most BINDINGS_MAX
};

// Adds a binding, whose upstream is on the worker's loop and whose watch observes for the worker
// and prints to `console`. False: there are BINDINGS_MAX. `config` must outlive it.
bool bindings_add(struct bindings *b, const struct binding_config *config, struct worker *w,
                  struct console *console);
// Ends the upstreams and watches.
void bindings_deinit(struct bindings *b);

// The binding of a bind message's id, or NULL.
struct binding *bindings_find(struct bindings *b, uint64_t id);
// The binding that a request is for, by the number in its adit-bind. Without one (0) the only
// binding. NULL: none.
struct binding *bindings_of_request(struct bindings *b, uint64_t id);

// Whether the relay may send this CONTROL_BOUND or CONTROL_REFUSED of the binding's id: a bind is
// answered once in a tunnel, with the name that was asked for if one was. A refusal may also follow
// later, when the name is taken away (docs/protocol.md §5).
bool binding_expects(const struct binding *b, const struct control_message *message);
// The relay's CONTROL_BOUND has come: keeps the name for the links to come.
void binding_answered(struct binding *b, const struct control_message *bound);
// Whether all have been answered in this tunnel.
bool bindings_are_answered(const struct bindings *b);
// The tunnel is gone: the next one has answered nothing.
void bindings_forget_answers(struct bindings *b);
