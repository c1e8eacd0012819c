// SPDX-License-Identifier: MIT
#include "agent.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/tunnel/tunnel_stream.h"
#include "proto/http/fields.h"
#include "proto/tunnel/private_fields.h"
#include "proto/tunnel/spelling.h"

enum {
    TICK_MS = TUNNEL_TICK_MS,
    BIND_ID = 1,
    RETRY_FIRST_MS = 500,
    RETRY_LOST_MS = 1500, // instead, when the link was there
    RETRY_LEAST_MS = 100,
    RETRY_MAX_MS = 32000,
    RETRY_DOUBLINGS = 9 // of RETRY_LEAST_MS are more than RETRY_MAX_MS
};

static void connect_now(struct agent *a);

static void stop(struct agent *a, int status)
{
    a->exit_status = status;
    loop_stop(&a->loop);
}

static void on_bury(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, bury);
    tunnel_free(a->dead_tunnel);
    a->dead_tunnel = NULL;
}

static void on_retry(uv_timer_t *timer)
{
    connect_now(timer->data);
}

// Full jitter under a bound that doubles, so that a thousand agents don't come back at once
// (docs/protocol.md §2); behind the time before which the relay does not want us.
static void retry_later(struct agent *a, uint32_t first_ms, uint32_t not_before_ms)
{
    uint32_t random = 0;
    uint32_t bound = RETRY_MAX_MS;
    if (a->failures == 0)
        a->retry_ms = first_ms;
    if (a->failures < RETRY_DOUBLINGS && a->retry_ms << a->failures < bound)
        bound = a->retry_ms << a->failures;
    if (!secret_random(&random, sizeof(random)))
        random = bound - 1; // late is better than at once, over and over
    a->failures++;
    if (not_before_ms > RETRY_MAX_MS)
        not_before_ms = RETRY_MAX_MS;
    uint32_t chosen = not_before_ms + random % bound;
    log_debug("connecting again in %u ms, of %u, not before %u", (unsigned)chosen,
              (unsigned)(not_before_ms + bound), (unsigned)not_before_ms);
    (void)uv_timer_start(&a->retry, on_retry, chosen, 0);
}

// The bound of the first retry. What the relay says is heeded in reason.
static uint32_t first_retry(const struct link_end *end)
{
    if (!end->was_up)
        return RETRY_FIRST_MS;
    if (end->retry_ms == 0 || end->retry_ms > RETRY_MAX_MS)
        return RETRY_LOST_MS;
    return end->retry_ms < RETRY_LEAST_MS ? RETRY_LEAST_MS : end->retry_ms;
}

// The tunnel of a link that is gone: its exchanges end with it.
static void drop_tunnel(struct agent *a)
{
    struct tunnel *t = a->tunnel;
    a->tunnel = NULL;
    a->put_off = a->breach = a->answered = false;
    timeout_stop(&a->tick);
    timeout_stop(&a->bind_limit);
    if (!t)
        return;
    mux_lose(tunnel_mux(t));
    tunnel_free(a->dead_tunnel);
    a->dead_tunnel = t;
    loop_queue(&a->loop, &a->bury);
}

// Ends the link ourselves, and comes back later.
static void leave_link(struct agent *a, enum link_close_code code)
{
    link_close(a->link, code);
    a->link = NULL;
    drop_tunnel(a);
    retry_later(a, RETRY_FIRST_MS, 0);
}

static void drop_link(struct agent *a, const char *why)
{
    log_warn("the tunnel to the relay %s is lost: %s; connecting again", a->config.relay_url, why);
    leave_link(a, LINK_CLOSE_GOES_AWAY);
}

// The same for an error of the tunnel.
static void drop_link_for(struct agent *a, int error)
{
    char text[OUTAGE_TEXT_MAX];
    bool silent = error == TUNNEL_E_SILENT || error == TUNNEL_E_MEMORY || error == TUNNEL_E_FULL;
    outage_lost(text, a->config.relay_url, error, tunnel_detail(a->tunnel));
    log_warn("%s", text);
    leave_link(a, silent ? LINK_CLOSE_GOES_AWAY : LINK_CLOSE_BREACH);
}

