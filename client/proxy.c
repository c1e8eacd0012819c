// SPDX-License-Identifier: MIT
#include "proxy.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "client/display/display.h"
#include "common/base/address.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/exchange/body_limit.h"
#include "common/exchange/forward.h"
#include "common/inbound/edge_set.h"
#include "common/io/listener.h"
#include "common/io/signals.h"

enum {
    FILES_PER_VISITOR = 2, // the visitor's connection, and one to the service
    PORT_TRIES = LIMIT_LISTENERS - 1
};

struct proxy {
    struct loop loop;
    struct proxy_config config;
    struct display display;
    struct recorder *recorder; // NULL: nothing is recorded
    struct upstream upstream;
    struct body_limit body_limit;
    struct forward forward;
    struct host_rewrite host_rewrite;
    struct filter_chain filters;
    struct edge_set edges;
    struct signals signals;
    struct listener listeners[LIMIT_LISTENERS];
    size_t listener_count;
    char loop_id[FORWARD_LOOP_ID_MAX];
};

static void on_request(void *ctx, struct exchange *x, struct http_head *head,
                       const struct body_framing *framing)
{
    struct proxy *p = ctx;
    outbound_forward(&p->upstream.outbound, &p->filters, x, head, framing);
}

static void on_accepted(const struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct proxy *p = l->ctx;
    edge_set_accept(&p->edges, l, fd, peer);
}

static int listen_on(struct proxy *p, const struct sockaddr_storage *addr,
                     struct sockaddr_storage *actual)
{
    struct listener *l = &p->listeners[p->listener_count];
    *l = (struct listener){.accepted = on_accepted, .ctx = p};
    int error = listener_open(l, &p->loop, addr, actual);
    if (!error)
        p->listener_count++;
    return error;
}

// Listens on ::1 too. Success on a host without IPv6.
static int listen_on_v6(struct proxy *p, uint16_t port)
{
    struct sockaddr_storage addr;
    struct sockaddr_storage actual;
    (void)address_parse_host("::1", port, &addr);
    int error = listen_on(p, &addr, &actual);
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
        error = listen_on(p, &addr, actual);
        if (error)
            return error;
        error = listen_on_v6(p, address_port(actual));
        if (p->config.port != 0)
            return error;
        if (error)
            listener_close(&p->listeners[p->listener_count - 1]);
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

// Listens, and prints where. False: an error was logged.
static bool start_listening(struct proxy *p)
{
    const struct proxy_config *c = &p->config;
    struct sockaddr_storage addr;
    struct sockaddr_storage actual;
    char at[ADDRESS_TEXT_MAX];
    char to[SERVICE_URL_MAX];
    (void)address_parse_host(c->host ? c->host : "127.0.0.1", c->port, &addr);
    int error = c->host ? listen_on(p, &addr, &actual) : listen_on_loopback(p, &actual);
    if (c->host)
        address_text(error ? &addr : &actual, at);
    else
        (void)snprintf(at, sizeof(at), "localhost:%u", error ? c->port : address_port(&actual));
    if (error) {
        log_error("cannot listen on %s: %s%s", at, uv_strerror(error), advice(error));
        return false;
    }
    if (!address_is_loopback(&actual))
        log_warn("anyone who can reach this machine can reach the service, because of --host");
    service_url(&c->service, to);
    console_line(&p->display.console, "adit: http://%s -> %s", at, to);
    return true;
}

static bool begin_recording(struct proxy *p)
{
    if (p->config.record.level == EXCHANGE_RECORD_NONE)
        return true;
    p->recorder = recorder_new(&p->loop, &p->config.record);
    if (!p->recorder) {
        log_error("cannot start a thread to record exchanges");
        return false;
    }
    recorder_observer(p->recorder)->next = p->display.observer;
    p->edges.observer = recorder_observer(p->recorder);
    return true;
}

static void on_signal(void *ctx, int number)
{
    struct proxy *p = ctx;
    if (number == SIGUSR1)
        display_table(&p->display);
    else
        loop_stop(&p->loop);
}

static void add_filters(struct proxy *p)
{
    body_limit_add(&p->body_limit, p->loop.limits.body_bytes, &p->filters);
    forward_init(&p->forward, p->loop_id);
    filter_chain_add(&p->filters, &p->forward.filter);
    service_add_filter(&p->config.service, &p->upstream, &p->host_rewrite, &p->filters);
}

static int proxy_init(struct proxy *p, const struct proxy_config *config)
{
    uint64_t seed = 0;
    char id[FORWARD_ID_DIGITS + 1];
    *p = (struct proxy){.config = *config};
    if (!secret_random(&seed, sizeof(seed)) || !secret_random_hex(id, FORWARD_ID_DIGITS / 2))
        return UV_EIO;
    int error = loop_init(&p->loop);
    if (error)
        return error;
    if (!display_init(&p->display, &p->loop, &config->service.target, config->print_bodies))
        return UV_ENOMEM;
    p->loop.limits = config->limits;
    admission_fit_files(&p->loop.limits, FILES_PER_VISITOR, false);
    forward_loop_id(p->loop_id, id);
    service_init(&p->config.service, &p->upstream, &p->loop);
    add_filters(p);
    p->edges = (struct edge_set){.loop = &p->loop,
                                 .handler = {.request = on_request, .ctx = p},
                                 .scheme = "http",
                                 .observer = p->display.observer};
    if (config->trusted.count > 0)
        p->edges.trusted = &p->config.trusted;
    exchange_ids_init(&p->edges.ids, seed);
    signals_watch(&p->signals, &p->loop, on_signal, p);
    return 0;
}

static void proxy_deinit(struct proxy *p, int status)
{
    for (size_t i = 0; i < p->listener_count; i++)
        listener_close(&p->listeners[i]);
    edge_set_close(&p->edges);
    upstream_deinit(&p->upstream);
    display_stop(&p->display);
    recorder_free(p->recorder);
    loop_run_once(&p->loop); // the last bytes leave
    conn_close_all(&p->loop);
    bool settled = loop_settle(&p->loop);
    if (p->display.path_stats.exchanges > 0)
        display_table(&p->display);
    display_deinit(&p->display);
    if (!settled) {
        // A thread is inside getaddrinfo, which cannot be cancelled: the loop and exit() would
        // wait.
        log_end();
        _exit(status);
    }
    signals_close(&p->signals);
    loop_deinit(&p->loop);
}

int proxy_run(const struct proxy_config *config)
{
    struct proxy *p = calloc(1, sizeof(*p));
    int error = p ? proxy_init(p, config) : UV_ENOMEM;
    if (error) {
        log_error("cannot start: %s", uv_strerror(error));
        log_end();
        _exit(EXIT_FAILURE); // threads may be running: free nothing
    }
    int status = start_listening(p) && begin_recording(p) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (status == EXIT_SUCCESS) {
        display_begin(&p->display, p->recorder != NULL, p->config.data);
        loop_run(&p->loop);
    }
    proxy_deinit(p, status);
    free(p);
    return status;
}
