// SPDX-License-Identifier: MIT
// Our TLS with that of others: curl and openssl's own client and server, as processes beside the
// loop.
#include "conn_tls_fixture.h"

// A process whose output and errors go to pipes of the loop.
struct program {
    uv_process_t process;
    uv_pipe_t pipes[2];
    int open; // of them
    struct buf said;
    char block[4096];
    bool over;
    int64_t status;
};

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
    struct program *p = process->data;
    p->over = true;
    p->status = signal ? -signal : status;
}

static void on_block(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct program *p = handle->data;
    (void)suggested;
    *buf = uv_buf_init(p->block, sizeof(p->block));
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct program *p = stream->data;
    if (n > 0)
        assert_true(buf_append(&p->said, buf->base, (size_t)n));
    if (n >= 0)
        return;
    p->open--;
    uv_close((uv_handle_t *)stream, NULL);
}

// Runs it with the text as its standard input, or with none.
static void run(struct ends *e, struct program *p, const char **arguments, int input)
{
    *p = (struct program){.open = 2};
    uv_loop_t *loop = &e->server->loop.uv;
    for (int i = 0; i < 2; i++)
        assert_int_equal(uv_pipe_init(loop, &p->pipes[i], 0), 0);
    const uv_stdio_flags to_us = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    uv_stdio_container_t files[] = {
        {.flags = input < 0 ? UV_IGNORE : UV_INHERIT_FD, .data.fd = input},
        {.flags = to_us, .data.stream = (uv_stream_t *)&p->pipes[0]},
        {.flags = to_us, .data.stream = (uv_stream_t *)&p->pipes[1]},
    };
    const uv_process_options_t options = {.exit_cb = on_exit_status,
                                          .file = arguments[0],
                                          .args = (char **)(uintptr_t)arguments,
                                          .stdio = files,
                                          .stdio_count = 3};
    assert_int_equal(uv_spawn(loop, &p->process, &options), 0);
    p->process.data = p;
    for (int i = 0; i < 2; i++) {
        p->pipes[i].data = p;
        assert_int_equal(uv_read_start((uv_stream_t *)&p->pipes[i], on_block, on_output), 0);
    }
}

// How often it has said a text.
static int has_said(const struct program *p, const char *text)
{
    struct slice rest = buf_slice(&p->said);
    int times = 0;
    for (const char *at; (at = memmem(rest.p, rest.len, text, strlen(text))); times++)
        rest = slice_of(at + 1, rest.len - (size_t)(at + 1 - rest.p));
    return times;
}

static void finish(struct ends *e, struct program *p)
{
    WAIT(e->server, p->over && p->open == 0);
    uv_close((uv_handle_t *)&p->process, NULL);
    serve(e->server);
    buf_free(&p->said);
}

static void curl_downloads_and_uploads(void **state)
{
    static const char *const versions[] = {"--tlsv1.2", "--tlsv1.3"};
    static const char *const most[] = {"--tls-max", "1.2", "1.3"};
    enum {
        LEN = 1 << 20
    };
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ends *e = ends_new(NULL, "http/1.1");
        struct program p;
        char url[64];
        char body[80];
        char head[128];
        (void)snprintf(url, sizeof(url), "https://localhost:%u/", e->target.port);
        (void)snprintf(body, sizeof(body), "@%s", e->files.path[TLS_CHAIN]);
        const char *arguments[] = {"curl",      "-sS",
                                   "--noproxy", "*",
                                   "--cacert",  e->files.path[TLS_CA],
                                   versions[i], most[0],
                                   most[i + 1], "--data-binary",
                                   body,        url,
                                   NULL};
        run(e, &p, arguments, -1);
        WAIT(e->server, buf_len(&e->server->got) > 0 &&
                            memmem(buf_at(&e->server->got), buf_len(&e->server->got),
                                   "-----END CERTIFICATE-----", 25));
        (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LEN);
        assert_true(conn_write(e->server->conn, head, strlen(head)));
        char *to = conn_reserve(e->server->conn, LEN);
        pattern_write((uint8_t *)to, LEN, 4, 0);
        conn_written(e->server->conn, LEN);
        WAIT(e->server, p.over && p.open == 0);
        assert_int_equal(p.status, 0);
        assert_int_equal(buf_len(&p.said), LEN);
        assert_true(pattern_is(buf_at(&p.said), LEN, 4, 0));
        finish(e, &p);
        ends_free(e);
    }
}

