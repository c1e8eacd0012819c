// SPDX-License-Identifier: MIT
// The relay's parts, what each of them uses, and the order in which they begin.
#include "relay.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "acme.h"
#include "agents.h"
#include "certificates.h"
#include "common/base/log.h"
#include "common/base/output.h"
#include "common/base/version.h"
#include "common/exchange/body_limit.h"
#include "common/exchange/forward.h"
#include "common/worker/worker.h"
#include "front.h"
#include "name_store.h"
#include "plain.h"
#include "public_urls.h"
#include "relay_listeners.h"
#include "relay_log.h"
#include "routes.h"

struct relay {
    struct worker worker;
    struct relay_config config;
    struct public_urls urls;
    struct acme acme;
    struct certificates certificates;
    struct relay_listeners listeners;
    struct edge_set edges;
    struct body_limit body_limit;
    struct forward forward;
    struct filter_chain filters; // of what goes to agents
    struct plain plain;
    struct front front;
    struct agents agents;
    struct routes routes;
    struct name_store names; // keeps the routes over a restart
    struct relay_log log;
    char id[FORWARD_ID_DIGITS + 1]; // of this run of the relay
    char loop_id[FORWARD_LOOP_ID_MAX];
};

// Reads the token file again. The new token holds for new agents; connected ones stay. But for
// certificates nothing else needs reloading: the recorder notices by itself that its file was
// moved, and standard error is reopened by its reader.
static void reload_token(struct relay *r)
{
    char token[SECRET_MAX];
    char *now = r->config.token;
    struct stat st;
    if (!r->config.token_file) {
        if (!relay_has_tls(&r->config))
            log_info("reload: there is no --token-file to read again");
        return;
    }
    // A pipe gives its token only once, and opening it may block.
    bool special = !stat(r->config.token_file, &st) && !S_ISREG(st.st_mode);
    const char *why =
        special ? "is not a regular file" : secret_read_file(r->config.token_file, token);
    if (why) {
        log_warn("reload: the file given with --token-file %s: the old token stays in force", why);
        return;
    }
    bool same = secret_equal(token, strlen(token), now, strlen(now));
    memcpy(now, token, sizeof(token));
    recorder_set_token(r->worker.recorder, now);
    secret_wipe(token, sizeof(token));
    log_info("reload: the file given with --token-file was read again: %s",
             same ? "the token is the same" : "a new token is in force");
}

static void on_signal(void *ctx, int number)
{
    struct relay *r = ctx;
    if (number == SIGUSR1)
        return; // the relay has no status to print
    if (number == SIGHUP) {
        reload_token(r);
        certificates_reload(&r->certificates);
        acme_hurry(&r->acme);
        return;
    }
    log_info("stopping: signal %d, %zu tunnels, %zu visitors' connections", number, r->agents.count,
             r->edges.count);
    loop_stop(&r->worker.loop);
}

static const char *begin_signals(void *ctx)
{
    struct relay *r = ctx;
    signals_watch(&r->worker.signals, &r->worker.loop, on_signal, r);
    return NULL;
}

static void on_given_up(void *ctx, const struct route *route, const char *why)
{
    relay_log_tunnel(ctx, LOG_INFO, "name %s given up: %s", route->name, why);
}

// Sets ids, and seeds of hashes that clients must not be able to guess.
static const char *begin_randomness(void *ctx)
{
    struct relay *r = ctx;
    uint64_t exchange_seed = 0;
    uint64_t routes_seed = 0;
    if (!secret_random_hex(r->id, 8) || !secret_random(&exchange_seed, sizeof(exchange_seed)) ||
        !secret_random(&routes_seed, sizeof(routes_seed)) ||
        !secret_random(&r->agents.seed, sizeof(r->agents.seed)) ||
        !secret_random(&r->front.failures.seed, sizeof(r->front.failures.seed)) ||
        !secret_random(&r->edges.admission.shares.seed, sizeof(r->edges.admission.shares.seed)) ||
        !secret_random(&r->edges.proxied.seed, sizeof(r->edges.proxied.seed)))
        return "the system gives no random bytes";
    r->agents.waiting_of.seed = r->agents.seed;
    exchange_ids_init(&r->edges.ids, exchange_seed);
    routes_init(&r->routes, &r->worker.loop, routes_seed);
    r->routes.given_up = on_given_up;
    r->routes.given_up_ctx = &r->log;
    forward_loop_id(r->loop_id, r->id);
    return NULL;
}

