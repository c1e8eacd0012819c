// SPDX-License-Identifier: MIT
#include "front.h"
#include <stdio.h>
#include "agents.h"
#include "common/base/crypto.h"
#include "common/base/secret.h"
#include "common/base/version.h"
#include "common/exchange/outbound.h"
#include "common/inbound/edge_set.h"
#include "common/record/write/recorder.h"
#include "plain.h"
#include "proto/http/authority.h"
#include "proto/tunnel/websocket.h"
#include "relay_log.h"
#include "routes.h"

#define TUNNEL_PATH "/_adit/v1/tunnel"

// The host of an authority, without its port and the dot of a fully qualified name. An IPv6 address
// keeps its brackets.
static struct slice host_of(struct slice authority)
{
    struct authority a;
    if (authority_split(authority, &a))
        return authority;
    struct slice host = a.bracketed ? slice_of(authority.p, a.host.len + 2) : a.host;
    if (host.len > 1 && host.p[host.len - 1] == '.')
        host.len--;
    return host;
}

static bool is_address(struct slice host)
{
    bool digits = host.len > 0;
    for (size_t i = 0; i < host.len; i++)
        digits = digits && ((host.p[i] >= '0' && host.p[i] <= '9') || host.p[i] == '.');
    return digits || (host.len > 0 && host.p[0] == '[');
}

enum host_kind {
    HOST_RELAY,  // the domain itself, an address, or none
    HOST_TUNNEL, // NAME.domain
    HOST_OTHER
};

enum {
    HOST_MAX = 253 // characters of a name in DNS (RFC 1035 §2.3.4)
};

// Classifies a host; of HOST_TUNNEL, *name is the part before the domain.
static enum host_kind classify_host(const struct front *f, struct slice host, struct slice *name)
{
    struct slice domain = slice_str(f->domain);
    if (host.len == 0 || slice_ieq(host, domain) || is_address(host))
        return HOST_RELAY;
    if (host.len > HOST_MAX || host.len <= domain.len + 1 ||
        host.p[host.len - domain.len - 1] != '.')
        return HOST_OTHER;
    if (!slice_ieq(slice_of(host.p + host.len - domain.len, domain.len), domain))
        return HOST_OTHER;
    *name = slice_of(host.p, host.len - domain.len - 1);
    return HOST_TUNNEL;
}

// Unauthenticated clients learn that the relay runs, and no more.
static int write_health(const struct front *f, bool all, char *out, size_t cap)
{
    struct recorder_status record = {0};
    if (!all)
        return snprintf(out, cap, "{\"status\":\"ok\"}\n");
    if (f->recorder)
        recorder_status(f->recorder, &record);
    return snprintf(out, cap,
                    "{\"status\":\"ok\",\"version\":\"%s\",\"tunnels\":%zu,\"visitors\":%zu,"
                    "\"record\":\"%s\",\"shed\":%llu}\n",
                    adit_version(), f->agents->count, f->edges->count,
                    !f->recorder     ? "off"
                    : record.failing ? "failing"
                                     : "ok",
                    (unsigned long long)record.shed);
}

static void answer_health(const struct front *f, struct exchange *x, bool all)
{
    char body[240];
    char digits[8];
    char date[ANSWER_DATE_MAX];
    struct http_head head;
    head_init(&head);
    head.status = 200;
    head.reason = SLICE("OK");
    int len = write_health(f, all, body, sizeof(body));
    int digits_len = snprintf(digits, sizeof(digits), "%d", len);
    (void)head_add(&head, SLICE("Date"), answer_date(date));
    (void)head_add(&head, SLICE("Content-Type"), SLICE("application/json"));
    (void)head_add(&head, SLICE("Content-Length"), slice_of(digits, (size_t)digits_len));
    (void)head_add(&head, SLICE("Cache-Control"), SLICE("no-store"));
    exchange_respond(x, &head, slice_of(body, (size_t)len));
}

static bool is_authorised(const struct front *f, const struct http_head *head)
{
    const struct field *field = head_find(head, SLICE("authorization"));
    size_t want = strlen(f->token);
    if (want == 0)
        return true;
    if (!field || field->value.len < 7 || !slice_ieq(slice_of(field->value.p, 7), SLICE("bearer ")))
        return false;
    struct slice token = slice_trim(slice_of(field->value.p + 7, field->value.len - 7));
    return secret_equal(token.p, token.len, f->token, want);
}

