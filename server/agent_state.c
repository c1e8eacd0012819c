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

bool agent_write_frame(struct agent *a, enum ws_opcode opcode, const void *bytes, size_t len)
{
    const struct ws_header h = {.fin = true, .opcode = opcode, .length = len};
    char *out = conn_reserve(a->conn, WS_HEADER_MAX + len);
    if (!out)
        return false;
    size_t n = ws_write_header((uint8_t *)out, &h);
    if (len > 0)
        memcpy(out + n, bytes, len);
    conn_written(a->conn, n + len);
    return true;
}

// Writes a Close frame with the code and, when the relay stops, the time within which the agent
// comes back.
static void write_close(struct agent *a, unsigned ws_code)
{
    char body[32] = {(char)(ws_code >> 8), (char)ws_code};
    int len = 2;
    if (a->set->retry_ms > 0)
        len += snprintf(body + 2, sizeof(body) - 2, "retry %zu", a->set->retry_ms);
    (void)agent_write_frame(a, WS_CLOSE, body, (size_t)len);
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

static void end_link(struct agent *a, unsigned ws_code)
{
    enum conn_close_mode mode = CONN_CLOSE_FLUSH;
    if (!may_linger(a))
        mode = conn_pending(a->conn) > 0 ? CONN_CLOSE_NOW : CONN_CLOSE_RESET;
    write_close(a, ws_code);
    conn_close(a->conn, mode);
    a->conn = NULL;
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
    struct agent *a = container_of(task, struct agent, free_task);
    tunnel_free(a->tunnel);
    free(a);
}

void agent_close(struct agent *a, unsigned ws_code, const char *why)
{
    struct agents *set = a->set;
    if (a->closed)
        return;
    a->closed = true;
    tunnel_summary_names(&a->summary, a->routes ? a->routes->name : NULL, a->route_count);
    leave_routes(a, ws_code == CLOSE_NORMAL);
    leave_list(a);
    set->count--;
    timeout_stop(&a->tick);
    loop_unqueue(set->loop, &a->flush);
    mux_link_lost(tunnel_mux(a->tunnel));
    relay_log_closed(set->log, &a->summary, ws_code == CLOSE_PROTOCOL ? LOG_WARN : LOG_INFO, why);
    if (a->conn)
        end_link(a, ws_code);
    a->free_task.run = on_free;
    loop_queue(set->loop, &a->free_task);
}

void agent_close_error(struct agent *a, unsigned ws_code, int error)
{
    char why[160];
    const char *detail = tunnel_detail(a->tunnel);
    (void)snprintf(why, sizeof(why), detail[0] ? "%s: %s" : "%s", tunnel_strerror(error), detail);
    agent_close(a, ws_code, why);
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
        agent_close(victim, CLOSE_GOING_AWAY, "it had no name, and its place was needed");
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
