// SPDX-License-Identifier: MIT
// The link by libwebsockets' client on our loop. Its traps are listed in docs/decisions.md.
#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/base/limits.h"
#include "common/base/log.h"
#include "link.h"
#include "proto/http/authority.h"
#include "proto/tunnel/private_fields.h"
#include "proto/tunnel/tunnel.h"
#include "proto/tunnel/websocket.h"
#include "relay_dial.h"

enum {
    BUFFER_BYTES = 64 * 1024,
    MASK_BYTES = 4,
    RANDOM_BYTES = 1024, // of masks, that are drawn together
    DESTROY_TURNS = 8,   // of the loop, for libwebsockets to end
    DOOR_MAX = 128,      // bytes of a Unix socket's name
    OPEN_MS = 10 * 1000, // of the relay, from the connection to its answer
    // libwebsockets' own limits, which it keeps without a word to us: ours are to come first.
    LWS_LIMIT_S = 30
};

struct link_context {
    struct loop *loop;
    struct lws_context *lws;
    struct link *links;
    struct link *starting;        // inside lws_client_connect_via_info, and not told of its failure
    struct lws *created;          // inside it: what it works on, until that is gone
    uint8_t *frame;               // where a frame is built: LWS_PRE, header, masked payload
    uint8_t random[RANDOM_BYTES]; // of which the first `random_left` have not been used
    size_t random_left;
};

struct link {
    struct link_context *context;
    struct link *prev, *next;
    const struct link_target *target;
    const struct link_ops *ops; // NULL once closed by its owner
    void *ctx;
    struct relay_dial *dial;
    struct lws *wsi;
    struct timeout limit;
    bool is_up;
    bool detached;                 // its descriptor is not the connection to the relay
    bool handshake_sent, not_tls;  // as in struct link_failure
    uint32_t retry_within_ms;      // as in struct link_failure
    bool close_received;           // the relay has sent a close frame
    const char *abort_reason;      // for which we ended the attempt ourselves
    const char *tls_alert;         // the alert by which a peer ended a handshake, or NULL
    const char *certificate_error; // why the relay's certificate was not accepted
    char host[AUTHORITY_MAX];
};

static void link_free(struct link *link)
{
    struct link_context *c = link->context;
    timeout_stop(&link->limit);
    relay_dial_cancel(link->dial);
    if (link->prev)
        link->prev->next = link->next;
    else
        c->links = link->next;
    if (link->next)
        link->next->prev = link->prev;
    free(link);
}

static void link_down(struct link *link, const struct link_failure *failure)
{
    const struct link_ops *ops = link->ops;
    void *ctx = link->ctx;
    link_free(link);
    if (ops)
        ops->down(ctx, failure);
}

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
    link_down(link, &failure);
}

// Has libwebsockets end the connection in the next turn of the loop. Its timer alone may sleep on
// towards a later time that it was set for before.
static void kill_later(struct link *link)
{
    lws_set_timeout(link->wsi, 1, LWS_TO_KILL_ASYNC);
    lws_cancel_service(link->context->lws);
}

static void on_limit(struct timeout *t)
{
    struct link *link = container_of(t, struct link, limit);
    link->abort_reason = "no answer in time";
    kill_later(link);
}

// A Unix socket with a full queue, to which a connect() without waiting is put off and never
// refused, whatever the state of the network.
struct door {
    int listener, filler;   // -1: none
    char address[DOOR_MAX]; // as libwebsockets takes it: "+@" and the name
};

static void close_door(const struct door *d)
{
    if (d->listener >= 0)
        (void)close(d->listener);
    if (d->filler >= 0)
        (void)close(d->filler);
}

