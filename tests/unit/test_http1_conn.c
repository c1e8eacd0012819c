// SPDX-License-Identifier: MIT
// HTTP/1.1 on a connection, either side of it: bodies that are read against credit, messages that
// are written, credit for what has left.
#include "common/http1/http1_conn.h"
#include "conn_fixture.h"
#include "tests/support/check.h"

// The endpoint at the other side of the exchange: keeps what it gets.
struct other {
    struct exchange_endpoint endpoint;
    struct buf got;
    char trailers[64]; // their names, one behind the other
    int finished, closed;
    size_t credit;
};

// The side that is tested, on the connection of an owner.
struct side {
    struct http1_conn h;
    struct owner *o;
    struct other other;
    struct exchange *x;
    struct buf kept; // without a connection
    bool lacks_memory;
    uint64_t counted, most; // bytes of wire; `most` 0: no limit
    int whole, malformed, failed;
};

static struct side *side_of(struct exchange_endpoint *e)
{
    return container_of(e, struct side, h.endpoint);
}

static struct other *other_of(struct exchange_endpoint *e)
{
    return container_of(e, struct other, endpoint);
}

static void other_head(struct exchange_endpoint *e, const struct http_head *head,
                       const struct body_framing *framing)
{
    (void)e;
    (void)head;
    (void)framing;
}

static void other_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    CHECK(buf_append(&other_of(e)->got, bytes, len));
}

static void other_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    struct other *o = other_of(e);
    size_t len = 0;
    o->finished++;
    for (size_t i = 0; trailers && i < trailers->field_count; i++) {
        const struct slice name = trailers->fields[i].name;
        assert_true(len + name.len < sizeof(o->trailers));
        memcpy(o->trailers + len, name.p, name.len);
        len += name.len;
    }
}

static void other_credit(struct exchange_endpoint *e, size_t len)
{
    other_of(e)->credit += len;
}

static void other_unwanted(struct exchange_endpoint *e)
{
    (void)e;
}

static void other_closed(struct exchange_endpoint *e, const struct exchange *x,
                         enum exchange_outcome why)
{
    (void)x;
    (void)why;
    other_of(e)->closed++;
}

static const struct exchange_ops other_ops = {.head = other_head,
                                              .data = other_data,
                                              .finish = other_finish,
                                              .unwanted = other_unwanted,
                                              .credit = other_credit,
                                              .closed = other_closed};

static bool side_count(struct http1_conn *h, size_t wire_bytes)
{
    struct side *s = side_of(&h->endpoint);
    s->counted += wire_bytes;
    return s->most == 0 || s->counted <= s->most;
}

static void side_whole(struct http1_conn *h, const struct http_head *trailers)
{
    side_of(&h->endpoint)->whole++;
    exchange_finish(&h->endpoint, trailers);
}

static void side_malformed(struct http1_conn *h, int error)
{
    side_of(&h->endpoint)->malformed = error;
}

static void side_failed(struct http1_conn *h)
{
    side_of(&h->endpoint)->failed++;
}

static bool side_keep(struct http1_conn *h, const void *bytes, size_t len)
{
    struct side *s = side_of(&h->endpoint);
    return !s->lacks_memory && buf_append(&s->kept, bytes, len);
}

static struct http1_limits side_limits(const struct http1_conn *h)
{
    (void)h;
    return (struct http1_limits){1000, 10};
}

static const struct http1_conn_ops http1_ops = {.count = side_count,
                                                .whole = side_whole,
                                                .malformed = side_malformed,
                                                .failed = side_failed,
                                                .keep = side_keep,
                                                .limits = side_limits};

static void side_credit(struct exchange_endpoint *e, size_t len)
{
    (void)e;
    (void)len;
}

static void side_closed(struct exchange_endpoint *e, const struct exchange *x,
                        enum exchange_outcome why)
{
    (void)e;
    (void)x;
    (void)why;
}

static const struct exchange_ops side_ops = {.head = other_head,
                                             .data = http1_conn_data,
                                             .finish = http1_conn_finish,
                                             .credit = side_credit,
                                             .unwanted = other_unwanted,
                                             .closed = side_closed};

static void on_readable(struct conn *c)
{
    struct side *s = conn_owner(c);
    while (http1_conn_read_body(&s->h) && conn_in(c).len > 0)
        ;
    if (s->h.endpoint.x && s->whole == 0)
        http1_conn_want_body(&s->h, LIMIT_READ_BYTES);
}

