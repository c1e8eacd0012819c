// SPDX-License-Identifier: MIT
// The handshake by libwebsockets' client on our loop, with a duplicate of our connection's socket.
// libwebsockets closes that duplicate once the handshake is done, and the connection goes on. Its
// traps are listed in docs/decisions.md.
#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/log.h"
#include "link_internal.h"
#include "proto/tunnel/private_fields.h"

enum {
    OPEN_MS = 10 * 1000 // from the connection to the relay's answer
};

void link_free(struct link *link)
{
    timeout_stop(&link->open_timeout);
    relay_dial_cancel(link->dial);
    conn_close(link->conn, CONN_CLOSE_NOW);
    SSL_free(link->ssl);
    list_remove(&link->context->links, &link->in_context);
    free(link);
}

// Ends an attempt. A reason that we know better than libwebsockets replaces its text.
static void attempt_failed(struct link *link, struct link_failure failure)
{
    failure.bad_certificate = link->certificate_error != NULL;
    failure.handshake_sent = link->handshake_sent && !link->detached;
    failure.not_tls = link->not_tls;
    if (link->certificate_error)
        failure.text = link->certificate_error;
    else if (link->abort_reason)
        failure.text = link->abort_reason;
    else if (link->tls_alert)
        failure.text = link->tls_alert;
    const struct link_ops *ops = link->ops;
    void *ctx = link->ctx;
    link_free(link);
    if (ops)
        ops->failed(ctx, &failure);
}

// Has libwebsockets close its end of the socket in the next turn of the loop. The timeout alone
// would not do: libwebsockets' timer may already sleep towards a later time.
static void kill_later(struct link *link)
{
    lws_set_timeout(link->wsi, 1, LWS_TO_KILL_ASYNC);
    lws_cancel_service(link->context->lws);
}

static void on_open_timeout(struct timeout *t)
{
    struct link *link = container_of(t, struct link, open_timeout);
    link->abort_reason = "no answer in time";
    kill_later(link);
}

static struct lws *start_handshake(struct link *link, const char *address)
{
    bool tls = link->target->at.tls;
    const struct lws_client_connect_info info = {
        .context = link->context->lws,
        .address = address,
        .port = link->target->at.port,
        .path = link->target->asks ? "/_adit/health" : "/_adit/v1/tunnel",
        .host = link->host,
        .protocol = "adit.v1",
        .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (tls ? LCCSCF_USE_SSL : 0),
        .opaque_user_data = link,
    };
    return lws_client_connect_via_info(&info);
}

static void start_failed(struct link *link, int error)
{
    int uv = error ? uv_translate_sys_error(error) : UV_ENOMEM;
    attempt_failed(link, (struct link_failure){.error = uv, .text = uv_strerror(uv)});
}

static void pending_failed(struct link *link, int error)
{
    int uv = uv_translate_sys_error(error);
    attempt_failed(
        link, (struct link_failure){.error = uv, .text = uv_strerror(uv), .no_unix_socket = true});
}

// Gives libwebsockets a connected socket: it starts to connect to the pending Unix socket, and its
// descriptor is replaced by ours before the loop looks at it (link_handover.c).
static void hand_over(struct link *link, int socket, const struct link_pending *pending)
{
    struct link_context *c = link->context;
    // When the call fails, the error callback may have run, and freed the link, or may never run.
    // `starting` tells: the callback clears it.
    c->starting = link;
    c->created = NULL;
    errno = 0;
    struct lws *wsi = start_handshake(link, pending->address);
    int error = errno;
    if (c->starting != link)
        return;
    c->starting = NULL;
    if (!wsi) {
        if (c->created) // libwebsockets may destroy it after the link is freed
            lws_set_opaque_user_data(c->created, NULL);
        start_failed(link, error);
        return;
    }
    link->wsi = wsi;
    timeout_start(c->loop, &link->open_timeout, OPEN_MS, on_open_timeout);
    if (dup3(socket, lws_get_socket_fd(wsi), O_CLOEXEC) >= 0)
        return;
    link->abort_reason = strerror(errno);
    link->detached = true;
    kill_later(link);
}