static void tell_outage(struct agent *a, const char *text)
{
    if (outage_is_news(&a->outage, text, loop_now_ms(&a->loop)))
        log_warn("%s", text);
}

static void wake(void *ctx)
{
    struct agent *a = ctx;
    loop_queue(&a->loop, &a->flush);
}

static void on_flush(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, flush);
    uint8_t *scratch = (uint8_t *)a->loop.scratch;
    while (a->link && a->tunnel && link_ready(a->link)) {
        int n = tunnel_send(a->tunnel, scratch, TUNNEL_MESSAGE_MAX);
        if (n < 0)
            drop_link_for(a, n);
        if (n <= 0)
            return;
        if (!link_send(a->link, scratch, (size_t)n))
            return;
    }
}

static void say(struct agent *a, const struct control_message *message)
{
    (void)tunnel_say(a->tunnel, message);
    wake(a);
}

static void on_tick(struct timeout *t)
{
    struct agent *a = container_of(t, struct agent, tick);
    int error = tunnel_tick(a->tunnel, loop_now_ms(&a->loop));
    if (error) {
        drop_link_for(a, error);
        return;
    }
    timeout_start(&a->loop, &a->tick, TICK_MS, on_tick);
    if (tunnel_wants_send(a->tunnel))
        wake(a);
}

static void on_bind_limit(struct timeout *t)
{
    drop_link(container_of(t, struct agent, bind_limit), "the relay gave no name in time");
}

static void bind_name(struct agent *a)
{
    struct control_message bind = {.type = CONTROL_BIND, .id = BIND_ID};
    memcpy(bind.name, a->config.name, sizeof(bind.name));
    say(a, &bind);
}

// Whether the URL is the one that was asked for; another host would be a surprise for whoever it
// was given to.
static bool is_wanted(struct agent *a, const char *url)
{
    char text[PUBLIC_TEXT_MAX];
    enum public_match match = public_name_compare(&a->config.wanted, url, text);
    if (match == PUBLIC_SAME || a->was_bound)
        return true;
    if (match == PUBLIC_OTHER_WAY) {
        log_warn("%s", text);
        return true;
    }
    log_error("%s", text);
    stop(a, EXIT_FAILURE);
    return false;
}

static void on_bound(struct agent *a, const struct control_message *bound)
{
    char to[SERVICE_URL_MAX];
    a->failures = 0;
    timeout_stop(&a->bind_limit);
    if (!is_wanted(a, bound->url))
        return;
    if (!a->config.name[0]) // the one it was given is its own from now on
        memcpy(a->config.name, bound->name, sizeof(a->config.name));
    const char *how = a->was_bound ? "connected again, " : "";
    service_url(&a->config.service, to);
    console_line(&a->display.console, "adit: %s%s -> %s", how, bound->url, to);
    if (!a->was_bound)
        display_begin(&a->display, a->recorder != NULL, a->config.data);
    a->was_bound = true;
    a->token_refused = false;
    outage_end(&a->outage);
}

// When a refusal ends the agent.
enum finality {
    FINAL,          // whenever it comes
    FINAL_AT_START, // while somebody stands there who can do something about it
    PASSES          // never: what is full or short of something now will not be later
};

// When another agent of the same owner has taken the name over that is final, for two would take it
// from each other for ever. Somebody else may have the name for a while only, and so may an old
// link of our own that a relay does not know for ours.
static enum finality finality_of(const char *code)
{
    static const struct {
        const char *code;
        enum finality finality;
    } rows[] = {
        {"ADIT-BAD-NAME", FINAL},
        {"ADIT-BAD-OWNER", FINAL},
        {"ADIT-NAME-RESERVED", FINAL},
        {"ADIT-REPLACED", FINAL},
        {"ADIT-NAME-IN-USE", FINAL_AT_START},
        {"ADIT-TOO-MANY-NAMES", PASSES},
        {"ADIT-BUSY", PASSES},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].finality;
    return FINAL_AT_START;
}

