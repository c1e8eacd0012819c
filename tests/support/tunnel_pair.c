// SPDX-License-Identifier: MIT
#include "tunnel_pair.h"
#include <stdio.h>
#include <stdlib.h>
#include "check.h"

static void say(struct tunnel_side *side, const struct control_message *message)
{
    CHECK(tunnel_queue_control(side->tunnel, message) == 0);
}

static void converse(struct tunnel_side *side, const struct control_message *message)
{
    struct control_message welcome = {.type = CONTROL_WELCOME,
                                      .version = CONTROL_VERSION,
                                      .software = "aditd",
                                      .features = "reports"};
    struct control_message bind = {.type = CONTROL_BIND, .id = 1, .name = "name"};
    struct control_message bound = {
        .type = CONTROL_BOUND, .id = message->id, .url = "http://name.test/"};
    memcpy(bound.name, message->name, sizeof(bound.name));
    switch (message->type) {
    case CONTROL_HELLO: say(side, &welcome); return;
    case CONTROL_WELCOME: say(side, &bind); return;
    case CONTROL_BIND: say(side, &bound); return;
    case CONTROL_REFUSED:
    case CONTROL_BOUND:
    case CONTROL_DRAIN: return;
    }
}

static void on_control(void *ctx, const struct control_message *message)
{
    struct tunnel_side *side = ctx;
    if (side->said_count < TUNNEL_SAID_MAX)
        side->said[side->said_count] = *message;
    side->said_count++;
    if (side->on_control)
        side->on_control(side, message);
    else
        converse(side, message);
}

static void on_report(void *ctx, const struct report *report)
{
    struct tunnel_side *side = ctx;
    side->reported = *report;
    side->report_count++;
}

void tunnel_side_init_limited(struct tunnel_side *side, const struct tunnel_config *config,
                              uint64_t now_ms)
{
    const struct tunnel_handler handler = {
        .mux = mux_side_handler, .control = on_control, .report = on_report};
    enum tunnel_role role = config->role;
    side->tunnel = tunnel_new(config, &handler, side, now_ms);
    CHECK(side->tunnel);
    side->said_count = side->report_count = 0;
    side->on_control = NULL;
    mux_side_init(&side->mux, role == TUNNEL_RELAY ? MUX_CLIENT : MUX_SERVER,
                  tunnel_mux(side->tunnel));
}

void tunnel_side_init(struct tunnel_side *side, enum tunnel_role role, uint64_t now_ms)
{
    const struct tunnel_config config = {.role = role};
    tunnel_side_init_limited(side, &config, now_ms);
}

void tunnel_side_deinit(struct tunnel_side *side)
{
    tunnel_free(side->tunnel);
    mux_side_deinit(&side->mux);
}

struct control_message tunnel_hello(void)
{
    return (struct control_message){.type = CONTROL_HELLO,
                                    .version = CONTROL_VERSION,
                                    .software = "adit",
                                    .features = "reports",
                                    .owner = "0123456789abcdef0123456789abcdef"
                                             "0123456789abcdef0123456789abcdef"};
}

int tunnel_say_type(struct tunnel_side *side, enum control_type type, uint64_t id)
{
    struct control_message message = tunnel_hello();
    message.type = type;
    message.id = id;
    (void)snprintf(message.name, sizeof(message.name), "name-%u", (unsigned)id);
    (void)snprintf(message.url, sizeof(message.url), "http://name-%u.test/", (unsigned)id);
    (void)snprintf(message.code, sizeof(message.code), "ADIT-TEST");
    (void)snprintf(message.message, sizeof(message.message), "A test.");
    return tunnel_queue_control(side->tunnel, &message);
}

void tunnel_pair_init_limited(struct tunnel_pair *p, const struct mux_limits *limits)
{
    struct control_message hello = tunnel_hello();
    const struct tunnel_config relay = {.role = TUNNEL_RELAY, .limits = limits};
    const struct tunnel_config agent = {.role = TUNNEL_AGENT, .limits = limits};
    p->now_ms = 1000000;
    tunnel_side_init_limited(&p->relay, &relay, p->now_ms);
    tunnel_side_init_limited(&p->agent, &agent, p->now_ms);
    say(&p->agent, &hello);
}

void tunnel_pair_init(struct tunnel_pair *p)
{
    tunnel_pair_init_limited(p, NULL);
}

void tunnel_pair_open(struct tunnel_pair *p)
{
    tunnel_pair_init(p);
    tunnel_settle(p);
    CHECK(tunnel_state(p->relay.tunnel) == TUNNEL_OPEN);
    CHECK(tunnel_state(p->agent.tunnel) == TUNNEL_OPEN);
}

void tunnel_pair_deinit(struct tunnel_pair *p)
{
    tunnel_side_deinit(&p->relay);
    tunnel_side_deinit(&p->agent);
}

int tunnel_feed(struct tunnel_side *to, const uint8_t *bytes, size_t len, bool last, size_t piece)
{
    size_t at = 0;
    int error = 0;
    do {
        size_t n = piece < len - at ? piece : len - at;
        uint8_t *copy = malloc(n + !n);
        CHECK(copy && piece > 0);
        if (n > 0)
            memcpy(copy, bytes + at, n);
        at += n;
        error = tunnel_recv(to->tunnel, copy, n, last && at == len);
        free(copy);
    } while (at < len && !error);
    return error;
}

int tunnel_move(struct tunnel_side *from, struct tunnel_side *to, size_t cap, size_t piece)
{
    static uint8_t message[TUNNEL_MESSAGE_MAX];
    bool wanted = tunnel_wants_send(from->tunnel);
    cap = cap < sizeof(message) ? cap : sizeof(message);
    int n = tunnel_send(from->tunnel, message, cap);
    CHECK(n <= (int)cap && (wanted || n <= 0));
    int error = n > 0 ? tunnel_feed(to, message, (size_t)n, true, piece) : 0;
    return error ? error : n;
}

void tunnel_settle(struct tunnel_pair *p)
{
    int moved = 1;
    while (moved > 0) {
        int there = tunnel_move(&p->relay, &p->agent, TUNNEL_MESSAGE_MAX, TUNNEL_MESSAGE_MAX);
        int back = tunnel_move(&p->agent, &p->relay, TUNNEL_MESSAGE_MAX, TUNNEL_MESSAGE_MAX);
        CHECK(there >= 0 && back >= 0);
        moved = there + back;
    }
}

int tunnel_pair_tick(struct tunnel_pair *p, uint64_t ms)
{
    p->now_ms += ms;
    int relay = tunnel_tick(p->relay.tunnel, p->now_ms);
    int agent = tunnel_tick(p->agent.tunnel, p->now_ms);
    return relay ? relay : agent;
}
