// SPDX-License-Identifier: MIT
// Control messages of an agent: its hello, and the names it binds (docs/protocol.md §2 and §5).
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "agents_internal.h"
#include "common/base/owner.h"
#include "common/base/secret.h"
#include "common/base/version.h"
#include "public_urls.h"
#include "reserved_names.h"

enum {
    RANDOM_NAME_TRIES = 8
};

static void say(struct agent *a, const struct control_message *message)
{
    if (tunnel_queue_control(session_tunnel(a->session), message) && !a->drop_logged) {
        a->drop_logged = true;
        relay_log_tunnel(a->set->log, LOG_WARN,
                         "tunnel %" PRIu64 " deaf: messages to it are dropped, its queue is full",
                         a->number);
    }
    agent_wake(a);
}

// Answers the bind `id` (0: the hello) with an error, which is logged.
__attribute__((format(printf, 4, 5))) static void refuse(struct agent *a, uint64_t id,
                                                         const char *code, const char *format, ...)
{
    struct control_message message = {.type = CONTROL_REFUSED, .id = id};
    va_list args;
    (void)snprintf(message.code, sizeof(message.code), "%s", code);
    va_start(args, format);
    (void)vsnprintf(message.message, sizeof(message.message), format, args);
    va_end(args);
    relay_log_refusal(a->set->log, &a->summary, message.code, message.message);
    say(a, &message);
}

// The most that may be recorded of the agent's exchanges. A level of a later version counts as
// none: recording less than asked is safe.
static enum exchange_record record_of(const struct control_message *hello)
{
    if (!hello->record[0] || strcmp(hello->record, "all") == 0)
        return EXCHANGE_RECORD_ALL;
    return strcmp(hello->record, "heads") == 0 ? EXCHANGE_RECORD_HEADS : EXCHANGE_RECORD_NONE;
}

static void welcome(struct agent *a, const struct control_message *hello)
{
    struct control_message message = {.type = CONTROL_WELCOME, .version = CONTROL_VERSION};
    // Reports go into the record: without one nobody needs them.
    (void)snprintf(message.features, sizeof(message.features), "%s",
                   a->set->recorder ? "reports" : "");
    a->record = record_of(hello);
    memcpy(a->legacy_proof, hello->before, sizeof(a->legacy_proof));
    a->legacy_owner = !slice_list_has(slice_str(hello->features), SLICE("owner"));
    timeout_stop(&a->hello_timeout);
    tunnel_summary_software(&a->summary, hello->software);
    if (!control_owner_is_valid(hello) ||
        !secret_sha256_hex(hello->owner, strlen(hello->owner), a->owner)) {
        refuse(a, 0, "ADIT-BAD-OWNER", "The owner key must have 64 hexadecimal digits.");
        return;
    }
    memcpy(a->summary.owner, a->owner, LOG_OWNER_DIGITS);
    (void)snprintf(message.software, sizeof(message.software), "aditd %s", adit_version());
    say(a, &message);
}

// Takes a route away from the agent that has it and tells that agent. Returns it, or NULL.
static struct agent *take_over(struct route *r)
{
    struct agent *old = r->agent;
    if (!old)
        return NULL;
    struct route **at = &old->routes;
    while (*at && *at != r)
        at = &(*at)->agent_next;
    if (*at)
        *at = r->agent_next;
    old->route_count--;
    refuse(old, r->bind_id, "ADIT-REPLACED", "Another adit of yours has taken over the name %s.",
           r->name);
    return old;
}

// Limits the binds of a tunnel, and with them the writes to the file of names: as many at once as
// the tunnel may have names and a few more, then one per LIMIT_BINDS_EACH_MS.
static bool may_bind(struct agent *a)
{
    const struct loop *l = a->set->loop;
    return rate_limit_allows(&a->binds, loop_now_ms(l), LIMIT_BINDS_EACH_MS,
                             (uint64_t)l->limits.names_per_tunnel + LIMIT_BINDS_SPARE);
}

// Finds a random name that has no route and is not reserved. False when all tries failed.
static bool random_name(const struct agents *set, char name[static NAME_MAX_BYTES + 1])
{
    for (int tries = 0; tries < RANDOM_NAME_TRIES; tries++) {
        if (!name_random(name))
            return false;
        if (!routes_find(set->routes, name) && !reserved_names_have(set->reserved, name))
            return true;
    }
    return false;
}

