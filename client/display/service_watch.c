// SPDX-License-Identifier: MIT
#include "service_watch.h"
#include "common/io/listening.h"

static void look(struct service_watch *w);

static void on_again(struct timeout *t)
{
    look(container_of(t, struct service_watch, again));
}

static void look_later(struct service_watch *w)
{
    timeout_start(w->loop, &w->again, w->wait_ms, on_again);
    if (w->wait_ms < SERVICE_LOOK_MOST_MS)
        w->wait_ms *= 2;
}

static void is_up(struct service_watch *w)
{
    if (w->state == SERVICE_DOWN)
        console_line(w->console, "adit: %s can be reached %s", w->name,
                     w->was_up ? "again" : "now");
    w->state = SERVICE_UP;
    w->was_up = true;
    timeout_stop(&w->again);
    dial_cancel(w->dial);
    w->dial = NULL;
}

// We ran out of something: that says nothing of the service.
static bool is_ours(int error)
{
    return error == UV_EMFILE || error == UV_ENFILE || error == UV_ENOMEM || error == UV_ENOBUFS ||
           error == UV_EAGAIN || error == UV_EAI_MEMORY;
}

static bool is_of_name(int error)
{
    return error == UV_EAI_NONAME || error == UV_EAI_NODATA || error == UV_EAI_AGAIN ||
           error == UV_EAI_FAIL || error == UV_EAI_SERVICE;
}

static void tell_down(const struct service_watch *w, int error)
{
    const char *why = uv_strerror(error);
    if (error == UV_ECONNREFUSED)
        console_line(w->console,
                     "adit: nothing listens on %s %s (%s): requests get 502 until something does",
                     w->name, w->was_up ? "any more" : "yet", why);
    else if (error == UV_ETIMEDOUT)
        console_line(w->console, "adit: %s does not answer (%s): requests get 504 until it does",
                     w->name, why);
    else if (is_of_name(error))
        console_line(w->console,
                     "adit: the name of %s cannot be resolved (%s): requests get 502 until it can",
                     w->name, why);
    else
        console_line(w->console, "adit: %s cannot be reached (%s): requests get 502 until it can",
                     w->name, why);
}

static void is_down(struct service_watch *w, int error)
{
    if (w->state != SERVICE_DOWN && !is_ours(error)) {
        tell_down(w, error);
        w->state = SERVICE_DOWN;
    }
    look_later(w);
}

static void on_dialed(void *ctx, struct conn *c, int error)
{
    struct service_watch *w = ctx;
    w->dial = NULL;
    if (!c) {
        is_down(w, error);
        return;
    }
    conn_close(c, CONN_CLOSE_NOW);
    is_up(w);
}

static void look(struct service_watch *w)
{
    if (listening_on_loopback(w->target.host, w->target.port)) {
        is_up(w);
        return;
    }
    w->dial = dial_start(w->loop, &w->target, on_dialed, w);
    if (!w->dial)
        look_later(w);
}

// Whether an exchange has found that nothing can be connected to.
static bool found_nothing(const struct exchange *x)
{
    return x->info.refused && x->info.sent_on_ns == 0 &&
           (x->info.answer == ANSWER_UPSTREAM_REFUSED ||
            x->info.answer == ANSWER_UPSTREAM_UNREACHABLE ||
            x->info.answer == ANSWER_UPSTREAM_TIMEOUT);
}

// What comes back is told by a look and not by each exchange: of a service that goes and comes all
// the time little is said.
static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct service_watch *w = ctx;
    (void)why;
    if (w->state == SERVICE_UP && found_nothing(x)) {
        w->state = SERVICE_DOUBTFUL;
        w->wait_ms = SERVICE_LOOK_FIRST_MS;
        look_later(w);
    } else if (w->state != SERVICE_UP && x->info.status && x->info.sent_on_ns > 0 &&
               !x->info.refused) {
        is_up(w);
    }
}

void service_watch_init(struct service_watch *w, struct loop *l, struct console *console,
                        const struct dial_target *target)
{
    *w = (struct service_watch){
        .loop = l, .console = console, .target = *target, .wait_ms = SERVICE_LOOK_FIRST_MS};
    (void)authority_text(target->host, target->port, w->name);
    w->observer = (struct exchange_observer){.closed = on_closed, .ctx = w};
}

void service_watch_start(struct service_watch *w)
{
    look(w);
}

void service_watch_deinit(struct service_watch *w)
{
    timeout_stop(&w->again);
    dial_cancel(w->dial);
    w->dial = NULL;
}