// Returns 0 or an errno. close_door either way.
static int open_door(struct door *d)
{
    enum {
        TYPE = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK
    };
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct sockaddr *addr = (struct sockaddr *)&name;
    socklen_t len = sizeof(name);
    d->listener = socket(AF_UNIX, TYPE, 0);
    d->filler = socket(AF_UNIX, TYPE, 0);
    // Bound to no name it gets one that is free; a queue of none has room for one.
    if (d->listener < 0 || d->filler < 0 || bind(d->listener, addr, sizeof(name.sun_family)) ||
        getsockname(d->listener, addr, &len) || listen(d->listener, 0) ||
        connect(d->filler, addr, len))
        return errno;
    int name_len = (int)(len - offsetof(struct sockaddr_un, sun_path)) - 1;
    (void)snprintf(d->address, sizeof(d->address), "+@%.*s", name_len, name.sun_path + 1);
    return 0;
}

static struct lws *start_handshake(struct link *link, const char *address)
{
    bool tls = link->target->at.tls;
    const struct lws_client_connect_info info = {
        .context = link->context->lws,
        .address = address,
        .port = link->target->at.port,
        .path = "/_adit/v1/tunnel",
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

static void door_failed(struct link *link, int error)
{
    int uv = uv_translate_sys_error(error);
    attempt_failed(
        link, (struct link_failure){.error = uv, .text = uv_strerror(uv), .no_unix_socket = true});
}

// Gives a connected socket to libwebsockets, which has no function that takes one: while it waits
// for a connection of its own, its descriptor becomes ours, at which nobody has looked yet. Its own
// way of connecting loses a descriptor's watcher whenever connect() fails at once, and most of the
// reasons of a failure.
static void hand_over(struct link *link, int socket, const struct door *door)
{
    struct link_context *c = link->context;
    // When this fails its error callback may have been called and the link be gone, or it may
    // never be: `starting` tells.
    c->starting = link;
    c->created = NULL;
    errno = 0;
    struct lws *wsi = start_handshake(link, door->address);
    int error = errno;
    if (c->starting != link)
        return;
    c->starting = NULL;
    if (!wsi) {
        if (c->created) // it may go later than the link
            lws_set_opaque_user_data(c->created, NULL);
        start_failed(link, error);
        return;
    }
    link->wsi = wsi;
    timeout_start(c->loop, &link->limit, OPEN_MS, on_limit);
    if (dup3(socket, lws_get_socket_fd(wsi), O_CLOEXEC) >= 0)
        return;
    link->abort_reason = strerror(errno);
    link->detached = true; // nothing leaves
    kill_later(link);
}

static void begin(struct link *link, int socket)
{
    struct door door = {.listener = -1, .filler = -1};
    int error = open_door(&door);
    if (error)
        door_failed(link, error);
    else
        hand_over(link, socket, &door);
    close_door(&door);
}

static void on_dialed(void *ctx, struct conn *conn, const struct link_failure *failure)
{
    struct link *link = ctx;
    link->dial = NULL;
    if (!conn) {
        attempt_failed(link, *failure);
        return;
    }
    int socket = conn_fd(conn);
    if (socket < 0)
        attempt_failed(link, (struct link_failure){.error = socket, .text = uv_strerror(socket)});
    else
        begin(link, socket);
    conn_close(conn, CONN_CLOSE_NOW); // libwebsockets has its own descriptor of it
}

static int link_created(struct link *link, struct lws *wsi)
{
    link->context->created = wsi;
    return 0;
}

static int link_up(struct link *link, struct lws *wsi)
{
    int notsent = LIMIT_NOTSENT_BYTES;
    link->is_up = true;
    timeout_stop(&link->limit);
    (void)setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent,
                     sizeof(notsent));
    if (!link->ops)
        return -1;
    link->ops->up(link->ctx);
    return 0;
}

static int link_received(struct link *link, struct lws *wsi, const void *bytes, size_t len)
{
    lws_validity_confirmed(wsi);
    if (!link->ops || !lws_frame_is_binary(wsi))
        return -1;
    bool last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
    return link->ops->received(link->ctx, bytes, len, last) ? 0 : -1;
}

static int link_writable(const struct link *link)
{
    if (link->ops && link->is_up)
        link->ops->writable(link->ctx);
    return 0;
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

static int link_failed(struct link *link, struct lws *wsi, const char *text, size_t len)
{
    static const char field[] = "adit-error:";
    char why[160];
    struct link_failure failure = {.text = why, .status = lws_http_client_http_response(wsi)};
    if (link->context->starting == link)
        link->context->starting = NULL;
    lws_set_opaque_user_data(wsi, NULL);
    (void)snprintf(why, sizeof(why), "%.*s", (int)len, text ? text : "");
    if (strcmp(why, "closed before established") == 0 || strcmp(why, "Closed before conn") == 0 ||
        strcmp(why, "read failed") == 0)
        failure.text = "it closed the connection";
    else if (strncmp(why, "connect S", 9) == 0) // "SSL err" or "SYSCALL", and no error's text
        failure.text = "it ended the TLS handshake without a word";
    if (failure.status)
        failure.retry_after_ms = retry_after(wsi);
    bool said = failure.status && lws_hdr_custom_copy(wsi, failure.code, sizeof(failure.code),
                                                      field, (int)sizeof(field) - 1) > 0;
    if (!said || !private_is_code(slice_str(failure.code)))
        failure.code[0] = 0; // whoever answers there is told of in words of ours
    attempt_failed(link, failure);
    return 0;
}

static int link_ended(struct link *link, struct lws *wsi)
{
    lws_set_opaque_user_data(wsi, NULL);
    link_down(link,
              &(struct link_failure){.was_up = true,
                                     .retry_within_ms = link->retry_within_ms,
                                     .text = link->close_received ? "it stops or starts again"
                                                                  : "the connection broke off"});
    return 0;
}

// The last that is heard of a connection, and the first when libwebsockets dropped it by itself.
static int link_dropped(struct link *link, struct lws *wsi)
{
    static const char text[] = "the connection was given up";
    if (link->context->starting == link) { // lws_client_connect_via_info tells it, and its errno
        lws_set_opaque_user_data(wsi, NULL);
        link->context->created = NULL;
        return 0;
    }
    return link->is_up ? link_ended(link, wsi) : link_failed(link, wsi, text, sizeof(text) - 1);
}

static int link_authorise(struct link *link, struct lws *wsi, uint8_t **at, const uint8_t *end)
{
    char value[SECRET_MAX + 8];
    link->handshake_sent = true;
    if (!link->target->token[0])
        return 0;
    int len = snprintf(value, sizeof(value), "Bearer %s", link->target->token);
    int error =
        lws_add_http_header_by_name(wsi, (const uint8_t *)"authorization:", (const uint8_t *)value,
                                    len, at, (uint8_t *)(uintptr_t)end);
    secret_wipe(value, sizeof(value));
    return error;
}

// Says what OpenSSL has against a certificate, and leaves it at that: 0 lets a good one pass, and
// libwebsockets refuses one whose error stands.
static int link_verified(struct link *link, X509_STORE_CTX *store, bool ok)
{
    if (!ok && !link->certificate_error)
        link->certificate_error = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
    return ok ? 0 : 1;
}

// A close frame: two bytes of code, and perhaps "retry MS" (docs/protocol.md §1).
static int peer_closes(struct link *link, const char *bytes, size_t len)
{
    const struct slice word = SLICE("retry ");
    uint64_t ms = 0;
    link->close_received = true;
    if (len > 2 + word.len && slice_eq(slice_of(bytes + 2, word.len), word) &&
        slice_to_u64(slice_of(bytes + 2 + word.len, len - 2 - word.len), &ms) && ms <= UINT32_MAX)
        link->retry_within_ms = (uint32_t)ms;
    return 0;
}

static struct link *link_of(const struct link_context *c, const SSL *ssl)
{
    struct link *link = c->links;
    while (link && (!link->wsi || lws_get_ssl(link->wsi) != ssl))
        link = link->next;
    return link;
}

// Hears the records of TLS: libwebsockets does not tell why a handshake failed. What comes first
// from who speaks something else is no kind of record (RFC 8446 §5.1), and an alert says why.
// NOLINTNEXTLINE(readability-function-size): the library's signature
static void on_tls(int sent, int version, int kind, const void *bytes, size_t len, SSL *ssl,
                   void *arg)
{
    struct link *link = sent || len < 2 ? NULL : link_of(arg, ssl);
    const unsigned char *b = bytes;
    (void)version;
    if (link && kind == SSL3_RT_HEADER && !link->handshake_sent)
        link->not_tls = b[0] < SSL3_RT_CHANGE_CIPHER_SPEC || b[0] > SSL3_RT_APPLICATION_DATA;
    if (link && kind == SSL3_RT_ALERT && !link->handshake_sent)
        link->tls_alert = SSL_alert_desc_string_long(b[1]);
}

// Whose certificate a relay that is named by its address must have. libwebsockets cuts the host at
// its first colon, which leaves "[" of an IPv6 address, and sends what is left as a server's name,
// which an address is not (RFC 6066 §3). A name it handles well.
static void expect_address(const char *host, SSL *ssl)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (!destination_is_address(host))
        return;
    if (!X509_VERIFY_PARAM_set1_ip_asc(param, host))
        return; // then what was set before fits no certificate
    (void)X509_VERIFY_PARAM_set1_host(param, NULL, 0);
    (void)SSL_set_tlsext_host_name(ssl, NULL);
}

// Just before the first bytes of the handshake are made.
static void on_handshake(const SSL *ssl, int where, int result)
{
    const struct link_context *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const struct link *link = c && where == SSL_CB_HANDSHAKE_START ? link_of(c, ssl) : NULL;
    (void)result;
    if (link)
        expect_address(link->target->at.host, (SSL *)(uintptr_t)ssl);
}

static int tls_begins(struct lws *wsi, SSL_CTX *tls)
{
    SSL_CTX_set_app_data(tls, lws_context_user(lws_get_context(wsi)));
    SSL_CTX_set_info_callback(tls, on_handshake);
    SSL_CTX_set_msg_callback(tls, on_tls);
    SSL_CTX_set_msg_callback_arg(tls, lws_context_user(lws_get_context(wsi)));
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct link *link = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS)
        return tls_begins(wsi, user);
    if (!link)
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    switch ((int)reason) {
    case LWS_CALLBACK_WSI_CREATE: return link_created(link, wsi);
    case LWS_CALLBACK_CLIENT_ESTABLISHED: return link_up(link, wsi);
    case LWS_CALLBACK_CLIENT_RECEIVE: return link_received(link, wsi, in, len);
    case LWS_CALLBACK_CLIENT_WRITEABLE: return link_writable(link);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: return link_failed(link, wsi, in, len);
    case LWS_CALLBACK_CLIENT_CLOSED: return link_ended(link, wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return peer_closes(link, in, len);
    case LWS_CALLBACK_WSI_DESTROY: return link_dropped(link, wsi);
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
        return link_verified(link, user, len != 0);
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return link_authorise(link, wsi, (uint8_t **)in, *(uint8_t **)in + len);
    default: return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "adit.v1",
     .callback = on_event,
     .rx_buffer_size = BUFFER_BYTES,
     .tx_packet_size = TUNNEL_MESSAGE_MAX + WS_HEADER_MAX},
    {.name = NULL},
};

static void count_watcher(uv_handle_t *handle, void *count)
{
    if (handle->type == UV_POLL)
        ++*(size_t *)count;
}

// Of descriptors, in the loop.
static size_t watchers(struct loop *l)
{
    size_t count = 0;
    uv_walk(&l->uv, count_watcher, &count);
    return count;
}

// Without a descriptor for its wake-ups libwebsockets starts all the same, and crashes when it
// ends. The watcher of that descriptor is the only one that a new context has.
static bool make_context(struct link_context *c, const struct lws_context_creation_info *info)
{
    const size_t before = watchers(c->loop);
    c->lws = lws_create_context(info);
    return c->lws && watchers(c->loop) > before;
}

struct link_context *link_context_new(struct loop *l, const struct link_target *target)
{
    struct link_context *c = calloc(1, sizeof(*c));
    void *foreign[1] = {&l->uv};
    if (!c)
        return NULL;
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .foreign_loops = foreign,
        .pcontext = &c->lws,
        .options =
            LWS_SERVER_OPTION_LIBUV | (target->at.tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .pt_serv_buf_size = BUFFER_BYTES,
        .gid = -1,
        .uid = -1,
        .fd_limit_per_thread = 64,
        .user = c,
        .timeout_secs = LWS_LIMIT_S,
        .connect_timeout_secs = LWS_LIMIT_S,
    };
    (void)unsetenv("http_proxy"); // relay_proxy has read it, and is to be the only one
    lws_set_log_level(0, NULL);
    c->loop = l;
    c->frame = malloc(LWS_PRE + WS_HEADER_MAX + TUNNEL_MESSAGE_MAX);
    if (c->frame && make_context(c, &info))
        return c;
    free(c->frame);
    free(c);
    return NULL;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

// Only libwebsockets makes handles of this type in an agent.
static void close_lost_watcher(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (handle->type == UV_POLL && !uv_is_closing(handle))
        uv_close(handle, free_handle);
}

void link_context_free(struct link_context *c)
{
    if (!c)
        return;
    // Its handles close in turns of the loop; only then does a second call free it, which
    // `pcontext` tells.
    lws_context_destroy(c->lws);
    for (int turn = 0; c->lws && turn < DESTROY_TURNS; turn++)
        loop_run_once(c->loop);
    if (c->lws)
        lws_context_destroy(c->lws);
    // libwebsockets tells the end of most links that it drops now, but not of all.
    for (struct link *link = c->links, *next = NULL; link; link = next) {
        next = link->next;
        link_free(link);
    }
    // It loses the watcher of a descriptor that could not connect, were it to a socket of ours.
    uv_walk(&c->loop->uv, close_lost_watcher, NULL);
    free(c->frame);
    free(c);
}

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
    link->next = c->links;
    if (c->links)
        c->links->prev = link;
    c->links = link;
    return link;
}

bool link_ready(const struct link *link)
{
    return link->is_up && !lws_partial_buffered(link->wsi);
}

// RFC 6455 §5.3: a fresh one, that nobody can predict. They are drawn many at a time, since a draw
// for each frame was 2.4 % of a busy agent's time.
static bool take_mask(struct link_context *c, uint8_t mask[static MASK_BYTES])
{
    if (c->random_left == 0) {
        if (!secret_random(c->random, sizeof(c->random)))
            return false;
        c->random_left = sizeof(c->random);
    }
    c->random_left -= MASK_BYTES;
    memcpy(mask, c->random + c->random_left, MASK_BYTES);
    return true;
}

// Builds the frame ourselves: libwebsockets masks byte by byte and in place, and what is given may
// have to be sent again.
static bool write_frame(struct link *link, enum ws_opcode opcode, const uint8_t *bytes, size_t len)
{
    struct ws_header h = {.fin = true, .opcode = opcode, .masked = true, .length = len};
    uint8_t *out = link->context->frame + LWS_PRE;
    if (!take_mask(link->context, h.mask))
        return false;
    size_t n = ws_write_header(out, &h);
    (void)ws_mask(out + n, bytes, len, h.mask, 0);
    if (lws_write(link->wsi, out, n + len, LWS_WRITE_RAW) < 0)
        return false;
    if (lws_partial_buffered(link->wsi))
        (void)lws_callback_on_writable(link->wsi);
    return true;
}

bool link_send(struct link *link, const uint8_t *bytes, size_t len)
{
    if (write_frame(link, WS_BINARY, bytes, len))
        return true;
    kill_later(link);
    return false;
}

void link_close(struct link *link, enum link_close_code code)
{
    if (!link || !link->ops)
        return;
    const uint8_t body[2] = {(uint8_t)((unsigned)code >> 8), (uint8_t)code};
    link->ops = NULL;
    timeout_stop(&link->limit);
    if (link->is_up && link_ready(link))
        (void)write_frame(link, WS_CLOSE, body, sizeof(body));
    if (link->wsi)
        kill_later(link);
    else
        link_free(link);
}