// Writes the name that a bind asks for, or a random one. False after a refusal.
static bool name_for(struct agent *a, const struct control_message *bind,
                     char name[static NAME_MAX_BYTES + 1])
{
    if (!may_bind(a)) {
        refuse(a, bind->id, "ADIT-BUSY", "This tunnel asks for names too often. Try again later.");
        return false;
    }
    if (!bind->name[0]) {
        bool found = random_name(a->set, name);
        if (!found)
            refuse(a, bind->id, "ADIT-BUSY", "No random name was found. Choose one with --url.");
        return found;
    }
    if (!name_normalise(slice_str(bind->name), name)) {
        refuse(a, bind->id, "ADIT-BAD-NAME",
               "A name has 1 to 63 letters, digits and hyphens, no hyphen at its ends.");
        return false;
    }
    if (reserved_names_have(a->set->reserved, name)) {
        refuse(a, bind->id, "ADIT-NAME-RESERVED",
               "The name %s is reserved on this relay. Choose another with --url.", name);
        return false;
    }
    return true;
}

// Whether the agent owns a name: it has the same owner, or proves that it has the key that an
// earlier version sent (docs/protocol.md §2). A proof counts for our own domain only: one for an
// address may have been made for another relay, which now shows it to us. And for legacy owners
// only: for any owner, a reader of our files can make a proof.
static bool is_owner(const struct agent *a, const struct route *r)
{
    owner_value proof;
    if (secret_equal(r->owner, ROUTE_OWNER_DIGITS, a->owner, ROUTE_OWNER_DIGITS))
        return true;
    return r->legacy_owner && a->legacy_proof[0] &&
           owner_proof(r->owner, a->set->urls->domain, proof) &&
           secret_equal(proof, OWNER_DIGITS, a->legacy_proof, strlen(a->legacy_proof));
}

// Makes a route for an agent that does not own the name yet. NULL after a refusal.
static struct route *new_route(struct agent *a, const struct control_message *bind,
                               const char *name)
{
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct routes *table = a->set->routes;
    const struct route_holder holder = {a->owner, agent_key(a, bytes)};
    const char *why = routes_make_room_for(table, &holder, !routes_find(table, name));
    if (why) {
        refuse(a, bind->id, "ADIT-TOO-MANY-NAMES", "%s", why);
        return NULL;
    }
    struct route *r = routes_find(table, name); // making room may have forgotten it
    if (r && !routes_give(r, &holder))
        r = NULL;
    else if (!r)
        r = routes_add(table, name, &holder);
    if (!r)
        refuse(a, bind->id, "ADIT-BUSY", "The relay is out of memory.");
    return r;
}

// Finds or makes the route that a bind may have. NULL after a refusal.
static struct route *route_for(struct agent *a, const struct control_message *bind)
{
    char name[NAME_MAX_BYTES + 1];
    if (!name_for(a, bind, name))
        return NULL;
    struct route *r = routes_find(a->set->routes, name);
    if (r && (r->agent || r->reserved) && !is_owner(a, r)) {
        refuse(a, bind->id, "ADIT-NAME-IN-USE",
               "The name %s is in use by somebody else. Choose another with --url.", name);
        return NULL;
    }
    if ((!r || r->agent != a) && a->route_count >= a->set->loop->limits.names_per_tunnel) {
        refuse(a, bind->id, "ADIT-TOO-MANY-NAMES",
               "This tunnel has as many names as one may have.");
        return NULL;
    }
    // A name that the owner has already takes no more room, from whatever address it comes.
    return r && is_owner(a, r) ? r : new_route(a, bind, name);
}

static void attach_route(struct agent *a, struct route *r, uint64_t bind_id)
{
    r->agent = a;
    r->legacy_owner = a->legacy_owner;
    r->bind_id = bind_id;
    r->record = a->record;
    r->agent_next = a->routes;
    a->routes = r;
    a->route_count++;
    routes_agent_came(r);
    agent_has_names(a);
}

static void bind_name(struct agent *a, const struct control_message *bind)
{
    struct control_message bound = {.type = CONTROL_BOUND, .id = bind->id};
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct route *r = route_for(a, bind);
    if (!r)
        return;
    routes_update_holder(r, &(struct route_holder){a->owner, agent_key(a, bytes)});
    struct agent *old = take_over(r);
    attach_route(a, r, bind->id);
    if (old && old->route_count == 0)
        agent_has_no_names(old);
    (void)snprintf(bound.name, sizeof(bound.name), "%s", r->name);
    public_urls_write(a->set->urls, r->name, bound.url, sizeof(bound.url));
    relay_log_bound(a->set->log, &a->summary, &bound);
    say(a, &bound);
}

void agent_on_control(void *ctx, const struct control_message *message)
{
    struct agent *a = ctx;
    switch (message->type) {
    case CONTROL_HELLO: welcome(a, message); return;
    case CONTROL_BIND: bind_name(a, message); return;
    case CONTROL_WELCOME:
    case CONTROL_REFUSED:
    case CONTROL_BOUND:
    case CONTROL_DRAIN: return; // the tunnel passes on no message of the wrong direction
    }
}
