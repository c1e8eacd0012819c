// SPDX-License-Identifier: MIT
#include "relay_log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/inspect/text.h"
#include "names.h"

enum {
    LINE_MAX_BYTES = 800
};

// Copies for the line at an exchange's end, when its tunnel and visitor may be gone.
struct note {
    char tunnel[NAME_MAX_BYTES + 1];
    char visitor[INET6_ADDRSTRLEN];
};

static void log_left_out(struct log_budget *budget, const char *topic)
{
    if (budget->left_out > 0)
        log_warn("%" PRIu64 " lines about %s were left out: they came too fast", budget->left_out,
                 topic);
    budget->left_out = 0;
}

// Counts a line that is not allowed as left out. Before one that is, logs how many were.
static bool may_log(struct log_budget *budget, bool allowed, const char *topic)
{
    if (!allowed) {
        budget->left_out++;
        return false;
    }
    log_left_out(budget, topic);
    return true;
}

void relay_log_tunnel(struct relay_log *log, enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    struct log_budget *budget = &log->tunnels;
    uint64_t most =
        LIMIT_TUNNEL_LINES_EACH * (uint64_t)log->loop->limits.tunnels + LIMIT_TUNNEL_LINES_SPARE;
    va_list args;
    if (!may_log(budget,
                 rate_limit_allows(&budget->rate, loop_now_ms(log->loop),
                                   LIMIT_TUNNEL_LINES_EACH_MS, most),
                 "tunnels"))
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    log_line(level, "%s", line);
}

void tunnel_summary_begin(struct tunnel_summary *t, uint64_t number,
                          const struct client_address *client, uint64_t now_ms)
{
    t->number = number;
    t->since_ms = now_ms;
    client_address_text(client, t->address);
}

