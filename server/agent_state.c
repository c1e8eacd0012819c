// SPDX-License-Identifier: MIT
// An agent's state: waiting for a name, named, closed.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents_internal.h"

struct slice agent_key(const struct agent *a, unsigned char bytes[static CLIENT_KEY_BYTES])
{
    return a->client.exempt ? SLICE("") : client_address_key(&a->client, bytes);
}

static void leave_list(struct agent *a)
{
    list_remove(a->named ? &a->set->named : &a->set->waiting, &a->in_list);
    a->set->waiting_count -= a->named ? 0 : 1;
    shares_leave(a->waits_of);
    a->waits_of = NULL;
}

// Whether the agent gets time to read why its link ends. Lingering connections are limited, since
// agents that read slowly or not at all could otherwise keep any number of them open.
static bool may_linger(struct agent *a)
{
    struct agents *set = a->set;
    if (a->evicted)
        return false;
    return set->retry_ms > 0 || rate_limit_allows(&set->lingers, loop_now_ms(set->loop),
                                                  LIMIT_LINKS_LINGER_EACH_MS, LIMIT_LINKS_LINGER);
}

static void end_session(struct agent *a, enum ws_close_code code)
{
    bool has_link = session_has_link(a->session);
    session_close(a->session, &(struct session_close){
                                  .code = code,
                                  .retry_within_ms = (uint32_t)a->set->retry_ms,
                                  .at_once = has_link && !may_linger(a),
                              });
}

// Gives up the agent's names. `clean`: they are free at once; else they are held for their owner.
static void leave_routes(struct agent *a, bool clean)
{
    const struct agents *set = a->set;
    while (a->routes) {
        struct route *r = a->routes;
        a->routes = r->agent_next;
        if (r->agent != a)
            continue;
        routes_agent_left(r, !clean);
        if (clean)
            relay_log_tunnel(set->log, LOG_INFO, "name %s free: its agent has left", r->name);
        else if (set->retry_ms == 0) // else the file of names holds it
            relay_log_tunnel(set->log, LOG_INFO, "name %s held: for its owner, for %u s", r->name,
                             set->loop->limits.gone_ms / 1000);
    }
}

static void on_free(struct loop_task *task)
{
    free(container_of(task, struct agent, free_task));
}

void agent_close(struct agent *a, enum ws_close_code code, const char *why)
{
    struct agents *set = a->set;
    if (a->closed)
        return;
    a->closed = true;
    tunnel_summary_names(&a->summary, a->routes ? a->routes->name : NULL, a->route_count);
    leave_routes(a, code == WS_CLOSE_NORMAL);
    timeout_stop(&a->hello_timeout);
    outbound_end(&a->outbound, ANSWER_AGENT_GONE);
    end_session(a, code);
    leave_list(a); // no sooner: exchanges that end with the session are reported
    set->count--;
    relay_log_closed(set->log, &a->summary, code == WS_CLOSE_PROTOCOL ? LOG_WARN : LOG_INFO, why);
    a->free_task.run = on_free;
    loop_queue(set->loop, &a->free_task);
}

void agent_on_session_end(void *ctx, const struct session_end *end)
{
    const struct agent *a = ctx;
    char text[160];
    const char *why = text;
    if (a->set->retry_ms > 0) { // agents_leave: this is the agent's answer
        agent_close(ctx, WS_CLOSE_GOING_AWAY, AGENT_RELAY_STOPS);
        return;
    }
    switch (end->fault) {
    case SESSION_TUNNEL_FAILED:
        (void)snprintf(text, sizeof(text), end->detail[0] ? "%s: %s" : "%s",
                       tunnel_strerror(end->error), end->detail);
        break;
    case SESSION_BAD_FRAME: why = ws_strerror(end->error); break;
    case SESSION_NOT_BINARY: why = "a message that is not binary"; break;
    case SESSION_PEER_LEFT: why = "the agent has left"; break;
    case SESSION_EOF: why = "the link was closed"; break;
    case SESSION_CONN_FAILED: why = uv_strerror(end->error); break;
    case SESSION_STALLED: why = "the agent does not read"; break;
    case SESSION_REFUSED: why = "refused"; break;
    case SESSION_NO_MEMORY: why = "out of memory"; break;
    }
    agent_close(ctx, end->code, why);
}

static void on_hello_timeout(struct timeout *t)
{
    agent_close(container_of(t, struct agent, hello_timeout), WS_CLOSE_PROTOCOL,
                "no hello in time");
}

void agent_await_hello(struct agent *a)
{
    struct loop *l = a->set->loop;
    timeout_start(l, &a->hello_timeout, l->limits.hello_ms, on_hello_timeout);
}

// The agent to evict among those without a name: the longest-waiting one of share `of`, or (NULL)
// of the address that has the most.
static struct agent *find_victim(const struct agents *set, const struct share *of)
{
    struct agent *found = NULL;
    size_t most = 0;
    for (struct list_link *link = set->waiting.first; link; link = link->next) {
        struct agent *a = LIST_ITEM(link, struct agent, in_list);
        if (of && a->waits_of == of)
            return a;
        size_t count = a->waits_of ? a->waits_of->count : 1;
        if (!of && count > most) {
            found = a;
            most = count;
        }
    }
    return found;
}

void agent_wait_for_name(struct agent *a)
{
    struct agents *set = a->set;
    const struct limits *limits = &set->loop->limits;
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct slice key = agent_key(a, bytes);
    const struct share *own = key.len > 0 ? shares_find(&set->waiting_of, key) : NULL;
    bool over = own && own->count >= limits->handshakes_per_address;
    if (over || set->waiting_count >= limits->handshakes) {
        struct agent *victim = find_victim(set, over ? own : NULL);
        assert(victim); // no limit is 0: one that is reached has an agent
        victim->evicted = true;
        agent_close(victim, WS_CLOSE_GOING_AWAY, "it had no name, and its place was needed");
    }
    a->named = false;
    a->waits_of = shares_enter(&set->waiting_of, key);
    list_append(&set->waiting, &a->in_list);
    set->waiting_count++;
}

void agent_has_names(struct agent *a)
{
    if (a->named)
        return;
    leave_list(a);
    a->named = true;
    list_append(&a->set->named, &a->in_list);
}

void agent_has_no_names(struct agent *a)
{
    leave_list(a);
    agent_wait_for_name(a);
}
