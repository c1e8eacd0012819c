// SPDX-License-Identifier: MIT
#include "edge.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include "limits.h"
#include "proto/fields.h"

enum edge_state {
    EDGE_IDLE,     // waits for the first byte of a request
    EDGE_HEAD,     // waits for the rest of its head
    EDGE_EXCHANGE, // an exchange runs: waits for the request's body, and the response
    EDGE_CLOSED,   // waits to be freed
};

struct edge {
    struct exchange_end end;
    struct edge_set *set;
    struct edge *prev, *next;
    struct conn *conn;
    struct timeout limit;
    struct loop_task free_task;
    enum edge_state state;
    bool keep_alive, version_10;
    bool upgrade_offered, upgraded;
    bool request_done;   // its body is whole
    bool response_begun; // its final head was written
    bool response_ended; // it is whole
    bool chunked, until_close;
    size_t scanned;   // of the head
    size_t head_len;  // of the request whose head is being handled
    ptrdiff_t credit; // bytes of body that the outbound takes now
    size_t owed;      // bytes of response that are not yet credited
    struct http1_body body;
    char visitor[INET6_ADDRSTRLEN];
};

static const struct http1_limits limits = {LIMIT_HEAD_BYTES, MESSAGE_FIELDS_MAX};

static struct edge *edge_of(struct exchange_end *end)
{
    return container_of(end, struct edge, end);
}

struct exchange_end *edge_end(struct edge *e)
{
    return &e->end;
}

struct slice edge_visitor(const struct edge *e)
{
    return slice_str(e->visitor);
}

static void on_free(struct loop_task *task)
{
    free(container_of(task, struct edge, free_task));
}

// The one way an edge ends. Its exchange, if any, must have been told before.
static void edge_close(struct edge *e, enum conn_end how)
{
    if (e->state == EDGE_CLOSED)
        return;
    e->state = EDGE_CLOSED;
    timeout_stop(&e->limit);
    conn_close(e->conn, how);
    e->conn = NULL;
    if (e->prev)
        e->prev->next = e->next;
    else
        e->set->first = e->next;
    if (e->next)
        e->next->prev = e->prev;
    e->set->count--;
    e->free_task.run = on_free;
    loop_queue(e->set->loop, &e->free_task);
}

struct conn *edge_take(struct edge *e)
{
    struct conn *c = e->conn;
    conn_consume(c, e->head_len);
    if (e->end.x)
        exchange_discard(e->end.x);
    e->conn = NULL;
    edge_close(e, CONN_END_NOW);
    return c;
}

static void on_limit(struct timeout *t);

// A visitor who asks on and on without reading the answers is not heard until they have left.
static bool reads_too_little(const struct edge *e)
{
    return e->state != EDGE_EXCHANGE && conn_pending(e->conn) > LIMIT_UNREAD_ANSWERS_BYTES;
}

// The one place that decides whether we read and what the visitor's time limit is.
static void update(struct edge *e)
{
    if (e->state == EDGE_CLOSED)
        return;
    bool body = e->state == EDGE_EXCHANGE && (!e->request_done || e->upgraded);
    bool read = !reads_too_little(e);
    e->conn->read_max = LIMIT_READ_BYTES;
    if (body) {
        read = e->credit >= LIMIT_CREDIT_MIN;
        e->conn->read_max = read ? (uint32_t)e->credit : 0;
    } else if (e->state == EDGE_EXCHANGE) {
        read = conn_in(e->conn).len < LIMIT_HEAD_BYTES;
    }
    conn_want_read(e->conn, read);
    if (e->state != EDGE_EXCHANGE)
        return;
    if (e->upgraded && e->response_ended)
        return; // LIMIT_HALF_CLOSED_MS runs
    if (body && read && !e->upgraded)
        timeout_start(e->set->loop, &e->limit, LIMIT_BODY_IDLE_MS, on_limit);
    else
        timeout_stop(&e->limit);
}

// Writes a response head with the fields of this hop behind it. False when out of memory.
static bool write_head(struct edge *e, const struct http_head *head, struct slice hop_fields)
{
    size_t len = http1_write_response(NULL, 0, head);
    char *out = conn_reserve(e->conn, len + hop_fields.len);
    if (!out)
        return false;
    (void)http1_write_response(out, len, head);
    memcpy(out + len - 2, hop_fields.p, hop_fields.len); // over the empty line, which follows again
    memcpy(out + len - 2 + hop_fields.len, "\r\n", 2);
    conn_written(e->conn, len + hop_fields.len);
    return true;
}