static void on_sent(struct conn *c)
{
    http1_conn_sent(&((struct side *)conn_owner(c))->h);
}

static const struct conn_ops conn_ops = {on_readable, on_sent, owner_eof, owner_failed, NULL};

static struct http_head request_of(struct slice connection)
{
    struct http_head head = {.method = SLICE("POST"), .target = SLICE("/"), .minor_version = 1};
    if (connection.len > 0)
        assert_true(head_add(&head, SLICE("Connection"), connection));
    return head;
}

// A visitor's side whose request has this body.
static struct side *side_new(struct body_framing framing, struct slice connection)
{
    struct side *s = calloc(1, sizeof(*s));
    struct http_head head = request_of(connection);
    assert_non_null(s);
    s->o = owner_of_tcp();
    s->h.endpoint.ops = &side_ops;
    s->h.ops = &http1_ops;
    s->h.conn = s->o->conn;
    s->other.endpoint.ops = &other_ops;
    s->x = exchange_new(&s->h.endpoint, &head, NULL);
    assert_non_null(s->x);
    assert_true(http1_conn_begin_body(&s->h, &head, &framing));
    exchange_attach(s->x, &s->other.endpoint);
    exchange_head(&s->h.endpoint, &head, &framing);
    conn_set_owner(s->o->conn, &conn_ops, s);
    http1_conn_want_body(&s->h, LIMIT_READ_BYTES);
    return s;
}

static void respond(struct side *s, struct body_framing framing)
{
    struct http_head head = {.status = framing.kind == BODY_TUNNEL ? 101 : 200};
    s->h.chunked = framing.kind == BODY_CHUNKED;
    exchange_head(&s->other.endpoint, &head, &framing);
}

static void side_free(struct side *s)
{
    if (s->h.endpoint.x)
        exchange_discard(s->x);
    http1_conn_free(&s->h);
    buf_free(&s->other.got);
    buf_free(&s->kept);
    owner_free(s->o);
    free(s);
}

static void assert_other_got(const struct side *s, const char *text)
{
    assert_int_equal(buf_len(&s->other.got), strlen(text));
    assert_memory_equal(buf_slice(&s->other.got).p, text, strlen(text));
}

static void assert_peer_gets(struct side *s, const char *text)
{
    char got[256] = "";
    size_t len = 0;
    while (len < strlen(text)) {
        loop_run_once(&s->o->loop);
        len += peer_take(s->o, got + len, sizeof(got) - 1 - len);
    }
    assert_string_equal(got, text);
}

static void what_follows_the_body_stays(void **state)
{
    struct side *s = side_new((struct body_framing){BODY_LENGTH, 5}, SLICE(""));
    (void)state;
    peer_send(s->o, "hel");
    WAIT(s->o, buf_len(&s->other.got) == 3);
    assert_int_equal(s->whole, 0);
    peer_send(s->o, "loGET /");
    WAIT(s->o, s->whole == 1);
    assert_other_got(s, "hello");
    assert_int_equal(s->other.finished, 1);
    assert_true(slice_eq(conn_in(s->o->conn), SLICE("GET /")));
    assert_int_equal(s->counted, 5);
    side_free(s);
}

static void chunks_arrive_without_their_coding_and_trailers_without_named_ones(void **state)
{
    struct side *s = side_new((struct body_framing){BODY_CHUNKED, 0}, SLICE("Mine"));
    (void)state;
    peer_send(s->o, "3\r\nabc\r\n2;x=1\r\nde\r\n0\r\nT: 1\r\nmine: 2\r\nU: 3\r\n\r\nrest");
    WAIT(s->o, s->whole == 1);
    assert_other_got(s, "abcde");
    assert_string_equal(s->other.trailers, "TU");
    assert_true(slice_eq(conn_in(s->o->conn), SLICE("rest")));
    side_free(s);
}

