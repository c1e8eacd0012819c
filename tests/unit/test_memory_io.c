// SPDX-License-Identifier: MIT
// Each allocation fails in turn while a connection is dialled, accepted, used both ways and closed,
// over TCP and over TLS: one of its ends is told, and nothing is left behind.
#include "common/io/dial.h"
#include "common/io/listener.h"
#include "conn_fixture.h"
#include "tests/support/chance.h"
#include "tests/support/failing_memory.h"
#include "tests/support/tls_pair.h"

enum {
    BULK = 300 * 1000,
    LEFT = 1000 // bytes that a reader leaves unread as long as more may come
};

// One end of the connection, which needs no memory.
struct end {
    struct conn *conn;
    size_t got;
    bool connected;
};

static struct {
    struct owner *o; // its loop
    struct tls_files files;
    struct tls_pair contexts;
    struct listener listener;
    struct dial_target target;
    struct dial *dial;
    struct end client, server;
    bool told;
} the;

static void tell(void)
{
    the.told = true;
}

static void send_bulk(struct end *e)
{
    static uint8_t bytes[BULK];
    pattern_write(bytes, sizeof(bytes), 1, 0);
    e->connected = true;
    if (!conn_write(e->conn, bytes, sizeof(bytes)))
        tell();
}

static void on_readable(struct conn *c)
{
    struct end *e = conn_owner(c);
    struct slice in = conn_in(c);
    bool all = e->got + in.len == BULK;
    size_t take = all ? in.len : in.len > LEFT ? in.len - LEFT : 0;
    if (!pattern_is(in.p, in.len, 1, e->got))
        fail_msg("bytes behind %zu are not those that were sent", e->got);
    conn_consume(c, take);
    e->got += take;
}

static void on_sent(struct conn *c)
{
    (void)c;
}

static void on_eof(struct conn *c)
{
    (void)c;
    tell();
}

static void on_failed(struct conn *c, int error)
{
    struct end *e = conn_owner(c);
    assert_true(error < 0);
    e->conn = NULL;
    tell();
}

static void on_connected(struct conn *c)
{
    send_bulk(conn_owner(c));
}

static const struct conn_ops end_ops = {on_readable, on_sent, on_eof, on_failed, on_connected};

static void on_accepted(const struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    (void)peer;
    the.server.conn = listener_conn(l, fd, &end_ops, &the.server);
    if (!the.server.conn) {
        tell();
        return;
    }
    conn_want_read(the.server.conn, true);
    if (!l->tls)
        send_bulk(&the.server);
}

static void on_dialled(void *ctx, struct conn *c, int error)
{
    (void)ctx;
    the.dial = NULL;
    the.client.conn = c;
    assert_int_equal(c == NULL, error != 0);
    if (!c) {
        tell();
        return;
    }
    conn_set_owner(c, &end_ops, &the.client);
    conn_want_read(c, true);
    send_bulk(&the.client);
}

static void trial(void *ctx)
{
    (void)ctx;
    int descriptor = next_descriptor();
    the.client = the.server = (struct end){0};
    the.told = false;
    the.dial = dial_start(&the.o->loop, &the.target, on_dialled, NULL);
    the.told = !the.dial;
    WAIT(the.o, the.told || (the.client.got == BULK && the.server.got == BULK));
    (void)failing_memory_end();
    assert_true(failing_memory_has_failed() || !the.told);
    dial_cancel(the.dial);
    serve(the.o); // a connection whose other end is gone is accepted
    conn_close(the.client.conn, CONN_CLOSE_NOW);
    conn_close(the.server.conn, CONN_CLOSE_NOW);
    conn_close_all(&the.o->loop);
    serve(the.o);
    assert_null(the.o->loop.conns.first);
    assert_int_equal(next_descriptor(), descriptor);
}

static void run(const char *host, bool tls)
{
    struct sockaddr_storage at;
    struct sockaddr_storage actual;
    assert_true(address_parse("127.0.0.1:0", &at));
    the.listener = (struct listener){.accepted = on_accepted};
    the.listener.tls = tls ? the.contexts.server : NULL;
    assert_int_equal(listener_open(&the.listener, &the.o->loop, &at, &actual), 0);
    the.target = (struct dial_target){.port = address_port(&actual)};
    the.target.tls = tls ? the.contexts.client : NULL;
    (void)snprintf(the.target.host, sizeof(the.target.host), "%s", host);
    assert_in_range(failing_memory_each(trial, NULL), 5, 1000);
    listener_close(&the.listener);
    serve(the.o);
}

static void a_connection_over_tcp(void **state)
{
    (void)state;
    run("localhost", false);
}

static void a_connection_over_tls(void **state)
{
    (void)state;
    run("127.0.0.1", true);
}

static int begin(void **state)
{
    (void)state;
    the.o = owner_new();
    tls_files_make(&the.files);
    tls_pair_contexts(&the.contexts, &the.files, "http/1.1", "http/1.1");
    return 0;
}

static int end(void **state)
{
    (void)state;
    owner_free(the.o);
    tls_pair_free_contexts(&the.contexts);
    tls_files_remove(&the.files);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_over_tcp),
        cmocka_unit_test(a_connection_over_tls),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