static void start_websocket(struct link *link, int socket)
{
    struct link_pending pending = {.listener = -1, .filler = -1};
    int error = link_pending_open(&pending);
    if (error)
        pending_failed(link, error);
    else
        hand_over(link, socket, &pending);
    link_pending_close(&pending);
}

static void on_idle_conn(struct conn *c)
{
    (void)c; // neither reads nor sends
}

static void on_conn_failed(struct conn *c, int error)
{
    struct link *link = conn_owner(c);
    (void)error;
    link->conn = NULL;
}

static const struct conn_ops idle_ops = {on_idle_conn, on_idle_conn, on_idle_conn, on_conn_failed,
                                         NULL};

static void on_dialed(void *ctx, struct conn *conn, const struct link_failure *failure)
{
    struct link *link = ctx;
    link->dial = NULL;
    if (!conn) {
        attempt_failed(link, *failure);
        return;
    }
    link->conn = conn;
    conn_set_owner(conn, &idle_ops, link);
    int socket = conn_fd(conn);
    if (socket < 0)
        attempt_failed(link, (struct link_failure){.error = socket, .text = uv_strerror(socket)});
    else
        start_websocket(link, socket);
}

static int link_created(struct link *link, struct lws *wsi)
{
    link->context->created = wsi;
    return 0;
}

// Nothing has come behind the response: the relay never speaks first. libwebsockets closes its end
// of the socket now, and link_destroyed takes the connection over.
static int link_established(struct link *link, struct lws *wsi)
{
    if (link->target->asks) {
        link->abort_reason = "it opens a WebSocket where it has none";
        return -1;
    }
    link->established = true;
    timeout_stop(&link->open_timeout);
    if (lws_get_ssl(wsi))
        link_tls_keep(link, lws_get_ssl(wsi));
    return -1;
}

static void hand_up(struct link *link)
{
    const struct link_ops *ops = link->ops;
    void *ctx = link->ctx;
    struct conn *c = link->conn;
    link->conn = NULL;
    link_free(link);
    ops->up(ctx, c);
}

static void on_tls_failed(struct conn *c, int error)
{
    struct link *link = conn_owner(c);
    link->conn = NULL;
    attempt_failed(link, (struct link_failure){.error = error, .text = uv_strerror(error)});
}

static void on_tls_ready(struct conn *c)
{
    hand_up(conn_owner(c));
}

static const struct conn_ops tls_ops = {on_idle_conn, on_idle_conn, on_idle_conn, on_tls_failed,
                                        on_tls_ready};

static void take_over(struct link *link)
{
    static const char text[] = "the connection broke off";
    int error = 0;
    link->wsi = NULL;
    if (!link->ops)
        link_free(link);
    else if (!link->conn)
        attempt_failed(link, (struct link_failure){.text = text});
    else if (!link->ssl)
        hand_up(link);
    else if ((error = link_tls_take_over(link, &tls_ops)) != 0)
        attempt_failed(link, (struct link_failure){.error = error, .text = uv_strerror(error)});
}

// The response's Retry-After in ms (RFC 9110 §10.2.3); 0: none, or a date.
static uint32_t retry_after(struct lws *wsi)
{
    char text[16];
    uint64_t seconds = 0;
    int len = lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_RETRY_AFTER);
    if (len <= 0 || !slice_to_u64(slice_of(text, (size_t)len), &seconds))
        return 0;
    return seconds < UINT32_MAX / 1000 ? (uint32_t)seconds * 1000 : UINT32_MAX;
}

// Takes the place to which a response redirects, if that is an https:// URL.
static void take_location(struct lws *wsi, char out[static DESTINATION_URL_MAX])
{
    char text[1024];
    struct destination at;
    int len = lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_LOCATION);
    if (len <= 8 || strncasecmp(text, "https://", 8) != 0)
        return;
    if (!destination_parse_authority(text + 8, strcspn(text + 8, "/?#"), 443, &at)) {
        at.tls = true;
        destination_url(&at, out);
    }
}

