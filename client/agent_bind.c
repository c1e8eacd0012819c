// SPDX-License-Identifier: MIT
// The name: the bind, the relay's answer, and the effect of a refusal.
#include <stdio.h>
#include <stdlib.h>
#include "agent_internal.h"
#include "common/base/log.h"

enum {
    BIND_ID = 1
};

static void bind_name(struct agent *a)
{
    struct control_message bind = {.type = CONTROL_BIND, .id = BIND_ID};
    memcpy(bind.name, a->config.name, sizeof(bind.name));
    agent_send_control(a, &bind);
}

// Compares the URL with the one that was asked for, the first time. Another host is final: the URL
// may have been handed out already. False: the agent stops.
static bool check_url(struct agent *a, const char *url)
{
    char text[PUBLIC_TEXT_MAX];
    enum public_match match = public_name_compare(&a->config.wanted, url, text);
    if (match == PUBLIC_SAME || a->was_bound)
        return true;
    if (match == PUBLIC_SAME_HOST) {
        log_warn("%s", text);
        return true;
    }
    log_error("%s", text);
    agent_stop(a, EXIT_FAILURE);
    return false;
}

static void on_bound(struct agent *a, const struct control_message *bound)
{
    char to[SERVICE_URL_MAX];
    a->retry_bound_ms = 0;
    timeout_stop(&a->bind_timeout);
    if (!check_url(a, bound->url))
        return;
    if (!a->config.name[0]) // keep the name for the links to come
        memcpy(a->config.name, bound->name, sizeof(a->config.name));
    const char *how = a->was_bound ? "connected again, " : "";
    service_url(&a->config.service, to);
    console_line(&a->display.console, "adit: %s%s -> %s", how, bound->url, to);
    if (!a->was_bound)
        display_begin(&a->display, a->worker.recorder != NULL, a->config.data);
    a->was_bound = true;
    a->token_refused = false;
    link_message_reset(&a->last_message);
}

enum refusal {
    REFUSAL_FINAL,          // ends the agent
    REFUSAL_FINAL_AT_START, // before the first bind, while the user watches; temporary later
    REFUSAL_TEMPORARY       // the relay is full or short of something: retry
};

// ADIT-REPLACED is final: two agents of one owner would take the name from each other for ever.
// ADIT-NAME-IN-USE may pass: another owner may leave, and an old link of ours that the relay does
// not recognise will time out.
static enum refusal refusal_of(const char *code)
{
    static const struct {
        const char *code;
        enum refusal refusal;
    } rows[] = {
        {"ADIT-BAD-NAME", REFUSAL_FINAL},
        {"ADIT-BAD-OWNER", REFUSAL_FINAL},
        {"ADIT-NAME-RESERVED", REFUSAL_FINAL},
        {"ADIT-REPLACED", REFUSAL_FINAL},
        {"ADIT-NAME-IN-USE", REFUSAL_FINAL_AT_START},
        {"ADIT-TOO-MANY-NAMES", REFUSAL_TEMPORARY},
        {"ADIT-BUSY", REFUSAL_TEMPORARY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].refusal;
    return REFUSAL_FINAL_AT_START;
}

static void on_refused(struct agent *a, const struct control_message *refused)
{
    char text[LINK_MESSAGE_MAX];
    enum refusal refusal = refusal_of(refused->code);
    if (refusal == REFUSAL_FINAL || (refusal == REFUSAL_FINAL_AT_START && !a->was_bound)) {
        log_error("%s (%s)", refused->message, refused->code);
        agent_stop(a, EXIT_FAILURE);
        return;
    }
    const char *name = a->config.name;
    (void)snprintf(text, sizeof(text), "the relay refuses %s%s for now: %s (%s). Trying again",
                   name[0] ? "the name " : "a name", name, refused->message, refused->code);
    agent_warn(a, text);
    a->bind_deferred = true;
    loop_queue(&a->worker.loop, &a->leave); // not now: the tunnel is on the stack
}

// A bind is answered once, with the name that was asked for if one was. A refusal may also follow
// later, when the name is taken away (docs/protocol.md §5). Other messages pass.
static bool is_expected(const struct agent *a, const struct control_message *message)
{
    if (message->type != CONTROL_BOUND && message->type != CONTROL_REFUSED)
        return true;
    if (message->id == 0 && message->type == CONTROL_REFUSED)
        return true; // refuses the whole tunnel
    if (message->id != BIND_ID)
        return false;
    bool named = a->config.name[0] != 0;
    return message->type == CONTROL_REFUSED ||
           (!a->bind_answered &&
            (!named || slice_ieq(slice_str(a->config.name), slice_str(message->name))));
}

void agent_on_control(void *ctx, const struct control_message *message)
{
    struct agent *a = ctx;
    if (a->bind_deferred || a->protocol_error)
        return;
    if (!is_expected(a, message)) {
        a->protocol_error = true;
        loop_queue(&a->worker.loop, &a->leave); // not now: the tunnel is on the stack
        return;
    }
    a->bind_answered = a->bind_answered || message->type == CONTROL_BOUND;
    switch (message->type) {
    case CONTROL_WELCOME: bind_name(a); return;
    case CONTROL_BOUND: on_bound(a, message); return;
    case CONTROL_REFUSED: on_refused(a, message); return;
    case CONTROL_DRAIN: log_info("the relay will stop: %s", message->message); return;
    case CONTROL_HELLO:
    case CONTROL_BIND: return;
    }
}