static void free_routes(void *ctx)
{
    struct relay *r = ctx;
    relay_log_flush(&r->log);
    agents_free(&r->agents);
    routes_deinit(&r->routes);
    token_failures_deinit(&r->front.failures);
}

static const char *begin_names(void *ctx)
{
    struct relay *r = ctx;
    name_store_open(&r->names, &r->routes, r->config.record.dir);
    return NULL;
}

static void end_names(void *ctx)
{
    struct relay *r = ctx;
    name_store_close(&r->names);
}

static void on_certificate(void *ctx)
{
    certificates_look(ctx);
}

static const char *begin_certificates(void *ctx)
{
    struct relay *r = ctx;
    const char *why = acme_begin(&r->acme);
    if (why)
        return why;
    if (r->config.acme.on)
        r->config.tls_dir = r->acme.certificates;
    return certificates_begin(&r->certificates, &r->config, r->config.record.dir);
}

static void stop_certificates(void *ctx)
{
    struct relay *r = ctx;
    acme_stop(&r->acme);
    certificates_stop(&r->certificates);
}

static void free_certificates(void *ctx)
{
    struct relay *r = ctx;
    certificates_free(&r->certificates);
}

static void end_acme(void *ctx)
{
    struct relay *r = ctx;
    acme_end(&r->acme);
}

static const char *begin_listening(void *ctx)
{
    struct relay *r = ctx;
    r->listeners.tls = r->certificates.tls;
    const char *why = relay_listeners_open(&r->listeners, &r->config);
    if (why)
        relay_listeners_close(&r->listeners);
    else if (r->config.dev_tls)
        certificates_explain(r->config.record.dir, r->config.domain, r->listeners.port);
    if (r->urls.port == 0)
        r->urls.port = r->listeners.port;
    bool named = r->config.public_host[0] && strcmp(r->urls.scheme, "https") == 0;
    r->plain.port = named ? r->urls.port : r->listeners.port;
    return why;
}

static void end_listening(void *ctx)
{
    struct relay *r = ctx;
    relay_listeners_close(&r->listeners);
}

static void leave_agents(void *ctx)
{
    struct relay *r = ctx;
    agents_leave(&r->agents);
}

static void close_agents(void *ctx)
{
    struct relay *r = ctx;
    agents_close(&r->agents);
}

static void abort_visitors(void *ctx)
{
    struct relay *r = ctx;
    edge_set_close(&r->edges);
}

// Whether a proxy on this machine forwards to us without naming its clients: all listeners are on
// loopback, yet there is a public URL and no trusted proxy.
static bool has_silent_proxy(const struct relay *r)
{
    return relay_listeners_are_loopback(&r->config) && r->config.public_host[0] &&
           !r->edges.trusted;
}

// Last: a relay that cannot listen leaves the record alone.
static const char *begin_observing(void *ctx)
{
    struct relay *r = ctx;
    if (has_silent_proxy(r))
        log_warn("proxy: all visitors will look like one address, that of the proxy in front of "
                 "the relay: none of them has a share of its own. Let the proxy send "
                 "X-Forwarded-For and X-Forwarded-Proto, and pass --trusted-proxy loopback");
    worker_observe(&r->worker, agents_observer(&r->agents));
    worker_observe(&r->worker, relay_log_observer(&r->log));
    r->config.record.token = r->config.token;
    if (!worker_record(&r->worker, &r->config.record))
        return "cannot start a thread to record exchanges";
    r->agents.recorder = r->worker.recorder;
    r->front.recorder = r->worker.recorder;
    r->edges.observer = r->worker.observer;
    acme_start(&r->acme); // the authority may come now
    return NULL;
}

