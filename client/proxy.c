// SPDX-License-Identifier: MIT
// The proxy's parts, and the order in which they begin.
#include "proxy.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "client/display/display.h"
#include "client/display/service_watch.h"
#include "common/base/address.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/exchange/body_limit.h"
#include "common/exchange/forward.h"
#include "common/inbound/listeners.h"
#include "common/worker/worker.h"

enum {
    FILES_PER_VISITOR = 2, // the visitor's connection, and one to the service
    PORT_TRIES = LIMIT_LISTENERS - 1
};

struct proxy {
    struct worker worker;
    struct proxy_config config;
    struct display display;
    struct service_outbound outbound;
    struct body_limit body_limit;
    struct forward forward;
    struct host_rewrite host_rewrite;
    struct filter_chain filters;
    struct service_watch watch;
    struct edge_set edges;
    struct listeners listeners;
    char loop_id[FORWARD_LOOP_ID_MAX];
    char message[512]; // why it did not start
};

static void on_request(void *ctx, struct exchange *x, struct http_head *head,
                       const struct body_framing *framing)
{
    struct proxy *p = ctx;
    outbound_forward(p->outbound.outbound, &p->filters, x, head, framing);
}

// Listens on ::1 too. Success on a host without IPv6.
static int listen_on_v6(struct proxy *p, uint16_t port)
{
    struct sockaddr_storage addr;
    struct sockaddr_storage actual;
    (void)address_parse_host("::1", port, &addr);
    int error = listeners_add(&p->listeners, &addr, &actual);
    return error == UV_EADDRNOTAVAIL || error == UV_EAFNOSUPPORT ? 0 : error;
}

// Listens on both loopback addresses: a client that resolves "localhost" may take either. If any
// port will do, tries others until one is free on both.
static int listen_on_loopback(struct proxy *p, struct sockaddr_storage *actual)
{
    struct sockaddr_storage addr;
    int error = UV_EADDRINUSE;
    (void)address_parse_host("127.0.0.1", p->config.port, &addr);
    for (int i = 0; i < PORT_TRIES && error == UV_EADDRINUSE; i++) {
        error = listeners_add(&p->listeners, &addr, actual);
        if (error)
            return error;
        error = listen_on_v6(p, address_port(actual));
        if (p->config.port != 0)
            return error;
        if (error)
            listeners_close_last(&p->listeners);
    }
    return error;
}

static const char *advice(int error)
{
    switch (error) {
    case UV_EADDRINUSE:
        return ". Another program listens there: choose another port with --port PORT, or a free "
               "one with --port 0";
    case UV_EACCES: return ". Ports below 1024 are for root: choose another with --port PORT";
    case UV_EADDRNOTAVAIL: return ". --host must be an address of this machine";
    default: return "";
    }
}

// Listens, and prints where.
static const char *begin_listening(void *ctx)
{
    struct proxy *p = ctx;
    const struct proxy_config *c = &p->config;
    struct sockaddr_storage addr;
    struct sockaddr_storage actual;
    char at[ADDRESS_TEXT_MAX];
    char to[SERVICE_URL_MAX];
    (void)address_parse_host(c->host ? c->host : "127.0.0.1", c->port, &addr);
    int error =
        c->host ? listeners_add(&p->listeners, &addr, &actual) : listen_on_loopback(p, &actual);
    if (c->host)
        address_text(error ? &addr : &actual, at);
    else
        (void)snprintf(at, sizeof(at), "localhost:%u", error ? c->port : address_port(&actual));
    if (error) {
        listeners_close(&p->listeners);
        (void)snprintf(p->message, sizeof(p->message), "cannot listen on %s: %s%s", at,
                       uv_strerror(error), advice(error));
        return p->message;
    }
    if (!address_is_loopback(&actual))
        log_warn("anyone who can reach this machine can reach the service, because of --host");
    service_url(&c->service, to);
    console_line(&p->display.console, "adit: http://%s -> %s", at, to);
    return NULL;
}

static void on_signal(void *ctx, int number)
{
    struct proxy *p = ctx;
    if (number == SIGUSR1)
        display_table(&p->display);
    else
        loop_stop(&p->worker.loop);
}