// Our own answer where there is no exchange; the connection ends with it.
static void answer_and_close(struct edge *e, enum answer answer)
{
    char text[ANSWER_TEXT_MAX];
    struct http_head head;
    struct slice body;
    answer_make(answer, ANSWER_TEXT, text, &head, &body);
    if (write_head(e, &head, SLICE("connection: close\r\n")))
        (void)conn_write(e->conn, body.p, body.len);
    edge_close(e, CONN_END_FLUSH);
}

// Gives up on the visitor in the middle of an exchange.
static void break_off(struct edge *e, enum exchange_why why, enum answer answer)
{
    bool begun = e->response_begun;
    exchange_abort(&e->end, why);
    if (!begun && why != EXCHANGE_VISITOR_GONE)
        answer_and_close(e, answer);
    else
        edge_close(e, CONN_END_RESET);
}

static void on_limit(struct timeout *t)
{
    struct edge *e = container_of(t, struct edge, limit);
    switch (e->state) {
    case EDGE_IDLE: edge_close(e, CONN_END_FLUSH); return;
    case EDGE_HEAD: answer_and_close(e, ANSWER_REQUEST_TIMEOUT); return;
    case EDGE_EXCHANGE: break_off(e, EXCHANGE_TIMEOUT, ANSWER_REQUEST_TIMEOUT); return;
    case EDGE_CLOSED: return;
    }
}

static void begin_exchange(struct edge *e, const struct http_head *head,
                           const struct body_framing *framing)
{
    e->state = EDGE_EXCHANGE;
    e->keep_alive = http1_keeps_alive(head);
    e->version_10 = head->minor_version == 0;
    e->upgrade_offered = head->upgrade.len > 0;
    e->response_ended = e->upgraded = false;
    e->request_done = e->response_begun = e->chunked = e->until_close = false;
    e->credit = LIMIT_CREDIT_BYTES;
    e->owed = 0;
    http1_body_init(&e->body, framing);
    timeout_stop(&e->limit);
}

// The body of the request is whole. With an offer to upgrade the direction stays open until the
// response decides.
static void request_done(struct edge *e, const struct http_head *trailers)
{
    e->request_done = true;
    if (!e->upgrade_offered && e->end.x)
        exchange_finish(&e->end, trailers);
}

static void handle_request(struct edge *e, struct http_head *head, size_t len)
{
    struct body_framing framing;
    int error = http1_request_framing(head, &framing);
    if (error) {
        answer_and_close(e, answer_of_http1(error));
        return;
    }
    if (framing.kind == BODY_CHUNKED)
        head->upgrade.len =
            0; // where a chunked body ends and the upgraded stream begins would be lost
    struct exchange *x = exchange_new(&e->end, head, e->set->observer);
    if (!x) {
        edge_close(e, CONN_END_NOW);
        return;
    }
    begin_exchange(e, head, &framing);
    e->head_len = len;
    e->set->request(e->set->ctx, e, x, head, &framing);
    if (e->state == EDGE_CLOSED)
        return;
    conn_consume(e->conn, len);
    if (e->end.x && http1_body_done(&e->body))
        request_done(e, NULL);
}

// Returns whether there is more to do with what is left.
static bool read_head(struct edge *e)
{
    struct slice in = conn_in(e->conn);
    struct http_head head;
    int n = http1_parse_request(in.p, in.len, &e->scanned, &limits, &head);
    if (n < 0) {
        answer_and_close(e, answer_of_http1(n));
        return false;
    }
    if (n == 0) {
        if (e->state == EDGE_IDLE) {
            e->state = EDGE_HEAD;
            timeout_start(e->set->loop, &e->limit, LIMIT_HEAD_MS, on_limit);
        }
        return false;
    }
    e->scanned = 0;
    handle_request(e, &head, (size_t)n);
    return true;
}

static bool read_tunnel(struct edge *e)
{
    struct slice in = conn_in(e->conn);
    if (e->credit <= 0 || !e->end.x)
        return false;
    e->credit -= (ptrdiff_t)in.len;
    if (e->response_ended)
        timeout_start(e->set->loop, &e->limit, LIMIT_HALF_CLOSED_MS, on_limit);
    exchange_data(&e->end, in.p, in.len);
    if (e->conn)
        conn_consume(e->conn, in.len);
    return false;
}