enum credential {
    CREDENTIAL_GOOD,
    CREDENTIAL_BAD,
    CREDENTIAL_UNCHECKED // the address has failed too often
};

static enum credential check_token(struct front *f, const struct exchange *x,
                                   const struct http_head *head)
{
    const struct client_address *client = &x->facts.client;
    uint64_t now = loop_now_ms(f->loop);
    bool has_token = head_find(head, SLICE("authorization"));
    if (f->token[0] && token_failures_exceeded(&f->failures, client, now))
        return CREDENTIAL_UNCHECKED;
    if (is_authorised(f, head))
        return CREDENTIAL_GOOD;
    token_failures_add(&f->failures, client, now, has_token ? "a wrong token" : "no token");
    return CREDENTIAL_BAD;
}

static bool offers_subprotocol(const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice list = head->fields[i].value;
        struct slice element;
        if (!slice_ieq(head->fields[i].name, SLICE("sec-websocket-protocol")))
            continue;
        while (slice_next_element(&list, &element))
            if (slice_eq(element, SLICE("adit.v1")))
                return true;
    }
    return false;
}

// Completes the WebSocket handshake (RFC 6455 §4.2.2) and hands the connection to a new agent.
static void open_tunnel(struct front *f, struct exchange *x, const struct http_head *head)
{
    char input[60];
    char response[256];
    char accept[28];
    uint8_t sha1[CRYPTO_SHA1_BYTES];
    ws_accept_input(input, head_find(head, SLICE("sec-websocket-key"))->value);
    const struct client_address client = x->facts.client;
    struct conn *c = exchange_take(x);
    if (!c) {
        exchange_answer(x, ANSWER_UPGRADE_REQUIRED); // only HTTP/1.1 can be upgraded
        return;
    }
    if (!crypto_sha1(slice_of(input, sizeof(input)), sha1)) {
        conn_close(c, CONN_CLOSE_NOW);
        return;
    }
    ws_accept_value(accept, sha1);
    int len =
        snprintf(response, sizeof(response),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                 "Sec-WebSocket-Protocol: adit.v1\r\nSec-WebSocket-Accept: %.28s\r\n\r\n",
                 accept);
    if (conn_write(c, response, (size_t)len))
        agents_accept(f->agents, c, &client);
    else
        conn_close(c, CONN_CLOSE_NOW);
}

// NULL, or why a request is not the opening handshake of a tunnel, for the log.
static const char *why_no_handshake(const struct http_head *head, bool has_body)
{
    if (head_find(head, SLICE("origin")))
        return "it has an Origin, as browsers send it";
    if (!ws_is_handshake(head))
        return "it is no WebSocket handshake. A proxy in front of the relay must pass Upgrade on";
    if (has_body)
        return "its handshake has a body";
    return offers_subprotocol(head) ? NULL : "it does not offer the subprotocol adit.v1";
}

static void tunnel_endpoint(struct front *f, struct exchange *x, const struct http_head *head,
                            bool has_body)
{
    enum credential token = CREDENTIAL_BAD;
    const char *why = why_no_handshake(head, has_body);
    if (why)
        relay_log_handshake_refused(f->log, &x->facts.client, why);
    if (head_find(head, SLICE("origin")))
        exchange_answer(x, ANSWER_FORBIDDEN);
    else if (why)
        exchange_answer(x, ANSWER_UPGRADE_REQUIRED);
    else if ((token = check_token(f, x, head)) != CREDENTIAL_GOOD)
        exchange_answer(x, token == CREDENTIAL_BAD ? ANSWER_UNAUTHORIZED : ANSWER_SLOWED);
    else
        open_tunnel(f, x, head);
}

// Counts a wrong token as a failed attempt, but not a request without one.
static void health_page(struct front *f, struct exchange *x, const struct http_head *head)
{
    bool wants_details = !f->token[0] || head_find(head, SLICE("authorization"));
    enum credential token = wants_details ? check_token(f, x, head) : CREDENTIAL_BAD;
    if (token == CREDENTIAL_UNCHECKED)
        exchange_answer(x, ANSWER_SLOWED);
    else
        answer_health(f, x, token == CREDENTIAL_GOOD);
}

