// SPDX-License-Identifier: MIT
// Visitors over TLS 1.3, who trust any certificate; each ends by itself after SECONDS.
//   tls pull PORT HOST PATH SECONDS         as pull does
//   tls hold PORT HOST PATH COUNT SECONDS   as hold does, with whole responses
//   tls handshakes PORT HOST SECONDS        full handshakes, some at a time, for SECONDS; each
//                                           connection is reset at once. Prints them as JSON.
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "wire.h"

enum {
    AT_A_TIME = 16, // handshakes under way
    SPARE_SECONDS = 5
};

struct visitor {
    SSL *ssl;
    int fd;
};

static SSL_CTX *context(void)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (c == NULL || !SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION))
        wire_die("tls", "OpenSSL");
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    return c;
}

static struct visitor visitor_open(SSL_CTX *c, int port, const char *host)
{
    struct visitor v = {.ssl = SSL_new(c), .fd = wire_connect(port, WIRE_WINDOW_AUTO)};
    char name[256];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(host, ":"), host);
    if (v.fd < 0 || v.ssl == NULL || !SSL_set_fd(v.ssl, v.fd) ||
        !SSL_set_tlsext_host_name(v.ssl, name))
        wire_die("tls", "connect");
    return v;
}

// Closes by RST: no port waits in TIME_WAIT.
static void visitor_close(struct visitor *v)
{
    struct linger now = {.l_onoff = 1};
    (void)setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    SSL_free(v->ssl);
    close(v->fd);
}

// Sends a GET and reads the head of its response, with the first bytes of the body.
static void visitor_ask(struct visitor *v, const char *host, const char *path, struct wire_head *h)
{
    char request[512];
    int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
    int complete = 0;
    *h = (struct wire_head){.len = 0};
    if (SSL_connect(v->ssl) != 1 || SSL_write(v->ssl, request, len) != len)
        wire_die("tls", "no handshake");
    while (complete == 0) {
        int got = SSL_read(v->ssl, h->bytes + h->len, (int)(sizeof h->bytes - h->len));
        complete = got > 0 ? wire_head_feed(h, (size_t)got) : -1;
    }
    if (complete < 0 || h->status != 200 || h->content_length < 0) {
        fprintf(stderr, "tls: wanted 200 with a Content-Length, got:\n%.*s\n", (int)h->len,
                h->bytes);
        exit(1);
    }
}

// Reads the rest of the body. Returns its bytes in all.
static int64_t visitor_drain(struct visitor *v, const struct wire_head *h)
{
    static char block[WIRE_BLOCK];
    int64_t body = (int64_t)(h->len - h->end);
    int got = 1;
    while (body < h->content_length && got > 0) {
        got = SSL_read(v->ssl, block, sizeof block);
        body += got > 0 ? got : 0;
    }
    if (body != h->content_length) {
        fprintf(stderr, "tls: %lld of %lld bytes came\n", (long long)body,
                (long long)h->content_length);
        exit(1);
    }
    return body;
}

static int pull(int port, const char *host, const char *path)
{
    struct visitor v = visitor_open(context(), port, host);
    struct wire_head head;
    double start = wire_now_s();
    visitor_ask(&v, host, path, &head);
    double first = wire_now_s();
    int64_t body = visitor_drain(&v, &head);
    printf("{\"bytes\": %lld, \"seconds\": %.6f, \"first_byte_ms\": %.3f}\n", (long long)body,
           wire_now_s() - start, (first - start) * 1e3);
    visitor_close(&v);
    return 0;
}

static int count_lost(const struct visitor *visitors, int count)
{
    int lost = 0;
    for (int i = 0; i < count; i++) {
        struct pollfd one = {.fd = visitors[i].fd, .events = POLLRDHUP};
        lost += poll(&one, 1, 0) > 0 && (one.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
    }
    return lost;
}

static int hold(int port, const char *host, const char *path, int count)
{
    SSL_CTX *c = context();
    struct visitor *visitors = calloc((size_t)count, sizeof *visitors);
    char rest[64];
    if (visitors == NULL)
        wire_die("tls", "start");
    for (int i = 0; i < count; i++) {
        struct wire_head head;
        visitors[i] = visitor_open(c, port, host);
        visitor_ask(&visitors[i], host, path, &head);
        (void)visitor_drain(&visitors[i], &head);
    }
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, rest, sizeof rest) > 0)
        continue;
    int lost = count_lost(visitors, count);
    printf("{\"held\": %d, \"lost\": %d}\n", count - lost, lost);
    return 0;
}

// Goes on with a handshake. Returns whether it is done; sets the events that it waits for.
static int shake(struct visitor *v, struct pollfd *waits)
{
    int result = SSL_do_handshake(v->ssl);
    int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(v->ssl, result);
    waits->events = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        wire_die("tls", "a handshake failed");
    return error == SSL_ERROR_NONE;
}

static struct visitor begin(SSL_CTX *c, int port, const char *host, struct pollfd *waits)
{
    struct visitor v = visitor_open(c, port, host);
    if (fcntl(v.fd, F_SETFL, O_NONBLOCK) != 0)
        wire_die("tls", "fcntl");
    SSL_set_connect_state(v.ssl);
    *waits = (struct pollfd){.fd = v.fd};
    (void)shake(&v, waits); // sends the ClientHello
    return v;
}

static int handshakes(int port, const char *host, int seconds)
{
    SSL_CTX *c = context();
    struct visitor visitors[AT_A_TIME];
    struct pollfd waits[AT_A_TIME];
    double start = wire_now_s();
    long done = 0;
    for (int i = 0; i < AT_A_TIME; i++)
        visitors[i] = begin(c, port, host, &waits[i]);
    while (wire_now_s() - start < seconds) {
        if (poll(waits, AT_A_TIME, 1000) <= 0)
            wire_die("tls", "no answer");
        for (int i = 0; i < AT_A_TIME; i++) {
            if (waits[i].revents == 0 || !shake(&visitors[i], &waits[i]))
                continue;
            done++;
            visitor_close(&visitors[i]);
            visitors[i] = begin(c, port, host, &waits[i]);
        }
    }
    printf("{\"handshakes\": %ld, \"seconds\": %.6f}\n", done, wire_now_s() - start);
    for (int i = 0; i < AT_A_TIME; i++)
        visitor_close(&visitors[i]);
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 3 ? argv[1] : "";
    const int port = argc > 3 ? wire_int(argv[2]) : 0;
    if (argc > 3)
        alarm((unsigned)wire_int(argv[argc - 1]) + SPARE_SECONDS);
    if (argc == 6 && strcmp(mode, "pull") == 0)
        return pull(port, argv[3], argv[4]);
    if (argc == 7 && strcmp(mode, "hold") == 0)
        return hold(port, argv[3], argv[4], wire_int(argv[5]));
    if (argc == 5 && strcmp(mode, "handshakes") == 0)
        return handshakes(port, argv[3], wire_int(argv[4]));
    fprintf(stderr, "usage: tls pull|hold|handshakes PORT HOST ... SECONDS\n");
    return 2;
}