static void on_refused(struct agent *a, const struct control_message *refused)
{
    char text[OUTAGE_TEXT_MAX];
    enum finality finality = finality_of(refused->code);
    if (finality == FINAL || (finality == FINAL_AT_START && !a->was_bound)) {
        log_error("%s (%s)", refused->message, refused->code);
        stop(a, EXIT_FAILURE);
        return;
    }
    const char *name = a->config.name[0] ? a->config.name : "that it chooses";
    (void)snprintf(text, sizeof(text),
                   "the relay refuses the name %s for now: %s (%s). Trying again", name,
                   refused->message, refused->code);
    tell_outage(a, text);
    a->put_off = true; // the tunnel is on the stack
}

// Whether it answers the one bind of this tunnel: with the name that was asked for, if one was, and
// once; and it may be refused behind that, when the name is taken away.
static bool answers_bind(const struct agent *a, const struct control_message *message)
{
    if (message->type != CONTROL_BOUND && message->type != CONTROL_REFUSED)
        return true;
    if (message->id == 0 && message->type == CONTROL_REFUSED)
        return true; // the tunnel itself
    if (message->id != BIND_ID)
        return false;
    bool named = a->config.name[0] != 0;
    return message->type == CONTROL_REFUSED ||
           (!a->answered &&
            (!named || slice_ieq(slice_str(a->config.name), slice_str(message->name))));
}

static void on_control(void *ctx, const struct control_message *message)
{
    struct agent *a = ctx;
    if (!answers_bind(a, message)) {
        a->breach = true; // the tunnel is on the stack
        return;
    }
    a->answered = a->answered || message->type == CONTROL_BOUND;
    switch (message->type) {
    case CONTROL_WELCOME: bind_name(a); return;
    case CONTROL_BOUND: on_bound(a, message); return;
    case CONTROL_REFUSED: on_refused(a, message); return;
    case CONTROL_DRAIN: log_info("the relay will stop: %s", message->message); return;
    case CONTROL_HELLO:
    case CONTROL_BIND: return;
    }
}

// The values of the private fields of a request.
struct private_words {
    struct slice id;  // of the exchange; empty: not said
    uint64_t inbound; // of struct exchange
};

// Takes that out of a head, if the relay may say all of it.
static bool take_private(struct http_head *request, struct private_words *said)
{
    *said = (struct private_words){0};
    if (!private_fields_check(request, PRIVATE_REQUEST))
        return false;
    const struct field *id = head_find(request, SLICE("adit-id"));
    const struct field *visitor = head_find(request, SLICE("adit-visitor"));
    if (id)
        said->id = id->value;
    if (visitor)
        (void)private_number(visitor->value, &said->inbound);
    return true;
}

// A request has come through the tunnel: an exchange between its stream and the upstream.
static void on_request(void *ctx, struct mux_stream *s, struct http_head *request, bool end)
{
    struct agent *a = ctx;
    struct body_framing framing;
    struct private_words said;
    bool sound = !fields_check(request) && tunnel_stream_framing(request, end, &framing) &&
                 take_private(request, &said) && spelling_take(request);
    private_fields_drop(request);
    struct tunnel_stream *e = sound ? tunnel_stream_inbound(&a->loop, s, wake, a) : NULL;
    struct exchange *x = e ? exchange_new(&e->endpoint, request, a->observers) : NULL;
    if (!x) {
        mux_set_user(s, NULL);
        mux_reset(s, MUX_RESET_REFUSED);
        if (e)
            tunnel_stream_discard(e);
        wake(a);
        return;
    }
    if (said.id.len > 0)
        memcpy(x->info.id, said.id.p, EXCHANGE_ID_LEN);
    else
        exchange_id_next(&a->ids, (uint64_t)x->info.begun_wall_ns / 1000000, x->info.id);
    x->info.tunnel = a->config.name;
    x->info.tunnel_id = a->tunnel_number;
    x->info.inbound_id = said.inbound;
    if (!upstream_attach(&a->upstream, x))
        exchange_answer(x, ANSWER_BUSY);
    else
        exchange_head(&e->endpoint, request, &framing);
    if (end && e->endpoint.x)
        exchange_finish(&e->endpoint, NULL);
}