static int link_failed(struct link *link, struct lws *wsi, const char *text, size_t len)
{
    static const char field[] = "adit-error:";
    char why[160];
    struct link_failure failure = {.text = why, .status = lws_http_client_http_response(wsi)};
    if (link->established)
        return 0; // our own refusal to go on
    if (link->context->starting == link)
        link->context->starting = NULL;
    lws_set_opaque_user_data(wsi, NULL);
    (void)snprintf(why, sizeof(why), "%.*s", (int)len, text ? text : "");
    if (strcmp(why, "closed before established") == 0 || strcmp(why, "Closed before conn") == 0 ||
        strcmp(why, "read failed") == 0)
        failure.text = "it closed the connection";
    else if (strncmp(why, "connect S", 9) == 0) // "SSL err" or "SYSCALL": no reason
        failure.text = "it ended the TLS handshake without a reason";
    if (failure.status)
        failure.retry_after_ms = retry_after(wsi);
    if (failure.status / 100 == 3)
        take_location(wsi, failure.location);
    bool has_code = failure.status && lws_hdr_custom_copy(wsi, failure.code, sizeof(failure.code),
                                                          field, (int)sizeof(field) - 1) > 0;
    if (!has_code || !private_is_code(slice_str(failure.code)))
        failure.code[0] = 0; // untrusted text: show well-formed codes only
    attempt_failed(link, failure);
    return 0;
}

// The last event of each connection, and the only one when libwebsockets gave it up by itself. Its
// descriptor is closed.
static int link_destroyed(struct link *link, struct lws *wsi)
{
    static const char text[] = "the connection was given up";
    if (link->context->starting == link) { // hand_over sees the call fail
        lws_set_opaque_user_data(wsi, NULL);
        link->context->created = NULL;
        return 0;
    }
    if (!link->established)
        return link_failed(link, wsi, text, sizeof(text) - 1);
    lws_set_opaque_user_data(wsi, NULL);
    take_over(link);
    return 0;
}

// The request is being written: adds the token (docs/protocol.md §1).
static int link_authorise(struct link *link, struct lws *wsi, uint8_t **at, const uint8_t *end)
{
    char value[SECRET_MAX + 8];
    link->handshake_sent = true;
    if (!link->target->token[0] || link->target->asks)
        return 0;
    int len = snprintf(value, sizeof(value), "Bearer %s", link->target->token);
    int error =
        lws_add_http_header_by_name(wsi, (const uint8_t *)"authorization:", (const uint8_t *)value,
                                    len, at, (uint8_t *)(uintptr_t)end);
    secret_wipe(value, sizeof(value));
    return error;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct link *link = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS)
        return link_tls_init(wsi, user);
    if (!link)
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    switch ((int)reason) {
    case LWS_CALLBACK_WSI_CREATE: return link_created(link, wsi);
    case LWS_CALLBACK_CLIENT_ESTABLISHED: return link_established(link, wsi);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: return link_failed(link, wsi, in, len);
    case LWS_CALLBACK_WSI_DESTROY: return link_destroyed(link, wsi);
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
        return link_tls_verified(link, user, len != 0);
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return link_authorise(link, wsi, (uint8_t **)in, *(uint8_t **)in + len);
    default: return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

const struct lws_protocols link_protocols[] = {
    {.name = "adit.v1", .callback = on_event},
    {.name = NULL},
};

struct link *link_open(struct link_context *c, const struct link_target *target,
                       const struct link_ops *ops, void *ctx)
{
    struct link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->context = c;
    link->target = target;
    link->ops = ops;
    link->ctx = ctx;
    (void)authority_text(target->at.host, target->at.port, link->host);
    link->dial = relay_dial_start(c->loop, target, on_dialed, link);
    if (!link->dial) {
        free(link);
        return NULL;
    }
    list_prepend(&c->links, &link->in_context);
    return link;
}

void link_close(struct link *link)
{
    if (!link || !link->ops)
        return;
    link->ops = NULL;
    timeout_stop(&link->open_timeout);
    if (!link->wsi) {
        link_free(link);
        return;
    }
    conn_close(link->conn, CONN_CLOSE_NOW); // libwebsockets has a duplicate of its socket
    link->conn = NULL;
    kill_later(link);
}
