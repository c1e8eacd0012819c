// SPDX-License-Identifier: MIT
#include "relay.h"
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/address.h"
#include "common/base/log.h"
#include "common/base/output.h"
#include "common/base/version.h"

enum {
    DEFAULT_PORT = 7080
};

static void on_accepted(const struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct relay *r = l->ctx;
    edge_set_accept(&r->edges, l, fd, peer);
}

static int listen_on(struct relay *r, const struct sockaddr_storage *addr)
{
    struct listener *listener = &r->listeners[r->listener_count];
    struct sockaddr_storage actual;
    char text[ADDRESS_TEXT_MAX];
    *listener = (struct listener){.accepted = on_accepted, .ctx = r};
    int error = listener_open(listener, &r->loop, addr, &actual);
    if (error)
        return error;
    r->listener_count++;
    if (r->first_port == 0)
        r->first_port = address_port(&actual);
    address_text(&actual, text);
    (void)printf("aditd: listening on http://%s\n", text);
    size_t len = strlen(r->listening);
    (void)snprintf(r->listening + len, sizeof(r->listening) - len, "%shttp://%s",
                   len > 0 ? ", " : "", text);
    return 0;
}

// Listens on both loopback addresses; a host without IPv6 has only the first.
static int listen_default(struct relay *r)
{
    struct sockaddr_storage v4;
    struct sockaddr_storage v6;
    (void)uv_ip4_addr("127.0.0.1", DEFAULT_PORT, (struct sockaddr_in *)&v4);
    (void)uv_ip6_addr("::1", DEFAULT_PORT, (struct sockaddr_in6 *)&v6);
    int error = listen_on(r, &v4);
    int error6 = error ? 0 : listen_on(r, &v6);
    if (error6 == UV_EADDRNOTAVAIL || error6 == UV_EAFNOSUPPORT)
        error6 = 0;
    return error ? error : error6;
}

__attribute__((format(printf, 2, 3))) static const char *message(struct relay *r,
                                                                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->message, sizeof(r->message), format, args);
    va_end(args);
    return r->message;
}

static const char *open_listeners(struct relay *r)
{
    struct sockaddr_storage addrs[LIMIT_LISTENERS];
    const struct relay_config *config = &r->config;
    bool all_loopback = true;
    for (size_t i = 0; i < config->listen_count; i++) {
        if (!address_parse(config->listen[i], &addrs[i]))
            return message(r, "--listen %s is not an ADDR:PORT", config->listen[i]);
        all_loopback = all_loopback && address_is_loopback(&addrs[i]);
    }
    if (!config->token[0] && !(all_loopback && strcmp(config->domain, "localhost") == 0))
        return "without a token anyone could open tunnels: pass --token-file FILE, or listen on "
               "loopback only with domain localhost";
    int error = config->listen_count == 0 ? listen_default(r) : 0;
    if (error)
        return message(r, "cannot listen on port 7080 of loopback: %s%s", uv_strerror(error),
                       relay_listen_advice(error));
    for (size_t i = 0; i < config->listen_count; i++) {
        error = listen_on(r, &addrs[i]);
        if (error)
            return message(r, "cannot listen on %s: %s%s", config->listen[i], uv_strerror(error),
                           relay_listen_advice(error));
    }
    return NULL;
}

// Reads the token file again. The new token holds for new agents; connected ones stay. Nothing else
// needs reloading: the recorder notices by itself that its file was moved, and standard error is
// reopened by its reader.
static void reload(struct relay *r)
{
    char token[SECRET_MAX];
    char *now = r->config.token;
    struct stat st;
    if (!r->config.token_file) {
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
    recorder_set_token(r->recorder, now);
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
        reload(r);
        return;
    }
    log_info("stopping: signal %d, %zu tunnels, %zu visitors' connections", number, r->agents.count,
             r->edges.count);
    loop_stop(&r->loop);
}

// Chains the observers of exchanges: the recorder, the log, the agents.
static const char *begin_recording(struct relay *r)
{
    r->reporter = (struct exchange_observer){
        .closed = agents_report, .wants_digests = agents_want_digests, .ctx = &r->agents};
    r->edges.observer = relay_log_observer(&r->log, &r->reporter);
    if (r->config.record.level == EXCHANGE_RECORD_NONE)
        return NULL;
    r->config.record.token = r->config.token;
    r->recorder = recorder_new(&r->loop, &r->config.record);
    if (!r->recorder)
        return "cannot start a thread to record exchanges";
    r->agents.recorder = r->recorder;
    r->front.recorder = r->recorder;
    recorder_observer(r->recorder)->next = r->edges.observer;
    r->edges.observer = recorder_observer(r->recorder);
    return NULL;
}

static void on_given_up(const struct route *route, const char *why)
{
    struct relay *r = container_of(route->table, struct relay, routes);
    relay_log_tunnel(&r->log, LOG_INFO, "name %s given up: %s", route->name, why);
}

// Whether a proxy on this machine forwards to us without naming its clients: all listeners are on
// loopback, yet there is a public URL and no trusted proxy.
static bool has_silent_proxy(const struct relay *r)
{
    bool loopback = true;
    for (size_t i = 0; i < r->config.listen_count; i++) {
        struct sockaddr_storage addr;
        loopback =
            loopback && address_parse(r->config.listen[i], &addr) && address_is_loopback(&addr);
    }
    return loopback && r->config.public_host[0] && !r->edges.trusted;
}

