// SPDX-License-Identifier: MIT
#include "service_watch.h"
#include "common/base/proxy_protocol.h"
#include "common/io/loopback_probe.h"

static void probe(struct service_watch *w);

static void on_probe_timer(struct timeout *t)
{
    probe(container_of(t, struct service_watch, probe_timer));
}

static void probe_later(struct service_watch *w)
{
    timeout_start(w->loop, &w->probe_timer, w->wait_ms, on_probe_timer);
    if (w->wait_ms < SERVICE_PROBE_MAX_MS)
        w->wait_ms *= 2;
}

static void mark_up(struct service_watch *w)
{
    if (w->state == SERVICE_DOWN)
        console_line(w->console, "adit: %s can be reached %s", w->name,
                     w->was_up ? "again" : "now");
    w->state = SERVICE_UP;
    w->was_up = true;
    timeout_stop(&w->probe_timer);
    dial_cancel(w->dial);
    w->dial = NULL;
}

// We ran out of files or memory: that says nothing about the service.
static bool is_local_shortage(int error)
{
    return error == UV_EMFILE || error == UV_ENFILE || error == UV_ENOMEM || error == UV_ENOBUFS ||
           error == UV_EAGAIN || error == UV_EAI_MEMORY;
}

static bool is_name_error(int error)
{
    return error == UV_EAI_NONAME || error == UV_EAI_NODATA || error == UV_EAI_AGAIN ||
           error == UV_EAI_FAIL || error == UV_EAI_SERVICE;
}

// The service is there, and no more probes are needed: an exchange that is answered tells that its
// TLS has been put right.
static void print_tls_failure(const struct service_watch *w)
{
    console_line(w->console,
                 "adit: TLS with %s failed: %s: requests get 502. --upstream-ca FILE trusts the "
                 "authorities in a file, --upstream-tls-verify=false any certificate",
                 w->name, w->target.tls_failure);
}

static void print_down(const struct service_watch *w, int error)
{
    const char *why = uv_strerror(error);
    if (error == UV_ECONNREFUSED)
        console_line(w->console,
                     "adit: nothing listens on %s %s (%s): requests get 502 until something does",
                     w->name, w->was_up ? "any more" : "yet", why);
    else if (error == UV_ETIMEDOUT)
        console_line(w->console, "adit: %s does not answer (%s): requests get 504 until it does",
                     w->name, why);
    else if (is_name_error(error))
        console_line(w->console,
                     "adit: the name of %s cannot be resolved (%s): requests get 502 until it can",
                     w->name, why);
    else
        console_line(w->console, "adit: %s cannot be reached (%s): requests get 502 until it can",
                     w->name, why);
}

static void mark_down(struct service_watch *w, int error)
{
    if (w->state != SERVICE_DOWN && !is_local_shortage(error)) {
        print_down(w, error);
        w->state = SERVICE_DOWN;
    }
    probe_later(w);
}

static void on_dialed(void *ctx, struct conn *c, int error)
{
    struct service_watch *w = ctx;
    w->dial = NULL;
    if (!c && w->target.tls_failure[0] && error != UV_ETIMEDOUT) {
        if (w->state != SERVICE_DOWN)
            print_tls_failure(w);
        w->state = SERVICE_DOWN;
        return;
    }
    if (!c) {
        mark_down(w, error);
        return;
    }
    conn_close(c, CONN_CLOSE_NOW);
    mark_up(w);
}

// The probe comes for nobody.
static void send_proxy_header(struct service_watch *w)
{
    static const struct client_address nobody;
    char header[PROXY_V1_MAX];
    size_t len = proxy_header_write(w->proxy_version, &nobody, w->target.port, header);
    dial_send_first(w->dial, header, len);
}

// On loopback the kernel's list of listeners tells, without a connection: a service that serves one
// connection at a time would take ours for a client. Of a certificate it does not tell.
static void probe(struct service_watch *w)
{
    bool over_tcp = !w->target.tls && !w->target.path[0];
    if (over_tcp && loopback_probe(w->target.host, w->target.port)) {
        mark_up(w);
        return;
    }
    w->dial = dial_start(w->loop, &w->target, on_dialed, w);
    if (!w->dial)
        probe_later(w);
    else if (w->proxy_version)
        send_proxy_header(w);
}

static bool could_not_connect(const struct exchange *x)
{
    return x->facts.refused && x->facts.sent_on_ns == 0 &&
           (x->facts.answer == ANSWER_UPSTREAM_REFUSED ||
            x->facts.answer == ANSWER_UPSTREAM_UNREACHABLE ||
            x->facts.answer == ANSWER_UPSTREAM_TLS || x->facts.answer == ANSWER_UPSTREAM_TIMEOUT);
}

// A failed exchange leads to a probe, which prints a line only if it fails too: a service that
// comes and goes all the time causes few lines.
static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct service_watch *w = ctx;
    (void)why;
    if (w->state == SERVICE_UP && could_not_connect(x)) {
        w->state = SERVICE_DOUBTFUL;
        w->wait_ms = SERVICE_PROBE_FIRST_MS;
        probe_later(w);
    } else if (w->state != SERVICE_UP && x->facts.status && x->facts.sent_on_ns > 0 &&
               !x->facts.refused) {
        mark_up(w);
    }
}

void service_watch_init(struct service_watch *w, struct loop *l, struct console *console,
                        const struct dial_target *target)
{
    *w = (struct service_watch){
        .loop = l, .console = console, .target = *target, .wait_ms = SERVICE_PROBE_FIRST_MS};
    dial_target_name(target, w->name);
    w->observer = (struct exchange_observer){.closed = on_closed, .ctx = w};
}

void service_watch_start(struct service_watch *w)
{
    probe(w);
}

void service_watch_deinit(struct service_watch *w)
{
    timeout_stop(&w->probe_timer);
    dial_cancel(w->dial);
    w->dial = NULL;
}