static void no_more_is_read_than_there_is_credit_for(void **state)
{
    enum {
        SIZE = LIMIT_CREDIT_BYTES + 4 * LIMIT_CREDIT_MIN
    };
    struct side *s = side_new((struct body_framing){BODY_LENGTH, SIZE}, SLICE(""));
    static char bytes[SIZE];
    (void)state;
    memset(bytes, 'x', SIZE);
    assert_int_equal(send(s->o->peer, bytes, SIZE, MSG_NOSIGNAL), SIZE);
    WAIT(s->o, exchange_may_send(&s->h.endpoint) < LIMIT_CREDIT_MIN);
    http1_conn_want_body(&s->h, LIMIT_READ_BYTES);
    serve(s->o);
    assert_in_range(buf_len(&s->other.got), LIMIT_CREDIT_BYTES - LIMIT_CREDIT_MIN,
                    LIMIT_CREDIT_BYTES);
    exchange_credit(&s->other.endpoint, buf_len(&s->other.got));
    http1_conn_want_body(&s->h, LIMIT_READ_BYTES);
    WAIT(s->o, s->whole == 1);
    assert_int_equal(buf_len(&s->other.got), SIZE);
    side_free(s);
}

static void the_owner_may_stop_a_body_and_is_told_of_a_malformed_one(void **state)
{
    struct side *s = side_new((struct body_framing){BODY_LENGTH, 5}, SLICE(""));
    (void)state;
    s->most = 2;
    peer_send(s->o, "hel");
    WAIT(s->o, s->counted > 0);
    assert_other_got(s, "");
    side_free(s);
    s = side_new((struct body_framing){BODY_CHUNKED, 0}, SLICE(""));
    peer_send(s->o, "zz\r\n");
    WAIT(s->o, s->malformed);
    assert_int_equal(s->malformed, HTTP1_E_CHUNK);
    assert_int_equal(s->whole, 0);
    side_free(s);
}

static void an_upgraded_stream_has_no_coding_either_way(void **state)
{
    struct side *s = side_new((struct body_framing){BODY_NONE, 0}, SLICE(""));
    (void)state;
    respond(s, (struct body_framing){BODY_TUNNEL, 0});
    http1_conn_want_body(&s->h, LIMIT_READ_BYTES);
    peer_send(s->o, "3\r\nabc");
    WAIT(s->o, buf_len(&s->other.got) == 6);
    assert_other_got(s, "3\r\nabc");
    exchange_data(&s->other.endpoint, "xyz", 3);
    assert_peer_gets(s, "xyz");
    exchange_finish(&s->other.endpoint, NULL);
    WAIT(s->o, recv(s->o->peer, (char[1]){0}, 1, 0) == 0); // a FIN
    side_free(s);
}

static void what_is_written_is_framed_and_credited_once_it_has_left(void **state)
{
    struct http_head trailers = {.field_count = 1, .fields = {{SLICE("T"), SLICE("1")}}};
    struct side *s = side_new((struct body_framing){BODY_LENGTH, 5}, SLICE(""));
    (void)state;
    respond(s, (struct body_framing){BODY_CHUNKED, 0});
    exchange_data(&s->other.endpoint, "hello", 5);
    assert_int_equal(s->other.credit, 0);
    exchange_finish(&s->other.endpoint, &trailers);
    assert_peer_gets(s, "5\r\nhello\r\n0\r\nT: 1\r\n\r\n");
    WAIT(s->o, s->other.credit == 5);
    side_free(s);
}

static void what_comes_before_the_connection_is_kept_or_fails(void **state)
{
    struct side *s = side_new((struct body_framing){BODY_LENGTH, 5}, SLICE(""));
    (void)state;
    respond(s, (struct body_framing){BODY_CHUNKED, 0});
    s->h.conn = NULL;
    exchange_data(&s->other.endpoint, "ab", 2);
    assert_true(slice_eq(buf_slice(&s->kept), SLICE("2\r\nab\r\n")));
    s->lacks_memory = true;
    exchange_data(&s->other.endpoint, "c", 1);
    assert_int_equal(s->failed, 1);
    exchange_finish(&s->other.endpoint, NULL);
    assert_int_equal(s->failed, 2);
    side_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_the_body_stays),
        cmocka_unit_test(chunks_arrive_without_their_coding_and_trailers_without_named_ones),
        cmocka_unit_test(no_more_is_read_than_there_is_credit_for),
        cmocka_unit_test(the_owner_may_stop_a_body_and_is_told_of_a_malformed_one),
        cmocka_unit_test(an_upgraded_stream_has_no_coding_either_way),
        cmocka_unit_test(what_is_written_is_framed_and_credited_once_it_has_left),
        cmocka_unit_test(what_comes_before_the_connection_is_kept_or_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