static bool read_body(struct edge *e)
{
    struct slice in = conn_in(e->conn);
    struct slice data = {0};
    struct http_head trailers;
    if (e->upgraded)
        return read_tunnel(e);
    if (e->request_done || e->credit <= 0 || !e->end.x)
        return false;
    int n = http1_body_feed(&e->body, in.p, in.len, &limits, &data, &trailers);
    if (n < 0) {
        break_off(e, EXCHANGE_PROTOCOL, answer_of_http1(n));
        return false;
    }
    if (data.len > 0) {
        e->credit -= (ptrdiff_t)data.len;
        exchange_data(&e->end, data.p, data.len);
    }
    if (e->state == EDGE_CLOSED)
        return false;
    bool done = http1_body_done(&e->body);
    if (done && e->end.x) {
        bool chunked = e->body.kind == BODY_CHUNKED;
        if (chunked)
            fields_strip_trailers(&trailers);
        request_done(e, chunked && trailers.field_count ? &trailers : NULL);
    }
    if (e->state != EDGE_CLOSED)
        conn_consume(e->conn, (size_t)n);
    return n > 0;
}

static void on_readable(struct conn *c)
{
    struct edge *e = c->owner;
    bool more = true;
    while (more && e->state != EDGE_CLOSED && conn_in(e->conn).len > 0 && !reads_too_little(e)) {
        switch (e->state) {
        case EDGE_IDLE:
        case EDGE_HEAD: more = read_head(e); break;
        case EDGE_EXCHANGE: more = read_body(e); break;
        case EDGE_CLOSED: more = false; break;
        }
    }
    update(e);
}

static void on_sent(struct conn *c)
{
    struct edge *e = c->owner;
    size_t pending = conn_pending(c);
    if (e->state != EDGE_EXCHANGE) {
        conn_recheck(c);
        update(e);
        return;
    }
    if (e->owed <= pending)
        return;
    size_t credit = e->owed - pending;
    e->owed = pending;
    exchange_credit(&e->end, credit);
}

static void on_eof(struct conn *c)
{
    struct edge *e = c->owner;
    if (e->state == EDGE_EXCHANGE && e->upgraded)
        exchange_finish(&e->end, NULL);
    else if (e->state == EDGE_EXCHANGE)
        break_off(e, EXCHANGE_VISITOR_GONE, ANSWER_BAD_REQUEST);
    else
        edge_close(e, CONN_END_FLUSH);
}

static void on_failed(struct conn *c, int error)
{
    struct edge *e = c->owner;
    (void)error;
    e->conn = NULL;
    exchange_abort(&e->end, EXCHANGE_VISITOR_GONE);
    edge_close(e, CONN_END_NOW);
}

static const struct conn_ops conn_ops = {on_readable, on_sent, on_eof, on_failed, NULL};

// The fields of this hop (RFC 9112 §6.1, §9.6; RFC 9110 §7.8), as text.
static size_t hop_fields(struct edge *e, const struct http_head *head,
                         const struct body_framing *framing, char *out)
{
    size_t n = 0;
    e->chunked = framing->kind == BODY_CHUNKED && !e->version_10;
    e->until_close =
        framing->kind == BODY_UNTIL_CLOSE || (framing->kind == BODY_CHUNKED && e->version_10);
    if (e->until_close)
        e->keep_alive = false;
    struct slice parts[2] = {{0}, {0}};
    if (head->status == 101)
        parts[0] = SLICE("connection: upgrade\r\nupgrade: ");
    else if (e->chunked)
        parts[0] = SLICE("transfer-encoding: chunked\r\n");
    if (head->status != 101 && !e->keep_alive)
        parts[1] = SLICE("connection: close\r\n");
    else if (head->status != 101 && e->version_10)
        parts[1] = SLICE("connection: keep-alive\r\n");
    for (int i = 0; i < 2; i++) {
        if (parts[i].len > 0)
            memcpy(out + n, parts[i].p, parts[i].len);
        n += parts[i].len;
    }
    if (head->status == 101 && head->upgrade.len <= 255) {
        memcpy(out + n, head->upgrade.p, head->upgrade.len);
        n += head->upgrade.len;
        memcpy(out + n, "\r\n", 2);
        n += 2;
    }
    return n;
}

// The response to an offered upgrade decides what becomes of the request's direction.
static void settle_upgrade(struct edge *e, const struct http_head *head)
{
    if (!e->upgrade_offered)
        return;
    e->upgrade_offered = false;
    e->upgraded = head->status == 101;
    if (e->upgraded)
        conn_recheck(e->conn);
    else if (e->request_done && e->end.x)
        exchange_finish(&e->end, NULL);
}

