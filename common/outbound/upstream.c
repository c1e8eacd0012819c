// SPDX-License-Identifier: MIT
#include "upstream.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/exchange/host_rewrite.h"
#include "proto/http/fields.h"
#include "proto/http/http1.h"
#include "upstream_pool.h"

enum call_state {
    CALL_DIALS,  // waits for a connection
    CALL_HEAD,   // waits for the response head
    CALL_BODY,   // waits for the rest of the response
    CALL_TUNNEL, // upgraded: bytes both ways
    CALL_DONE,   // the response is whole: waits for the end of the request
    CALL_CLOSED, // waits to be freed
};

// One exchange on one connection.
struct call {
    struct exchange_endpoint end;
    struct upstream *upstream;
    struct conn *conn;
    struct dial *dial;
    struct loop_task free_task;
    struct timeout answer_limit; // from the end of the request to the response head
    enum call_state state;
    char *hop_names;         // the fields that the response's Connection named: no trailers
    char *offer;             // its Upgrade as we sent it on; NULL: none
    char *public_origin;     // of the request, where its Host is replaced; else NULL
    bool head_request;       // its method was HEAD
    struct upstream_use use; // repeatable: an idempotent request without a body
    bool pooled;             // the connection was used before
    bool chunked;            // the request's body
    bool request_ended;
    bool keep_alive;
    bool early;                // the final response began before all of the request had left
    bool response_bytes;       // any have come
    struct upstream_past past; // of such a connection
    uint64_t sent_before;      // bytes that had left a kept connection before ours
    uint64_t dialed_ns;        // when we began to connect
    size_t scanned;
    ptrdiff_t credit;   // bytes of response that the inbound takes now
    uint64_t body_left; // bytes of request that are still to come; UINT64_MAX: not known
    size_t owed;        // bytes of request that are not yet credited
    size_t unconsumed;  // bytes of conn_in that the trailers still lie in
    struct buf waiting; // what is to be sent once there is a connection; kept while the request may
                        // be repeated
    struct http1_body body;
};

static struct http1_limits head_limits(const struct call *k)
{
    const struct limits *l = &k->upstream->loop->limits;
    return (struct http1_limits){l->response_head_bytes, l->response_head_fields};
}

static struct call *call_of(struct exchange_endpoint *end)
{
    return container_of(end, struct call, end);
}

static void on_free(struct loop_task *task)
{
    struct call *k = container_of(task, struct call, free_task);
    buf_free(&k->waiting);
    free(k->offer);
    free(k->public_origin);
    free(k->hop_names);
    free(k);
}

// The one way a call ends. Its exchange must have been told before.
static void call_close(struct call *k, bool to_pool)
{
    if (k->state == CALL_CLOSED)
        return;
    bool broken = k->state == CALL_TUNNEL; // a FIN would say that the stream is whole
    k->state = CALL_CLOSED;
    timeout_stop(&k->answer_limit);
    dial_cancel(k->dial);
    if (k->conn && k->unconsumed > 0)
        conn_consume(k->conn, k->unconsumed);
    if (k->conn && to_pool)
        upstream_pool_put(k->upstream, k->conn, &k->use);
    else
        conn_close(k->conn, broken ? CONN_CLOSE_RESET : CONN_CLOSE_NOW);
    k->conn = NULL;
    k->free_task.run = on_free;
    loop_queue(k->upstream->loop, &k->free_task);
}

static void refuse(struct call *k, enum answer answer)
{
    exchange_refuse(&k->end, answer, EXCHANGE_UPSTREAM_GONE);
    call_close(k, false);
}

