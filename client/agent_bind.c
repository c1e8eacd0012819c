// SPDX-License-Identifier: MIT
// The names: their binds, the relay's answers, and the effect of a refusal.
#include <stdio.h>
#include <stdlib.h>
#include "agent_internal.h"
#include "common/base/log.h"

static void bind_names(struct agent *a)
{
    for (size_t i = 0; i < a->bindings.count; i++) {
        const struct binding *b = &a->bindings.list[i];
        struct control_message bind = {.type = CONTROL_BIND, .id = b->id};
        memcpy(bind.name, b->name, sizeof(bind.name));
        agent_send_control(a, &bind);
    }
}

// Compares the URL with the one that was asked for, the first time. Another host is final: the URL
// may have been handed out already. False: the agent stops.
static bool check_url(struct agent *a, const struct binding *b, const char *url)
{
    char text[PUBLIC_TEXT_MAX];
    enum public_match match = public_name_compare(&b->config->wanted, url, text);
    if (match == PUBLIC_SAME || b->was_bound)
        return true;
    if (match == PUBLIC_SAME_HOST) {
        log_warn("%s", text);
        return true;
    }
    log_error("%s", text);
    agent_stop(a, EXIT_FAILURE);
    return false;
}

static void on_bound(struct agent *a, struct binding *b, const struct control_message *bound)
{
    char to[SERVICE_URL_MAX];
    a->link.retry = (struct retry){0};
    if (bindings_are_answered(&a->bindings))
        timeout_stop(&a->link.bind_timeout);
    if (!check_url(a, b, bound->url))
        return;
    const char *how = b->was_bound ? "connected again, " : "";
    service_url(&b->config->service, to);
    console_line(&a->display.console, "adit: %s%s -> %s", how, bound->url, to);
    if (!a->link.was_bound)
        display_begin(&a->display, a->worker.recorder != NULL, a->config.data);
    if (!b->was_bound && !b->config->service.folder[0])
        service_watch_start(&b->watch);
    b->was_bound = a->link.was_bound = true;
    a->link.token_refused = false;
    link_message_reset(&a->link.last_message);
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

static void on_refused(struct agent *a, const struct binding *b,
                       const struct control_message *refused)
{
    char text[LINK_MESSAGE_MAX];
    enum refusal refusal = refusal_of(refused->code);
    if (refusal == REFUSAL_FINAL || (refusal == REFUSAL_FINAL_AT_START && !b->was_bound)) {
        log_error("%s (%s)", refused->message, refused->code);
        agent_stop(a, EXIT_FAILURE);
        return;
    }
    (void)snprintf(text, sizeof(text), "the relay refuses %s%s for now: %s (%s). Trying again",
                   b->name[0] ? "the name " : "a name", b->name, refused->message, refused->code);
    agent_warn(a, text);
    a->link.bind_deferred = true;
    loop_queue(&a->worker.loop, &a->link.leave); // not now: the tunnel is on the stack
}

// The binding that a CONTROL_BOUND or CONTROL_REFUSED is about. A refusal of the whole tunnel (id
// 0) is told as one of the first name. NULL: the message answers nothing.
static struct binding *binding_of(struct agent *a, const struct control_message *message)
{
    if (message->id == 0 && message->type == CONTROL_REFUSED)
        return &a->bindings.list[0];
    struct binding *b = bindings_find(&a->bindings, message->id);
    return b && binding_expects(b, message) ? b : NULL;
}

static void on_answer(struct agent *a, const struct control_message *message)
{
    struct binding *b = binding_of(a, message);
    if (!b) {
        a->link.protocol_error = true;
        loop_queue(&a->worker.loop, &a->link.leave); // not now: the tunnel is on the stack
    } else if (message->type == CONTROL_BOUND) {
        binding_answered(b, message);
        on_bound(a, b, message);
    } else {
        on_refused(a, b, message);
    }
}

void agent_on_control(void *ctx, const struct control_message *message)
{
    struct agent *a = ctx;
    if (a->link.bind_deferred || a->link.protocol_error)
        return;
    switch (message->type) {
    case CONTROL_WELCOME: bind_names(a); return;
    case CONTROL_BOUND:
    case CONTROL_REFUSED: on_answer(a, message); return;
    case CONTROL_DRAIN: log_info("the relay will stop: %s", message->message); return;
    case CONTROL_HELLO:
    case CONTROL_BIND: return;
    }
}