void tunnel_summary_software(struct tunnel_summary *t, const char *software)
{
    static const char words[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._+-/";
    bool fits = software[0] && strspn(software, words) == strlen(software);
    (void)snprintf(t->software, sizeof(t->software), "%s", fits ? software : "unknown software");
}

void tunnel_summary_count(struct tunnel_summary *t, const struct exchange *x)
{
    t->exchanges++;
    for (int side = 0; side < 2; side++)
        t->bytes[side] += x->direction[side].bytes;
}

void relay_log_bound(struct relay_log *log, struct tunnel_summary *t,
                     const struct control_message *bound)
{
    relay_log_tunnel(log, LOG_INFO, "tunnel %" PRIu64 " %s: %s for %s, owner %s, %s, %s", t->number,
                     t->opened ? "bound" : "opened", bound->name, t->address, t->owner, t->software,
                     bound->url);
    t->opened = true;
}

void relay_log_refusal(struct relay_log *log, struct tunnel_summary *t, const char *code,
                       const char *words)
{
    if (t->refusals++ < LIMIT_REFUSAL_LINES)
        relay_log_tunnel(log, LOG_INFO, "tunnel %" PRIu64 " refused: %s for %s: %s", t->number,
                         code, t->address, words);
}

void tunnel_summary_names(struct tunnel_summary *t, const char *name, size_t count)
{
    if (name && count > 1)
        (void)snprintf(t->names, sizeof(t->names), "%s and %zu more", name, count - 1);
    else
        (void)snprintf(t->names, sizeof(t->names), "%s", name ? name : "no name");
}

void relay_log_closed(struct relay_log *log, const struct tunnel_summary *t, enum log_level level,
                      const char *why)
{
    char duration[TEXT_NUMBER_MAX];
    char in[TEXT_NUMBER_MAX];
    char out[TEXT_NUMBER_MAX];
    char refusals[48] = "";
    int64_t ns = (int64_t)(loop_now_ms(log->loop) - t->since_ms) * 1000000;
    if (t->refusals > LIMIT_REFUSAL_LINES)
        (void)snprintf(refusals, sizeof(refusals), ", %" PRIu64 " refusals", t->refusals);
    relay_log_tunnel(log, level,
                     "tunnel %" PRIu64 " closed: %s for %s, after %s, %" PRIu64
                     " exchange%s, %s in, %s out%s: %s",
                     t->number, t->names, t->address, text_duration(ns, duration), t->exchanges,
                     text_plural(t->exchanges), text_size(t->bytes[INBOUND], in),
                     text_size(t->bytes[OUTBOUND], out), refusals, why);
}

// Writes a debug line about a connection or an exchange.
__attribute__((format(printf, 2, 3))) static void log_detail(struct relay_log *log,
                                                             const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    struct log_budget *budget = &log->exchanges;
    va_list args;
    if (!log_enabled(LOG_DEBUG) ||
        !may_log(budget,
                 rate_limit_allows(&budget->rate, loop_now_ms(log->loop),
                                   LIMIT_EXCHANGE_LINES_EACH_MS, LIMIT_EXCHANGE_LINES),
                 "exchanges"))
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    log_debug("%s", line);
}

void relay_log_handshake_refused(struct relay_log *log, const struct client_address *client,
                                 const char *why)
{
    char address[INET6_ADDRSTRLEN];
    if (!log_enabled(LOG_DEBUG))
        return;
    client_address_text(client, address);
    log_detail(log, "no tunnel for %s: %s", address, why);
}

void relay_log_turned_away(struct relay_log *log, const struct client_address *client,
                           enum answer answer)
{
    char address[INET6_ADDRSTRLEN];
    if (!log_enabled(LOG_DEBUG))
        return;
    client_address_text(client, address);
    if (answer == ANSWERS)
        log_detail(log, "connection of %s ended: it was idle, and its place was needed", address);
    else
        log_detail(log, "connection of %s refused: %u %s", address, (unsigned)answer_status(answer),
                   answer_code(answer));
}

// The options to raise when an answer tells of a limit; NULL: it tells of none.
static const char *limit_of(enum answer answer)
{
    if (answer == ANSWER_RELAY_FULL)
        return "--limit visitors, or open files";
    if (answer == ANSWER_TOO_MANY)
        return "--limit visitors-per-address, streams-per-address or tunnels";
    if (answer == ANSWER_BUSY)
        return "--limit streams or unread-bytes, or memory";
    return NULL;
}

static void log_limit(struct relay_log *log, enum answer answer, const char *more)
{
    uint64_t count = log->limits[answer].count;
    log_warn("limit met: %" PRIu64 "%s request%s answered %u %s (%s)", count, more,
             count == 1 ? " was" : "s were", (unsigned)answer_status(answer), answer_code(answer),
             limit_of(answer));
    log->limits[answer].count = 0;
    log->limits[answer].next_ms = loop_now_ms(log->loop) + LIMIT_MET_LINES_EACH_MS;
}

void relay_log_limits(struct relay_log *log, const struct exchange *x)
{
    if (!x->facts.refused || !limit_of(x->facts.answer))
        return;
    bool more = log->limits[x->facts.answer].next_ms > 0;
    log->limits[x->facts.answer].count++;
    if (loop_now_ms(log->loop) >= log->limits[x->facts.answer].next_ms)
        log_limit(log, x->facts.answer, more ? " more" : "");
}

static void on_routed(void *ctx, struct exchange *x)
{
    struct note *n =
        x->note[EXCHANGE_NOTE_DISPLAY] ? x->note[EXCHANGE_NOTE_DISPLAY] : calloc(1, sizeof(*n));
    (void)ctx;
    if (!n)
        return;
    (void)snprintf(n->tunnel, sizeof(n->tunnel), "%s", x->facts.tunnel ? x->facts.tunnel : "");
    (void)snprintf(n->visitor, sizeof(n->visitor), "%s", x->facts.visitor ? x->facts.visitor : "");
    x->note[EXCHANGE_NOTE_DISPLAY] = n;
}

static void on_discarded(void *ctx, struct exchange *x)
{
    (void)ctx;
    free(x->note[EXCHANGE_NOTE_DISPLAY]);
    x->note[EXCHANGE_NOTE_DISPLAY] = NULL;
}

// Leaves out the path: it may hold secrets, and the record has it.
static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    static const struct note none;
    struct relay_log *log = ctx;
    const struct note *n = x->note[EXCHANGE_NOTE_DISPLAY] ? x->note[EXCHANGE_NOTE_DISPLAY] : &none;
    char size[TEXT_NUMBER_MAX];
    char duration[TEXT_NUMBER_MAX];
    char status[8] = "-";
    char link[40] = "";
    if (x->facts.status > 0)
        (void)snprintf(status, sizeof(status), "%u", (unsigned)x->facts.status);
    if (x->facts.tunnel_id > 0)
        (void)snprintf(link, sizeof(link), ", tunnel %" PRIu64, x->facts.tunnel_id);
    bool complete = why == EXCHANGE_COMPLETE;
    log_detail(log, "exchange %s: %s, %s, %s, %s %s for %s%s%s%s%s%s", x->facts.id, status,
               text_size(x->direction[OUTBOUND].bytes, size),
               text_duration((int64_t)(uv_hrtime() - x->facts.begun_ns), duration), x->facts.method,
               n->tunnel[0] ? n->tunnel : "-", n->visitor[0] ? n->visitor : "-", link,
               x->facts.refused ? ", " : "", x->facts.refused ? answer_code(x->facts.answer) : "",
               complete ? "" : ", ended: ", complete ? "" : exchange_outcome_text(why));
    on_discarded(ctx, x);
}

struct exchange_observer *relay_log_observer(struct relay_log *log)
{
    if (!log_enabled(LOG_DEBUG))
        return NULL;
    log->observer = (struct exchange_observer){
        .routed = on_routed, .closed = on_closed, .discarded = on_discarded, .ctx = log};
    return &log->observer;
}

void relay_log_flush(struct relay_log *log)
{
    log_left_out(&log->tunnels, "tunnels");
    log_left_out(&log->exchanges, "exchanges");
    for (int i = 0; i < ANSWERS; i++)
        if (log->limits[i].count > 0)
            log_limit(log, (enum answer)i, " more");
}