// What came is no answer: says so with what is wrong, for people, and ends the call.
__attribute__((format(printf, 3, 4))) static void refuse_head(struct call *k, enum answer answer,
                                                              const char *format, ...)
{
    char detail[EXCHANGE_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    exchange_bad_head(&k->end, conn_in(k->conn), detail);
    refuse(k, answer);
}

// The same for what the parser does not take.
static void refuse_malformed_head(struct call *k, int error)
{
    struct slice in = conn_in(k->conn);
    const struct http1_limits limits = head_limits(k);
    struct http1_fault fault;
    if (error == HTTP1_E_HEAD_TOO_LARGE)
        refuse_head(k, ANSWER_UPSTREAM_TOO_LARGE,
                    "a head of more than %zu bytes (--limit response-head-bytes)",
                    limits.head_bytes);
    else if (error == HTTP1_E_TOO_MANY_FIELDS)
        refuse_head(k, ANSWER_UPSTREAM_TOO_LARGE,
                    "more than %zu fields (--limit response-head-fields)", limits.fields);
    else if (http1_explain_response(in, &limits, &fault))
        refuse_head(k, ANSWER_UPSTREAM_INVALID, "%s at byte %zu", fault.phrase, fault.at);
    else
        refuse_head(k, ANSWER_UPSTREAM_INVALID, "%s", http1_strerror(error));
}

static void break_off(struct call *k, enum exchange_why why)
{
    exchange_abort(&k->end, why);
    call_close(k, false);
}

static void dial(struct call *k);

// The connection ended before the response did.
static void lost(struct call *k)
{
    if (k->pooled && !k->response_bytes)
        upstream_pool_lost(k->upstream, &k->past);
    if (k->state == CALL_DONE) {
        exchange_detach(&k->end);
        call_close(k, false);
    } else if (k->state != CALL_HEAD) {
        break_off(k, EXCHANGE_UPSTREAM_GONE);
    } else if (k->pooled && k->use.repeatable && !k->response_bytes) {
        conn_close(k->conn, CONN_CLOSE_NOW);
        k->conn = NULL;
        k->pooled = false;
        dial(k);
    } else {
        refuse(k, ANSWER_UPSTREAM_CLOSED);
    }
}

static void on_answer_limit(struct timeout *t)
{
    refuse(container_of(t, struct call, answer_limit), ANSWER_UPSTREAM_TIMEOUT);
}

// Whether there is nothing more to come of the request: an offer to upgrade stays open behind it.
static bool is_whole(const struct call *k)
{
    return k->request_ended || k->body_left == 0;
}

// Off unless it was asked for: somebody may stand at a breakpoint.
static void update_answer_limit(struct call *k)
{
    uint32_t ms = k->upstream->loop->limits.answer_ms;
    if (ms == 0 || k->state != CALL_HEAD || !is_whole(k))
        timeout_stop(&k->answer_limit);
    else if (!timeout_runs(&k->answer_limit))
        timeout_start(k->upstream->loop, &k->answer_limit, ms, on_answer_limit);
}

static void update(struct call *k)
{
    if (!k->conn || k->state == CALL_CLOSED)
        return;
    update_answer_limit(k);
    bool body = k->state == CALL_BODY || k->state == CALL_TUNNEL;
    bool read = !body || k->credit >= LIMIT_CREDIT_MIN;
    k->conn->read_max = body && read ? (uint32_t)k->credit : LIMIT_READ_BYTES;
    conn_want_read(k->conn, read);
}

// RFC 9110 §7.8: to what was offered, and to nothing else.
static bool was_offered(const struct call *k, struct slice upgrade)
{
    return k->offer && slice_list_is_within(upgrade, slice_str(k->offer));
}

static bool begin_body(struct call *k, struct http_head *head, struct body_framing *framing)
{
    struct slice method = k->head_request ? SLICE("HEAD") : SLICE("GET");
    int error = http1_response_framing(head, method, framing);
    bool switches = head->status == 101;
    if (error) {
        refuse_malformed_head(k, error);
        return false;
    }
    if (switches && (head->upgrade.len > 255 || !was_offered(k, head->upgrade))) {
        refuse_head(k, ANSWER_UPSTREAM_INVALID, "a 101 that switches to what was not asked for");
        return false;
    }
    http1_unfold(head);
    k->keep_alive = http1_keeps_alive(head) && framing->kind != BODY_UNTIL_CLOSE && !switches;
    k->state = switches ? CALL_TUNNEL : CALL_BODY;
    http1_body_init(&k->body, framing);
    return true;
}

static void finish(struct call *k, const struct http_head *trailers)
{
    if (k->state == CALL_TUNNEL) { // its other direction may go on
        exchange_finish(&k->end, NULL);
        return;
    }
    k->state = CALL_DONE;
    exchange_finish(&k->end, trailers);
    if (k->end.x && !k->keep_alive) {
        exchange_detach(&k->end);
        call_close(k, false);
    }
}

// The response says how the service treats idle connections. One that has a Connection field and
// does not say close in it has thought of that.
static void learn(struct call *k, const struct http_head *head)
{
    if (k->pooled)
        upstream_pool_answered(k->upstream, &k->past);
    else
        upstream_pool_answered_anew(k->upstream);
    if (k->pooled || !k->keep_alive)
        return;
    const struct field *f = head_find(head, SLICE("keep-alive"));
    upstream_pool_declared(k->upstream, k->use.repeatable,
                           head_find(head, SLICE("connection")) != NULL, f ? f->value : SLICE(""));
}

// Nothing of ours may come from a service, except that it is the relay itself which says that the
// request went in a circle.
static void strip_fields(struct http_head *head)
{
    const struct field *error = head_find(head, SLICE("adit-error"));
    bool loop = head->status == 508 && error && slice_eq(error->value, SLICE("ADIT-LOOP"));
    fields_strip_hop_by_hop(head);
    if (loop)
        (void)head_add(head, SLICE("Adit-Error"), SLICE("ADIT-LOOP"));
}

// Hands the head of a response on. False when the call is over.
static bool send_head(struct call *k, struct http_head *head, const struct body_framing *framing)
{
    struct http_head came;
    char *values = NULL;
    if (k->public_origin &&
        !host_rewrite_response(head, k->public_origin, slice_str(k->upstream->host), &values)) {
        refuse(k, ANSWER_BUSY);
        return false;
    }
    head_copy(&came, head);
    exchange_came(&k->end, &came);
    strip_fields(head);
    exchange_head(&k->end, head, framing);
    free(values);
    return k->state != CALL_CLOSED;
}

static bool read_head(struct call *k)
{
    struct slice in = conn_in(k->conn);
    struct http_head head;
    struct body_framing framing = {BODY_NONE, 0};
    const struct http1_limits limits = head_limits(k);
    int n = http1_read_response(in.p, in.len, &k->scanned, &limits, &head);
    if (!k->response_bytes && k->end.x)
        k->end.x->heard_ns = uv_hrtime();
    k->response_bytes = true;
    // What has yet to leave may be read as another request, whose answer is nobody's.
    k->early = k->early || !is_whole(k) || conn_pending(k->conn) > 0;
    if (n == 0)
        return false;
    if (n < 0) {
        refuse_malformed_head(k, n);
        return false;
    }
    bool interim = head.status < 200 && head.status != 101;
    if (interim && !exchange_takes_interim(k->end.x, &head)) {
        refuse_head(k, ANSWER_UPSTREAM_INVALID,
                    "more than %d interim responses, or %d KiB of their fields", LIMIT_INTERIM,
                    LIMIT_INTERIM_BYTES / 1024);
        return false;
    }
    if (interim) {
        http1_unfold(&head);
        k->early = false;
    } else if (!begin_body(k, &head, &framing)) {
        return false;
    }
    k->scanned = 0;
    if (framing.kind == BODY_CHUNKED && !fields_save_connection_names(&head, &k->hop_names)) {
        refuse(k, ANSWER_BUSY);
        return false;
    }
    if (!interim)
        learn(k, &head);
    if (!send_head(k, &head, &framing))
        return false;
    conn_consume(k->conn, (size_t)n);
    if (k->state == CALL_BODY && http1_body_done(&k->body))
        finish(k, NULL);
    return true;
}

static void break_off_body(struct call *k, int error)
{
    char detail[EXCHANGE_DETAIL_MAX];
    uint64_t bytes = k->end.x->direction[OUTBOUND].bytes;
    const char *what =
        k->body.state == HTTP1_BODY_TRAILERS ? "trailers that are none" : "a malformed chunk";
    if (error == HTTP1_E_HEAD_TOO_LARGE)
        what = "trailers over --limit response-head-bytes";
    else if (error == HTTP1_E_TOO_MANY_FIELDS)
        what = "more trailers than --limit response-head-fields";
    (void)snprintf(detail, sizeof(detail), "%s behind %llu bytes of the body", what,
                   (unsigned long long)bytes);
    exchange_explain(&k->end, detail);
    break_off(k, EXCHANGE_PROTOCOL);
}

// The end of a chunked body. On its own, as a head on the stack costs each call that has it: a page
// is touched for every 128 fields.
__attribute__((noinline)) static void finish_chunked(struct call *k, struct http_head *trailers)
{
    struct http_head came;
    head_copy(&came, trailers);
    exchange_came(&k->end, &came);
    fields_strip_trailers(trailers, slice_str(k->hop_names));
    finish(k, trailers->field_count ? trailers : NULL);
}

// `trailers`: room for those of a chunked body; NULL for another.
static bool take_body(struct call *k, struct http_head *trailers)
{
    struct slice in = conn_in(k->conn);
    struct slice data = {0};
    const struct http1_limits limits = head_limits(k);
    int n = http1_body_feed(&k->body, in.p, in.len, &limits, &data, trailers);
    if (n < 0) {
        break_off_body(k, n);
        return false;
    }
    k->credit -= (ptrdiff_t)data.len;
    if (data.len > 0)
        exchange_data(&k->end, data.p, data.len);
    if (k->state == CALL_CLOSED)
        return false;
    if (http1_body_done(&k->body)) {
        k->unconsumed = (size_t)n;
        if (trailers)
            finish_chunked(k, trailers);
        else
            finish(k, NULL);
        k->unconsumed = 0;
    }
    if (k->conn)
        conn_consume(k->conn, (size_t)n);
    return n > 0;
}

__attribute__((noinline)) static bool take_chunked_body(struct call *k)
{
    struct http_head trailers;
    return take_body(k, &trailers);
}

static bool read_body(struct call *k)
{
    if (k->credit <= 0)
        return false;
    return k->body.kind == BODY_CHUNKED ? take_chunked_body(k) : take_body(k, NULL);
}

static bool read_tunnel(struct call *k)
{
    struct slice in = conn_in(k->conn);
    if (k->credit <= 0)
        return false;
    k->credit -= (ptrdiff_t)in.len;
    exchange_data(&k->end, in.p, in.len);
    if (k->conn)
        conn_consume(k->conn, in.len);
    return false;
}

// Bytes that come on a kept connection before any of the request has left are nobody's answer.
static bool is_stray(const struct call *k)
{
    return k->state == CALL_HEAD && k->pooled && conn_sent(k->conn) == k->sent_before;
}

static void on_readable(struct conn *c)
{
    struct call *k = c->owner;
    bool more = true;
    if (is_stray(k)) {
        lost(k);
        return;
    }
    while (more && k->conn && conn_in(k->conn).len > 0) {
        switch (k->state) {
        case CALL_HEAD: more = read_head(k); break;
        case CALL_BODY: more = read_body(k); break;
        case CALL_TUNNEL: more = read_tunnel(k); break;
        case CALL_DONE:
            k->keep_alive = false;
            conn_consume(k->conn, conn_in(k->conn).len);
            break;
        case CALL_DIALS:
        case CALL_CLOSED: more = false; break;
        }
    }
    update(k);
}

static void on_sent(struct conn *c)
{
    struct call *k = c->owner;
    size_t pending = conn_pending(c);
    if (k->owed <= pending)
        return;
    size_t credit = k->owed - pending;
    k->owed = pending;
    exchange_credit(&k->end, credit);
}

static void on_eof(struct conn *c)
{
    struct call *k = c->owner;
    if (k->state == CALL_TUNNEL || (k->state == CALL_BODY && http1_body_may_end_by_close(&k->body)))
        finish(k, NULL);
    else
        lost(k);
}

static void on_failed(struct conn *c, int error)
{
    struct call *k = c->owner;
    (void)error;
    k->conn = NULL;
    lost(k);
}

static const struct conn_ops conn_ops = {on_readable, on_sent, on_eof, on_failed, NULL};

static void use_conn(struct call *k, struct conn *c)
{
    k->conn = c;
    k->state = CALL_HEAD;
    conn_set_owner(c, &conn_ops, k);
    k->sent_before = conn_sent(c);
    k->end.x->sent_on_ns = uv_hrtime();
    if (!conn_write(c, buf_at(&k->waiting), buf_len(&k->waiting))) {
        refuse(k, ANSWER_BUSY);
        return;
    }
    if (!k->use.repeatable)
        buf_free(&k->waiting);
    update(k);
}

static enum answer answer_of_uv(int error)
{
    switch (error) {
    case UV_ECONNREFUSED: return ANSWER_UPSTREAM_REFUSED;
    case UV_ETIMEDOUT: return ANSWER_UPSTREAM_TIMEOUT;
    // What we have run out of ourselves says nothing of the service, and may be there again soon.
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_EAGAIN:
    case UV_ENOBUFS:
    case UV_ENOMEM:
    case UV_EAI_MEMORY: return ANSWER_BUSY;
    default: return ANSWER_UPSTREAM_UNREACHABLE;
    }
}

static void on_dialed(void *ctx, struct conn *c, int error)
{
    struct call *k = ctx;
    k->dial = NULL;
    k->end.x->connect_ns = uv_hrtime() - k->dialed_ns;
    if (c) {
        log_debug("a new connection to the service %s after %" PRIu64 " us, for exchange %s",
                  k->upstream->name, k->end.x->connect_ns / 1000, k->end.x->id);
        use_conn(k, c);
        return;
    }
    const char *at = k->upstream->target.failed_at;
    (void)snprintf(k->end.x->detail, sizeof(k->end.x->detail), "%.90s: %.60s",
                   at[0] ? at : k->upstream->target.host, uv_strerror(error));
    refuse(k, answer_of_uv(error));
}

static void dial(struct call *k)
{
    k->state = CALL_DIALS;
    k->dialed_ns = uv_hrtime();
    k->end.x->sent_on_ns = 0; // not yet
    k->dial = dial_start(k->upstream->loop, &k->upstream->target, on_dialed, k);
    if (!k->dial)
        refuse(k, ANSWER_BUSY);
}

static bool add_hop_fields(struct http_head *head, bool chunked, bool keeps)
{
    bool te = head_find(head, SLICE("te")) != NULL;
    bool ok = true;
    if (head->upgrade.len > 0) {
        ok = head_add(head, SLICE("Connection"), te ? SLICE("upgrade, te") : SLICE("upgrade")) &&
             head_add(head, SLICE("Upgrade"), head->upgrade);
    } else if (te) {
        ok = head_add(head, SLICE("Connection"), keeps ? SLICE("te") : SLICE("close, te"));
    } else if (!keeps) {
        ok = head_add(head, SLICE("Connection"), SLICE("close"));
    }
    return ok && (!chunked || head_add(head, SLICE("Transfer-Encoding"), SLICE("chunked")));
}

// The service hears another Host, and itself named where the public host was.
static bool replace_host(struct call *k, struct http_head *head, char **values)
{
    k->public_origin = host_rewrite_public(head);
    head->authority = slice_str(k->upstream->host);
    return k->public_origin &&
           host_rewrite_request(head, k->public_origin, head->authority, values);
}

static bool write_head(struct call *k, const struct http_head *request)
{
    struct http_head head;
    char *values = NULL;
    head_copy(&head, request);
    bool ok = k->upstream->host_mode == UPSTREAM_HOST_PRESERVE || replace_host(k, &head, &values);
    ok = ok && add_hop_fields(&head, k->chunked, upstream_pool_keeps(k->upstream, &k->use));
    size_t len = ok ? http1_write_request(NULL, 0, &head) : 0;
    char *out = ok ? buf_reserve(&k->waiting, len) : NULL;
    if (out)
        buf_commit(&k->waiting, http1_write_request(out, len, &head));
    free(values);
    return out != NULL;
}

static char *copy_of(struct slice text)
{
    char *copy = malloc(text.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text.p, text.len);
    copy[text.len] = 0;
    return copy;
}

static void end_head(struct exchange_endpoint *end, const struct http_head *head,
                     const struct body_framing *framing)
{
    struct call *k = call_of(end);
    k->head_request = slice_eq(head->method, SLICE("HEAD"));
    bool offers = head->upgrade.len > 0;
    k->offer = offers ? copy_of(head->upgrade) : NULL;
    k->chunked = framing->kind == BODY_CHUNKED;
    k->body_left = k->chunked ? UINT64_MAX : framing->kind == BODY_LENGTH ? framing->length : 0;
    bool idempotent = method_is_idempotent(head->method);
    bool bodiless = !framing_has_body(framing);
    k->use = (struct upstream_use){.repeatable = idempotent && bodiless && !offers,
                                   .alone = exchange_stands_alone(head, framing),
                                   .link = end->x->tunnel_id,
                                   .inbound = end->x->inbound};
    if ((offers && !k->offer) || !write_head(k, head)) {
        refuse(k, ANSWER_BUSY);
        return;
    }
    struct conn *c = upstream_pool_get(k->upstream, &k->use, &k->past);
    if (c) {
        k->pooled = true;
        use_conn(k, c);
    } else {
        dial(k);
    }
}

// Bytes of the request's body, or of its coding: to the connection, or to what waits for one.
static bool put(struct call *k, const void *bytes, size_t len)
{
    return k->conn ? conn_write(k->conn, bytes, len) : buf_append(&k->waiting, bytes, len);
}

static void end_data(struct exchange_endpoint *end, const char *bytes, size_t len)
{
    struct call *k = call_of(end);
    char size[20];
    bool ok = true;
    bool chunk = k->chunked && k->state != CALL_TUNNEL;
    if (chunk)
        ok = put(k, size, http1_write_chunk_head(size, len));
    ok = ok && put(k, bytes, len) && (!chunk || put(k, "\r\n", 2));
    k->owed += len;
    if (!k->chunked) {
        k->body_left -= len < k->body_left ? len : k->body_left;
        update_answer_limit(k);
    }
    if (!ok)
        break_off(k, EXCHANGE_MEMORY);
}

static void end_finish(struct exchange_endpoint *end, const struct http_head *trailers)
{
    struct call *k = call_of(end);
    k->request_ended = true;
    update_answer_limit(k);
    if (k->state == CALL_TUNNEL) {
        conn_shutdown(k->conn);
        return;
    }
    if (!k->chunked)
        return;
    size_t need = http1_write_last_chunk(NULL, 0, trailers);
    char *out = malloc(need);
    bool ok = out && http1_write_last_chunk(out, need, trailers) == need && put(k, out, need);
    free(out);
    if (!ok)
        break_off(k, EXCHANGE_MEMORY);
}

static void end_credit(struct exchange_endpoint *end, size_t len)
{
    struct call *k = call_of(end);
    k->credit += (ptrdiff_t)len;
    if (!k->conn)
        return;
    if (conn_in(k->conn).len > 0)
        conn_recheck(k->conn);
    update(k);
}

static void end_closed(struct exchange_endpoint *end, enum exchange_why why)
{
    struct call *k = call_of(end);
    bool over = why == EXCHANGE_COMPLETE && k->state == CALL_DONE && k->request_ended && !k->early;
    bool told_to_close = !upstream_pool_keeps(k->upstream, &k->use);
    bool to_pool = over && (k->keep_alive || told_to_close);
    // What was sent last on an upgraded connection has still to leave.
    if (why == EXCHANGE_COMPLETE && k->conn && !to_pool) {
        conn_close(k->conn, CONN_CLOSE_FLUSH);
        k->conn = NULL;
    }
    call_close(k, to_pool);
}

static const struct exchange_ops end_ops = {
    .head = end_head,
    .data = end_data,
    .finish = end_finish,
    .credit = end_credit,
    .closed = end_closed,
};

bool upstream_attach(struct upstream *u, struct exchange *x)
{
    struct call *k = malloc(sizeof(*k)); // calloc takes nothing from the thread's cache
    if (!k)
        return false;
    *k = (struct call){.upstream = u, .end.ops = &end_ops, .credit = LIMIT_CREDIT_BYTES};
    x->upstream = u->name;
    exchange_attach(x, &k->end);
    return true;
}