static const struct worker_part parts[] = {
    {begin_randomness, {[WORKER_RELEASE] = free_routes}},
    {begin_signals, {0}},
    {NULL, {[WORKER_LEAVE] = leave_agents, [WORKER_CLOSE] = close_agents}},
    {NULL, {[WORKER_ABORT] = abort_visitors}},
    {begin_names, {[WORKER_LEAVE] = end_names}}, // while the agents still have their names
    {begin_certificates,
     {[WORKER_REFUSE] = stop_certificates,
      [WORKER_CLOSE] = end_acme,
      [WORKER_RELEASE] = free_certificates}},
    {begin_listening, {[WORKER_REFUSE] = end_listening}},
    {begin_observing, {0}},
};

// Gives the parts what they use. None of them knows the relay.
static void compose(struct relay *r)
{
    const struct relay_config *c = &r->config;
    struct loop *loop = &r->worker.loop;
    bool tls = relay_has_tls(c);
    r->urls = (struct public_urls){.scheme = tls && !c->public_host[0] ? "https" : c->scheme,
                                   .domain = c->domain,
                                   .port = c->public_port};
    r->certificates.loop = loop;
    r->acme = (struct acme){.config = &c->acme,
                            .loop = loop,
                            .domain = c->domain,
                            .data = c->record.dir,
                            .changed = on_certificate,
                            .ctx = &r->certificates};
    r->plain.dir = c->record.dir;
    r->plain.domain = c->domain;
    r->log.loop = loop;
    r->agents = (struct agents){.loop = loop,
                                .routes = &r->routes,
                                .log = &r->log,
                                .reserved = &c->reserved,
                                .urls = &r->urls};
    r->front = (struct front){.loop = loop,
                              .edges = &r->edges,
                              .routes = &r->routes,
                              .agents = &r->agents,
                              .log = &r->log,
                              .domain = c->domain,
                              .token = c->token,
                              .plain = tls ? &r->plain : NULL,
                              .filters = &r->filters};
    body_limit_add(&r->body_limit, c->limits.body_bytes, &r->filters);
    forward_init(&r->forward, r->loop_id);
    filter_chain_add(&r->filters, &r->forward.filter);
    r->edges = (struct edge_set){.loop = loop,
                                 .handler = front_handler(&r->front),
                                 .scheme = tls ? "http" : c->scheme,
                                 .trusted = c->trusted.count > 0 ? &c->trusted : NULL,
                                 .proxy_protocol = c->proxy_protocol,
                                 .shared_domain = c->domain};
    r->listeners.sockets.edges = &r->edges;
}

static const char *begin(struct relay *r)
{
    if (worker_init(&r->worker, &r->config.limits))
        return "cannot make an event loop";
    admission_fit_files(&r->worker.loop.limits, 1, true);
    r->worker.leave_ms = LIMIT_LEAVE_RELAY_MS;
    compose(r);
    return worker_begin(&r->worker, parts, sizeof(parts) / sizeof(parts[0]), r);
}

static void run(struct relay *r)
{
    output_line(stdout, "aditd: ready, domain %s", r->config.domain);
    (void)fflush(stdout);
    log_info("started: version %s, pid %ld, domain %s, %s, listening on %s, state in %s",
             adit_version(), (long)getpid(), r->config.domain,
             r->config.token[0] ? "with a token" : "without a token", r->listeners.urls,
             r->config.record.dir);
    worker_run(&r->worker);
}

int relay_run(const struct relay_config *config)
{
    struct relay *r = calloc(1, sizeof(*r));
    if (!r) {
        log_error("out of memory");
        return EXIT_FAILURE;
    }
    r->config = *config;
    const char *why = begin(r);
    int status = why ? EXIT_FAILURE : EXIT_SUCCESS;
    if (why)
        log_error("%s", why);
    else
        run(r);
    worker_end(&r->worker, status);
    secret_wipe(r->config.token, sizeof(r->config.token));
    free(r);
    return status;
}