static void on_exchange_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct agent *a = ctx;
    struct report report;
    if (!a->tunnel || x->info.tunnel_id != a->tunnel_number)
        return;
    exchange_report(x, why, &report);
    tunnel_report(a->tunnel, &report);
    wake(a);
}

static void on_report(void *ctx, const struct report *report)
{
    struct agent *a = ctx;
    recorder_report(a->recorder, a->tunnel_number, report);
}

static const struct tunnel_handler handler = {
    .mux = {on_request, tunnel_stream_on_data, tunnel_stream_on_end, tunnel_stream_on_drained,
            tunnel_stream_on_closed, NULL},
    .control = on_control,
    .report = on_report,
};

static void on_link_up(void *ctx)
{
    struct agent *a = ctx;
    struct control_message hello = {.type = CONTROL_HELLO, .version = CONTROL_VERSION};
    (void)snprintf(hello.features, sizeof(hello.features), "%s",
                   a->recorder ? "owner,reports" : "owner");
    a->tunnel_number++;
    log_debug("connected to the relay, asking for a name");
    const struct tunnel_config config = {.role = TUNNEL_AGENT};
    a->tunnel = tunnel_new(&config, &handler, a, loop_now_ms(&a->loop));
    if (!a->tunnel) {
        drop_link(a, "out of memory");
        return;
    }
    (void)snprintf(hello.software, sizeof(hello.software), "adit %s", ADIT_VERSION);
    memcpy(hello.owner, a->config.owner, sizeof(hello.owner));
    memcpy(hello.before, a->config.before, sizeof(hello.before));
    memcpy(hello.record, a->config.relay_record, sizeof(hello.record));
    say(a, &hello);
    timeout_start(&a->loop, &a->tick, TICK_MS, on_tick);
    timeout_start(&a->loop, &a->bind_limit, a->loop.limits.hello_ms, on_bind_limit);
}

static bool on_link_received(void *ctx, const uint8_t *bytes, size_t len, bool last)
{
    struct agent *a = ctx;
    int error = a->tunnel ? tunnel_recv(a->tunnel, bytes, len, last) : TUNNEL_E_PIPE;
    if (error && a->tunnel)
        drop_link_for(a, error);
    else if (error)
        drop_link(a, "the relay spoke too early");
    else if (a->breach)
        drop_link_for(a, TUNNEL_E_HELLO);
    else if (a->put_off)
        leave_link(a, LINK_CLOSE_GOES_AWAY);
    else
        wake(a);
    return a->link != NULL;
}

// The token is wrong; or, if the relay has let us in with it, was changed there: then it will be
// changed here too.
static void on_unauthorized(struct agent *a, const struct link_end *end)
{
    char text[OUTAGE_TEXT_MAX];
    const char *url = a->config.relay_url;
    if (!a->was_bound) {
        log_error(
            "the relay %s %s (ADIT-UNAUTHORIZED)", url,
            a->config.relay.token[0]
                ? "does not accept this token: compare --token-file or ADIT_TOKEN with its own"
                : "wants a token: pass it with --token-file FILE or ADIT_TOKEN");
        stop(a, EXIT_FAILURE);
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "the relay %s does not accept this token any more (ADIT-UNAUTHORIZED): %s. "
                   "Trying again",
                   url,
                   a->config.token_file ? "put its new one into the file given with --token-file"
                                        : "start adit again with its new one");
    tell_outage(a, text);
    a->token_refused = true;
    retry_later(a, RETRY_FIRST_MS, end->not_before_ms);
}

static void on_link_down(void *ctx, const struct link_end *end)
{
    struct agent *a = ctx;
    char text[OUTAGE_TEXT_MAX];
    a->link = NULL;
    drop_tunnel(a);
    if (end->status == 401 && !end->at_proxy) {
        on_unauthorized(a, end);
        return;
    }
    outage_text(text, &a->config.relay, a->config.relay_url, end);
    tell_outage(a, text);
    retry_later(a, first_retry(end), end->not_before_ms);
}

static const struct link_ops link_ops = {on_link_up, on_link_received, wake, on_link_down};