static void end_head(struct exchange_end *end, const struct http_head *head,
                     const struct body_framing *framing)
{
    struct edge *e = edge_of(end);
    char hop[512];
    bool interim = head->status < 200 && head->status != 101;
    if (interim && e->version_10)
        return; // RFC 9110 §15.2: a 1.0 client knows no 1xx
    size_t hop_len = interim ? 0 : hop_fields(e, head, framing, hop);
    if (!write_head(e, head, slice_of(hop, hop_len))) {
        break_off(e, EXCHANGE_MEMORY, ANSWER_BUSY);
        return;
    }
    if (interim)
        return;
    e->response_begun = true;
    settle_upgrade(e, head);
    update(e);
}

static void end_data(struct exchange_end *end, const char *bytes, size_t len)
{
    struct edge *e = edge_of(end);
    char *out = conn_reserve(e->conn, len + 24);
    if (!out) {
        break_off(e, EXCHANGE_MEMORY, ANSWER_BUSY);
        return;
    }
    size_t n = e->chunked ? http1_write_chunk_head(out, len) : 0;
    memcpy(out + n, bytes, len);
    n += len;
    if (e->chunked) {
        memcpy(out + n, "\r\n", 2);
        n += 2;
    }
    conn_written(e->conn, n);
    e->owed += len;
}

static void end_finish(struct exchange_end *end, const struct http_head *trailers)
{
    struct edge *e = edge_of(end);
    e->response_ended = true;
    if (e->upgraded) {
        // The limit first: the shutdown flushes, and may find the visitor gone.
        timeout_start(e->set->loop, &e->limit, LIMIT_HALF_CLOSED_MS, on_limit);
        conn_shutdown(e->conn);
        return;
    }
    if (!e->chunked)
        return;
    size_t need = http1_write_last_chunk(NULL, 0, trailers);
    char *out = conn_reserve(e->conn, need);
    if (!out) {
        break_off(e, EXCHANGE_MEMORY, ANSWER_BUSY);
        return;
    }
    (void)http1_write_last_chunk(out, need, trailers);
    conn_written(e->conn, need);
}

static void end_credit(struct exchange_end *end, size_t len)
{
    struct edge *e = edge_of(end);
    e->credit += (ptrdiff_t)len;
    if (conn_in(e->conn).len > 0)
        conn_recheck(e->conn);
    update(e);
}

static void end_closed(struct exchange_end *end, enum exchange_why why)
{
    struct edge *e = edge_of(end);
    if (e->state == EDGE_CLOSED)
        return;
    if (why != EXCHANGE_COMPLETE) {
        bool cut_shows =
            e->response_ended || (e->response_begun && !e->until_close && !e->upgraded);
        edge_close(e, cut_shows ? CONN_END_FLUSH : CONN_END_RESET);
        return;
    }
    if (e->upgraded || !e->keep_alive) {
        edge_close(e, CONN_END_FLUSH);
        return;
    }
    e->state = EDGE_IDLE;
    timeout_start(e->set->loop, &e->limit, LIMIT_KEEPALIVE_MS, on_limit);
    conn_recheck(e->conn);
    update(e);
}

static const struct exchange_ops end_ops = {end_head, end_data, end_finish, end_credit, end_closed};

static void note_visitor(struct edge *e)
{
    struct sockaddr_storage addr;
    int len = sizeof(addr);
    e->visitor[0] = 0;
    if (uv_tcp_getpeername(&e->conn->tcp, (struct sockaddr *)&addr, &len))
        return;
    if (addr.ss_family == AF_INET)
        (void)uv_ip4_name((struct sockaddr_in *)&addr, e->visitor, sizeof(e->visitor));
    else if (addr.ss_family == AF_INET6)
        (void)uv_ip6_name((struct sockaddr_in6 *)&addr, e->visitor, sizeof(e->visitor));
}

void edge_accept(struct edge_set *set, uv_stream_t *listener)
{
    struct edge *e = calloc(1, sizeof(*e));
    struct conn *c = conn_accept(set->loop, listener, &conn_ops, e);
    if (!e || !c) {
        free(e);
        conn_close(c, CONN_END_NOW);
        return;
    }
    e->set = set;
    e->conn = c;
    e->end.ops = &end_ops;
    e->next = set->first;
    if (set->first)
        set->first->prev = e;
    set->first = e;
    set->count++;
    note_visitor(e);
    timeout_start(set->loop, &e->limit, LIMIT_HEAD_MS, on_limit);
    update(e);
}

void edge_set_close(struct edge_set *set)
{
    while (set->first) {
        struct edge *e = set->first;
        exchange_abort(&e->end, EXCHANGE_VISITOR_GONE);
        edge_close(e, CONN_END_NOW);
    }
}
