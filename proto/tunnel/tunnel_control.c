// SPDX-License-Identifier: MIT
// The control messages of a tunnel: their queue, and the rules of docs/protocol.md §2 and §5.
#include <stdio.h>
#include <stdlib.h>
#include "tunnel_internal.h"

// Each message's kind of link message, its recipient, the state in which it is legal, and the state
// after it.
static const struct message_rule {
    uint8_t link_kind; // 0: a control record
    enum tunnel_role to;
    enum tunnel_state when, then;
} rules[] = {
    [CONTROL_HELLO] = {PIPE_HELLO, TUNNEL_RELAY, TUNNEL_AWAITS_HELLO, TUNNEL_OPEN},
    [CONTROL_WELCOME] = {PIPE_WELCOME, TUNNEL_AGENT, TUNNEL_AWAITS_WELCOME, TUNNEL_OPEN},
    [CONTROL_REFUSED] = {0, TUNNEL_AGENT, TUNNEL_OPEN, TUNNEL_OPEN},
    [CONTROL_BIND] = {0, TUNNEL_RELAY, TUNNEL_OPEN, TUNNEL_OPEN},
    [CONTROL_BOUND] = {0, TUNNEL_AGENT, TUNNEL_OPEN, TUNNEL_OPEN},
    [CONTROL_DRAIN] = {0, TUNNEL_AGENT, TUNNEL_OPEN, TUNNEL_OPEN},
};

static int queue_link_message(struct tunnel *t, uint8_t kind, const uint8_t *json, size_t len)
{
    uint8_t *link_message = malloc(len + 1);
    if (!link_message)
        return TUNNEL_E_MEMORY;
    link_message[0] = kind;
    memcpy(link_message + 1, json, len);
    free(t->link_message);
    t->link_message = link_message;
    t->link_message_len = len + 1;
    return 0;
}

static int queue_control_record(struct tunnel *t, const uint8_t *json, size_t len)
{
    size_t total = t->control_len + PIPE_RECORD_HEAD + len;
    if (total > TUNNEL_CONTROL_QUEUE)
        return TUNNEL_E_FULL;
    uint8_t *control = realloc(t->control, total);
    if (!control)
        return TUNNEL_E_MEMORY;
    pipe_write_record_head(control + t->control_len, PIPE_RECORD_CONTROL, len);
    memcpy(control + t->control_len + PIPE_RECORD_HEAD, json, len);
    t->control = control;
    t->control_len = total;
    return 0;
}

// Appends our features to those of the program.
static void add_features(struct control_message *message)
{
    char *end = message->features + strlen(message->features);
    size_t room = sizeof(message->features) - (size_t)(end - message->features);
    if (room > sizeof(TUNNEL_FEATURES))
        (void)snprintf(end, room, "%s%s", end > message->features ? "," : "", TUNNEL_FEATURES);
}

int tunnel_queue_control(struct tunnel *t, const struct control_message *message)
{
    char json[TUNNEL_MESSAGE_MIN - 1 - PIPE_DATA_HEAD - PIPE_RECORD_HEAD];
    struct control_message queued = *message;
    if (message->type == CONTROL_HELLO || message->type == CONTROL_WELCOME)
        add_features(&queued);
    int len = control_write(json, sizeof(json), &queued);
    uint8_t kind = rules[message->type].link_kind;
    if (len < 0)
        return TUNNEL_E_CONTROL;
    if (message->type == CONTROL_REFUSED && message->id == 0) {
        kind = PIPE_REFUSED;
        t->state = TUNNEL_REFUSED;
    }
    if (kind)
        return queue_link_message(t, kind, (const uint8_t *)json, (size_t)len);
    return queue_control_record(t, (const uint8_t *)json, (size_t)len);
}

static void apply_features(struct tunnel *t, struct slice features)
{
    const struct mux_peer peer = {.spelling = slice_list_has(features, SLICE("case")),
                                  .fields = slice_list_has(features, SLICE("fields")),
                                  .visitors = slice_list_has(features, SLICE("visitors"))};
    t->pipe.can_ask = slice_list_has(features, SLICE("acks"));
    t->wants_reports = slice_list_has(features, SLICE("reports"));
    mux_set_peer(t->mux, &peer);
}

int tunnel_recv_control(struct tunnel *t, const struct pipe_event *e)
{
    struct control_message message;
    int error = control_parse(e->bytes, &message);
    if (error) {
        t->detail = control_strerror(error);
        return TUNNEL_E_CONTROL;
    }
    if (!flood_budget_spend(&t->flood_budget, TUNNEL_CONTROL_COST))
        return TUNNEL_E_FLOOD;
    const struct message_rule *rule = &rules[message.type];
    if (e->kind == PIPE_EVENT_REFUSED) {
        if (message.type != CONTROL_REFUSED || t->role != TUNNEL_AGENT)
            return TUNNEL_E_CONTROL;
        message.id = 0;
        t->state = TUNNEL_REFUSED;
        t->handler.control(t->ctx, &message);
        return 0;
    }
    uint8_t kind = e->kind == PIPE_EVENT_HELLO     ? PIPE_HELLO
                   : e->kind == PIPE_EVENT_WELCOME ? PIPE_WELCOME
                                                   : 0;
    if (rule->link_kind != kind || rule->to != t->role || rule->when != t->state)
        return TUNNEL_E_CONTROL;
    if (message.type == CONTROL_REFUSED && message.id == 0)
        return TUNNEL_E_CONTROL; // without an id it must be a link message
    t->state = rule->then;
    if (kind)
        apply_features(t, slice_str(message.features));
    t->handler.control(t->ctx, &message);
    return 0;
}