// From a pipe a token comes once, and opening one may wait for ever.
static void read_token_again(struct agent *a)
{
    char token[SECRET_MAX];
    struct stat st;
    const char *path = a->config.token_file;
    if (path && !stat(path, &st) && S_ISREG(st.st_mode) && !secret_read_file(path, token))
        memcpy(a->config.relay.token, token, sizeof(token));
    secret_wipe(token, sizeof(token));
}

static void connect_now(struct agent *a)
{
    if (a->token_refused)
        read_token_again(a);
    const struct relay_proxy *proxy = &a->config.relay.proxy;
    log_debug("connecting to the relay %s%s%s", a->config.relay_url,
              proxy->used ? " through the proxy " : "", proxy->used ? proxy->url : "");
    a->link = link_open(a->links, &a->config.relay, &link_ops, a);
    if (a->link)
        return;
    tell_outage(a, "out of memory. Trying again");
    retry_later(a, RETRY_FIRST_MS, 0);
}

static void on_signal(void *ctx, int number)
{
    struct agent *a = ctx;
    if (number == SIGUSR1)
        display_table(&a->display);
    else
        stop(a, EXIT_SUCCESS);
}

static bool begin_recording(struct agent *a)
{
    a->reporter = (struct exchange_observer){
        .closed = on_exchange_closed, .ctx = a, .next = a->display.observer};
    a->observers = &a->reporter;
    if (a->config.record.level == EXCHANGE_RECORD_NONE)
        return true;
    a->config.record.never = a->config.relay.token;
    a->recorder = recorder_new(&a->loop, &a->config.record);
    if (!a->recorder)
        return false;
    recorder_observer(a->recorder)->next = a->observers;
    a->observers = recorder_observer(a->recorder);
    return true;
}

static int agent_init(struct agent *a, const struct agent_config *config)
{
    uint64_t seed = 0;
    *a = (struct agent){.config = *config, .flush.run = on_flush, .bury.run = on_bury};
    if (!secret_random(&seed, sizeof(seed)))
        return UV_EIO;
    exchange_ids_init(&a->ids, seed);
    int error = loop_init(&a->loop);
    if (error)
        return error;
    if (!display_init(&a->display, &a->loop, &config->service.target, config->print_bodies))
        return UV_ENOMEM;
    a->loop.limits = config->limits;
    service_init(&config->service, &a->upstream, &a->loop);
    signals_watch(&a->signals, &a->loop, on_signal, a);
    (void)uv_timer_init(&a->loop.uv, &a->retry);
    a->retry.data = a;
    if (!begin_recording(a))
        return UV_ENOMEM;
    a->links = link_context_new(&a->loop, &config->relay);
    return a->links ? 0 : UV_EMFILE; // which it does not tell, and most often is
}

static void agent_deinit(struct agent *a)
{
    link_close(a->link, LINK_CLOSE_LEAVES);
    a->link = NULL;
    drop_tunnel(a);
    tunnel_free(a->dead_tunnel);
    loop_unqueue(&a->loop, &a->bury);
    upstream_deinit(&a->upstream);
    display_stop(&a->display);
    uv_close((uv_handle_t *)&a->retry, NULL);
    recorder_free(a->recorder);
    loop_run_once(&a->loop);
    conn_close_all(&a->loop);
    link_context_free(a->links);
    secret_wipe((char *)&a->config.relay, sizeof(a->config.relay));
    bool settled = loop_settle(&a->loop);
    display_deinit(&a->display);
    if (!settled) {
        // getaddrinfo cannot be broken off, and both the loop and exit() would wait for its thread.
        log_end();
        _exit(a->exit_status);
    }
    signals_close(&a->signals);
    loop_deinit(&a->loop);
}

int agent_run(const struct agent_config *config)
{
    struct agent *a = calloc(1, sizeof(*a));
    int error = a ? agent_init(a, config) : UV_ENOMEM;
    if (error) {
        // A library that could not start may have left handles in the loop whose memory is gone,
        // and what has started may have threads: nothing may be run or freed any more.
        log_error("cannot start: %s", uv_strerror(error));
        log_end();
        _exit(EXIT_FAILURE);
    }
    connect_now(a);
    loop_run(&a->loop);
    agent_deinit(a);
    int status = a->exit_status;
    free(a);
    return status;
}