static void curl_is_told_of_a_refusal(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    struct program p;
    char url[64];
    (void)state;
    (void)snprintf(url, sizeof(url), "https://localhost:%u/", e->target.port);
    const char *arguments[] = {"curl", "-s", "--cacert", e->files.path[TLS_OTHER_CA], url, NULL};
    run(e, &p, arguments, -1);
    WAIT(e->server, p.over && e->server->failed);
    assert_int_not_equal(p.status, 0);
    assert_int_equal(e->server->error, UV_ECONNABORTED);
    finish(e, &p);
    ends_free(e);
}

// openssl s_client, which asks for new keys: a line "K" is a key update, "Q" the end.
static void s_client_updates_keys(void **state)
{
    struct ends *e = ends_new(NULL, NULL);
    struct program p;
    char at[64];
    int input[2];
    (void)state;
    (void)snprintf(at, sizeof(at), "127.0.0.1:%u", e->target.port);
    const char *arguments[] = {"openssl",
                               "s_client",
                               "-connect",
                               at,
                               "-servername",
                               "localhost",
                               "-CAfile",
                               e->files.path[TLS_CA],
                               "-verify_return_error",
                               "-tls1_3",
                               NULL};
    assert_int_equal(pipe(input), 0);
    run(e, &p, arguments, input[0]);
    assert_int_equal(close(input[0]), 0);
    WAIT(e->server, e->server->connected);
    assert_true(slice_eq(conn_peer_name(e->server->conn), SLICE("localhost")));
    for (int i = 0; i < 3; i++) {
        size_t before = buf_len(&e->server->got);
        assert_int_equal(write(input[1], "K\n", 2), 2);
        WAIT(e->server, has_said(&p, "KEYUPDATE") == i + 1);
        assert_true(conn_write(e->server->conn, "from here\n", 10));
        assert_int_equal(write(input[1], "from there\n", 11), 11);
        WAIT(e->server, buf_len(&e->server->got) == before + 11);
    }
    WAIT(e->server, has_said(&p, "from here\n") == 3);
    assert_int_equal(write(input[1], "Q\n", 2), 2);
    WAIT(e->server, p.over && e->server->eofs);
    assert_int_equal(p.status, 0);
    assert_int_equal(close(input[1]), 0);
    finish(e, &p);
    ends_free(e);
}

static uint16_t port_said(const struct program *p)
{
    const char *line = memmem(buf_at(&p->said), buf_len(&p->said), "ACCEPT ", 7);
    const char *end = buf_at(&p->said) + buf_len(&p->said);
    unsigned port = 0;
    assert_non_null(line);
    const char *colon = memchr(line, ':', (size_t)(end - line));
    for (const char *c = colon + 1; colon && c < end && ascii_is_digit(*c); c++)
        port = port * 10 + (unsigned)(*c - '0');
    return (uint16_t)port;
}

// openssl s_server -rev, which sends each line back from its end.
static void s_server_answers(void **state)
{
    static const char *const versions[] = {"-tls1_2", "-tls1_3"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ends *e = ends_new("http/1.1", NULL);
        struct program p;
        const char *arguments[] = {"openssl",     "s_server",
                                   "-accept",     "127.0.0.1:0",
                                   "-cert",       e->files.path[TLS_CHAIN],
                                   "-cert_chain", e->files.path[TLS_CHAIN],
                                   "-key",        e->files.path[TLS_KEY],
                                   "-rev",        "-alpn",
                                   "http/1.1",    versions[i],
                                   "-naccept",    "1",
                                   NULL};
        run(e, &p, arguments, -1);
        WAIT(e->server, has_said(&p, "ACCEPT") && has_said(&p, "\n"));
        e->target.port = port_said(&p);
        ends_dial(e, "127.0.0.1");
        WAIT(e->server, e->dialled);
        assert_int_equal(e->dial_error, 0);
        assert_true(slice_eq(conn_alpn(e->client.conn), SLICE("http/1.1")));
        assert_true(conn_write(e->client.conn, "hello\n", 6));
        WAIT(e->server, buf_len(&e->client.got) == 6);
        assert_got(&e->client, "olleh\n");
        assert_true(conn_write(e->client.conn, "CLOSE\n", 6));
        WAIT(e->server, e->client.eofs || e->client.failed);
        assert_int_equal(e->client.eofs, 1);
        conn_close(e->client.conn, CONN_CLOSE_NOW);
        WAIT(e->server, p.over);
        finish(e, &p);
        ends_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curl_downloads_and_uploads),
        cmocka_unit_test(curl_is_told_of_a_refusal),
        cmocka_unit_test(s_client_updates_keys),
        cmocka_unit_test(s_server_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