static void url_of(void *ctx, const char *name, char *out, size_t cap)
{
    const struct relay *r = ctx;
    const struct relay_config *c = &r->config;
    unsigned port = c->public_port ? c->public_port : r->first_port;
    bool standard = port == (strcmp(c->scheme, "https") == 0 ? 443 : 80);
    char suffix[8] = "";
    if (!standard)
        (void)snprintf(suffix, sizeof(suffix), ":%u", port);
    (void)snprintf(out, cap, "%s://%s.%s%s", c->scheme, name, c->domain, suffix);
}

// Connects the parts, none of which knows the relay.
static void compose(struct relay *r)
{
    const struct relay_config *c = &r->config;
    r->log.loop = &r->loop;
    r->agents = (struct agents){.loop = &r->loop,
                                .routes = &r->routes,
                                .log = &r->log,
                                .reserved = &c->reserved,
                                .domain = c->domain,
                                .url_of = url_of,
                                .ctx = r};
    r->front = (struct front){.loop = &r->loop,
                              .edges = &r->edges,
                              .routes = &r->routes,
                              .agents = &r->agents,
                              .log = &r->log,
                              .domain = c->domain,
                              .token = c->token,
                              .filters = &r->filters};
    body_limit_add(&r->body_limit, c->limits.body_bytes, &r->filters);
    forward_init(&r->forward, r->loop_id);
    filter_chain_add(&r->filters, &r->forward.filter);
    r->edges = (struct edge_set){.loop = &r->loop,
                                 .handler = front_handler(&r->front),
                                 .scheme = c->scheme,
                                 .trusted = c->trusted.count > 0 ? &c->trusted : NULL,
                                 .shared_domain = c->domain};
}

// Sets ids, and seeds of hashes that clients must not be able to guess.
static bool take_randomness(struct relay *r)
{
    uint64_t exchange_seed = 0;
    uint64_t routes_seed = 0;
    if (!secret_random_hex(r->id, 8) || !secret_random(&exchange_seed, sizeof(exchange_seed)) ||
        !secret_random(&routes_seed, sizeof(routes_seed)) ||
        !secret_random(&r->agents.seed, sizeof(r->agents.seed)) ||
        !secret_random(&r->front.failures.seed, sizeof(r->front.failures.seed)) ||
        !secret_random(&r->edges.admission.shares.seed, sizeof(r->edges.admission.shares.seed)) ||
        !secret_random(&r->edges.proxied.seed, sizeof(r->edges.proxied.seed)))
        return false;
    r->agents.waiting_of.seed = r->agents.seed;
    exchange_ids_init(&r->edges.ids, exchange_seed);
    routes_init(&r->routes, &r->loop, routes_seed);
    forward_loop_id(r->loop_id, r->id);
    return true;
}

const char *relay_start(struct relay *r, const struct relay_config *config)
{
    *r = (struct relay){.config = *config};
    if (loop_init(&r->loop))
        return "cannot make an event loop";
    r->loop.limits = config->limits;
    admission_fit_files(&r->loop.limits, 1, true);
    compose(r);
    if (!take_randomness(r))
        return "the system gives no random bytes";
    r->routes.given_up = on_given_up;
    signals_watch(&r->signals, &r->loop, on_signal, r);
    name_store_open(&r->names, &r->routes, r->config.record.dir);
    const char *why = open_listeners(r);
    if (!why && has_silent_proxy(r))
        log_warn("proxy: all visitors will look like one address, that of the proxy in front of "
                 "the relay: none of them has a share of its own. Let the proxy send "
                 "X-Forwarded-For and X-Forwarded-Proto, and pass --trusted-proxy loopback");
    return why ? why : begin_recording(r);
}

void relay_run(struct relay *r)
{
    output_line(stdout, "aditd: ready, domain %s", r->config.domain);
    (void)fflush(stdout);
    log_info("started: version %s, pid %ld, domain %s, %s, listening on %s, state in %s",
             adit_version(), (long)getpid(), r->config.domain,
             r->config.token[0] ? "with a token" : "without a token", r->listening,
             r->config.record.dir);
    loop_run(&r->loop);
}

void relay_stop(struct relay *r)
{
    if (!r->loop.read_buffer)
        return; // relay_start had no loop
    for (size_t i = 0; i < r->listener_count; i++)
        listener_close(&r->listeners[i]);
    name_store_close(&r->names); // while the agents still have their names
    agents_leave(&r->agents);
    edge_set_close(&r->edges);
    conn_flush_closing(&r->loop, LIMIT_LEAVE_RELAY_MS); // the agents' reports come meanwhile
    agents_close(&r->agents);
    recorder_free(r->recorder);
    relay_log_flush(&r->log);
    loop_run_once(&r->loop);
    conn_close_all(&r->loop);
    routes_deinit(&r->routes);
    token_failures_deinit(&r->front.failures);
    signals_close(&r->signals);
    loop_deinit(&r->loop);
    secret_wipe(r->config.token, sizeof(r->config.token));
}
