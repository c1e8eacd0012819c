// SPDX-License-Identifier: MIT
#include "binding.h"
#include <stdio.h>
#include <string.h>

bool bindings_add(struct bindings *b, const struct binding_config *config, struct worker *w,
                  struct console *console)
{
    if (b->count == BINDINGS_MAX)
        return false;
    struct binding *one = &b->list[b->count++];
    *one = (struct binding){.id = b->count, .config = config};
    memcpy(one->name, config->wanted.name, sizeof(one->name));
    service_init(&config->service, &one->outbound, &w->loop);
    service_add_filter(&config->service, &one->outbound, &one->host_rewrite, &one->filters);
    service_watch_init(&one->watch, &w->loop, console, &config->service.target);
    one->watch.proxy_version = config->service.proxy_version;
    worker_observe(w, &one->watch.observer);
    return true;
}

void bindings_deinit(struct bindings *b)
{
    for (size_t i = 0; i < b->count; i++) {
        service_deinit(&b->list[i].outbound);
        service_watch_deinit(&b->list[i].watch);
    }
}

struct binding *bindings_find(struct bindings *b, uint64_t id)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->list[i].id == id)
            return &b->list[i];
    return NULL;
}

struct binding *bindings_of_request(struct bindings *b, uint64_t id)
{
    if (id == 0)
        return b->count == 1 ? &b->list[0] : NULL;
    return bindings_find(b, id);
}

bool binding_expects(const struct binding *b, const struct control_message *message)
{
    if (message->type == CONTROL_REFUSED)
        return true;
    return !b->answered && (!b->name[0] || slice_ieq(slice_str(b->name), slice_str(message->name)));
}

void binding_answered(struct binding *b, const struct control_message *bound)
{
    b->answered = true;
    if (!b->name[0])
        (void)snprintf(b->name, sizeof(b->name), "%s", bound->name);
}

bool bindings_are_answered(const struct bindings *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (!b->list[i].answered)
            return false;
    return true;
}

void bindings_forget_answers(struct bindings *b)
{
    for (size_t i = 0; i < b->count; i++)
        b->list[i].answered = false;
}