static struct slice path_of(const struct http_head *head)
{
    struct slice path = head->target;
    const char *query = memchr(path.p, '?', path.len);
    if (query)
        path.len = (size_t)(query - path.p);
    return path;
}

static void relay_page(struct front *f, struct exchange *x, const struct http_head *head,
                       bool has_body)
{
    struct slice path = path_of(head);
    // Lingering connections of closed agents use up files, too.
    if (f->edges->taken >= (size_t)f->loop->limits.tunnel_files + LIMIT_TAKEN_SPARE &&
        slice_eq(path, SLICE(TUNNEL_PATH))) {
        relay_log_handshake_refused(f->log, &x->facts.client,
                                    "there are no files left for more agents");
        exchange_answer(x, ANSWER_TOO_MANY);
    } else if (slice_eq(path, SLICE(TUNNEL_PATH))) {
        tunnel_endpoint(f, x, head, has_body);
    } else if (slice_eq(path, SLICE("/_adit/health"))) {
        health_page(f, x, head);
    } else {
        exchange_answer(x, ANSWER_NOT_FOUND);
    }
}

static bool brings_agent(void *ctx, const struct http_head *head)
{
    struct slice name;
    return classify_host(ctx, host_of(head->authority), &name) == HOST_RELAY &&
           slice_eq(path_of(head), SLICE(TUNNEL_PATH)) && ws_is_handshake(head) &&
           offers_subprotocol(head);
}

// Answers a request whose host, or the way it came, keeps it from the relay's pages and tunnels.
// False: it has no answer yet. The relay's pages are served by address whatever the certificate.
static bool turn_back(const struct front *f, struct exchange *x, const struct http_head *head,
                      enum host_kind kind)
{
    struct slice host = host_of(head->authority);
    bool by_address = kind == HOST_RELAY && (host.len == 0 || is_address(host));
    bool plain = f->plain && strcmp(x->facts.scheme, "https") != 0;
    if (kind != HOST_OTHER && x->facts.uncovered && !by_address)
        (void)snprintf(x->facts.detail, sizeof(x->facts.detail),
                       "the certificate of this connection is for another host");
    if (kind == HOST_OTHER || (x->facts.uncovered && !by_address) || (plain && host.len == 0))
        exchange_answer(x, ANSWER_MISDIRECTED);
    else if (plain)
        plain_answer(f->plain, x, head, by_address ? slice_str(f->domain) : host);
    else
        return false;
    return true;
}

static void on_request(void *ctx, struct exchange *x, struct http_head *head,
                       const struct body_framing *framing)
{
    struct front *f = ctx;
    struct slice label = {0};
    char name[NAME_MAX_BYTES + 1];
    enum host_kind kind = classify_host(f, host_of(head->authority), &label);
    if (turn_back(f, x, head, kind))
        return;
    if (kind == HOST_RELAY) {
        relay_page(f, x, head, framing->kind != BODY_NONE);
        return;
    }
    struct route *route = name_normalise(label, name) ? routes_find(f->routes, name) : NULL;
    x->facts.tunnel = route ? route->name : "";
    x->facts.owner = route ? route->owner : "";
    x->facts.bind_id = route ? route->bind_id : 0;
    if (route)
        x->record = route->record;
    x->facts.tunnel_address = route && route->agent ? agent_address(route->agent) : "";
    if (!route)
        exchange_answer(x, ANSWER_NO_TUNNEL);
    else if (!route->agent)
        exchange_answer(x, ANSWER_AGENT_GONE);
    else
        outbound_forward(agent_outbound(route->agent), f->filters, x, head, framing);
}

static void turned_away(void *ctx, const struct client_address *client, enum answer answer)
{
    const struct front *f = ctx;
    relay_log_turned_away(f->log, client, answer);
}

struct inbound_handler front_handler(struct front *f)
{
    return (struct inbound_handler){
        .request = on_request, .brings_agent = brings_agent, .turned_away = turned_away, .ctx = f};
}