static void add_filters(struct proxy *p)
{
    body_limit_add(&p->body_limit, p->worker.loop.limits.body_bytes, &p->filters);
    forward_init(&p->forward, p->loop_id);
    filter_chain_add(&p->filters, &p->forward.filter);
    service_add_filter(&p->config.service, &p->outbound, &p->host_rewrite, &p->filters);
}

static const char *begin_signals(void *ctx)
{
    struct proxy *p = ctx;
    signals_watch(&p->worker.signals, &p->worker.loop, on_signal, p);
    return NULL;
}

static const char *begin_display(void *ctx)
{
    struct proxy *p = ctx;
    bool ok = display_init(&p->display, &p->worker, p->config.print_bodies);
    return ok ? NULL : "cannot start: not enough memory";
}

static void end_display(void *ctx)
{
    struct proxy *p = ctx;
    if (p->display.path_stats.exchanges > 0)
        display_table(&p->display);
    display_deinit(&p->display);
}

static const char *begin_service(void *ctx)
{
    struct proxy *p = ctx;
    struct loop *loop = &p->worker.loop;
    service_init(&p->config.service, &p->outbound, loop);
    add_filters(p);
    service_watch_init(&p->watch, loop, &p->display.console, &p->config.service.target);
    p->watch.proxy_version = p->config.service.proxy_version;
    worker_observe(&p->worker, &p->watch.observer);
    return NULL;
}

static void end_service(void *ctx)
{
    struct proxy *p = ctx;
    service_deinit(&p->outbound);
    service_watch_deinit(&p->watch);
}

static const char *begin_clients(void *ctx)
{
    struct proxy *p = ctx;
    uint64_t seed = 0;
    char id[FORWARD_ID_DIGITS + 1];
    if (!secret_random(&seed, sizeof(seed)) || !secret_random_hex(id, FORWARD_ID_DIGITS / 2))
        return "cannot start: i/o error";
    forward_loop_id(p->loop_id, id);
    p->edges = (struct edge_set){
        .loop = &p->worker.loop, .handler = {.request = on_request, .ctx = p}, .scheme = "http"};
    if (p->config.trusted.count > 0)
        p->edges.trusted = &p->config.trusted;
    p->edges.proxy_protocol = p->config.proxy_protocol;
    exchange_ids_init(&p->edges.ids, seed);
    p->listeners.edges = &p->edges;
    return NULL;
}

static void end_clients(void *ctx)
{
    struct proxy *p = ctx;
    edge_set_close(&p->edges);
}

static void end_listening(void *ctx)
{
    struct proxy *p = ctx;
    listeners_close(&p->listeners);
}

static const char *begin_observing(void *ctx)
{
    struct proxy *p = ctx;
    if (!worker_record(&p->worker, &p->config.record))
        return "cannot start a thread to record exchanges";
    p->edges.observer = p->worker.observer;
    display_begin(&p->display, p->worker.recorder != NULL, p->config.data);
    if (!p->config.service.folder[0])
        service_watch_start(&p->watch);
    return NULL;
}

static const struct worker_part parts[] = {
    {begin_service, {[WORKER_ABORT] = end_service}},
    {begin_display, {[WORKER_FREE] = end_display}},
    {begin_signals, {0}},
    {begin_clients, {[WORKER_ABORT] = end_clients}},
    {begin_listening, {[WORKER_REFUSE] = end_listening}},
    {begin_observing, {0}},
};

static const char *begin(struct proxy *p)
{
    int error = worker_init(&p->worker, &p->config.limits);
    if (error) {
        (void)snprintf(p->message, sizeof(p->message), "cannot start: %s", uv_strerror(error));
        return p->message;
    }
    admission_fit_files(&p->worker.loop.limits, FILES_PER_VISITOR, false);
    return worker_begin(&p->worker, parts, sizeof(parts) / sizeof(parts[0]), p);
}

int proxy_run(const struct proxy_config *config)
{
    struct proxy *p = calloc(1, sizeof(*p));
    if (!p) {
        log_error("cannot start: not enough memory");
        return EXIT_FAILURE;
    }
    p->config = *config;
    const char *why = begin(p);
    if (why)
        log_error("%s", why);
    else
        worker_run(&p->worker);
    int status = why ? EXIT_FAILURE : EXIT_SUCCESS;
    worker_end(&p->worker, status);
    free(p);
    return status;
}
