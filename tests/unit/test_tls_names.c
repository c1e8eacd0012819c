// SPDX-License-Identifier: MIT
// Which certificate a client is shown, what it holds for, and which sessions are resumed.
#include <openssl/evp.h>
#include <stdio.h>
#include "common/io/tls_cert.h"
#include "tls_chosen_fixture.h"

enum {
    PAIRS_MAX = 8
};

// Serves these pairs, in this order.
static void serve(struct chosen *c, const struct tls_made *made, size_t count)
{
    char paths[2 * PAIRS_MAX][TLS_PATH_MAX];
    struct tls_pair_files pairs[PAIRS_MAX];
    for (size_t i = 0; i < count; i++) {
        char chain[32];
        char key[32];
        (void)snprintf(chain, sizeof(chain), "%zu.pem", i);
        (void)snprintf(key, sizeof(key), "%zu.key", i);
        tls_maker_pair(&c->maker, chain, key, &made[i]);
        pairs[i].chain_file = tls_maker_path(&c->maker, chain, paths[2 * i]);
        pairs[i].key_file = tls_maker_path(&c->maker, key, paths[2 * i + 1]);
    }
    chosen_serve(c, &(struct tls_server_options){.pairs = pairs, .pair_count = count});
}

static const struct tls_made several[] = {
    {.names = "DNS:first.example"},
    {.names = "DNS:*.example.com"},
    {.names = "DNS:www.example.com,DNS:example.com"},
    {.names = "DNS:*.b.example.com,DNS:UPPER.example"},
    {.names = "DNS:*.com,DNS:*,DNS:a*.example.org,DNS:a.*.example.org,DNS:*.example.net"},
};

static void a_name_gets_its_certificate(void **state)
{
    static const struct {
        const char *name, *shown;
    } cases[] = {
        {"first.example", "first.example"},
        {"www.example.com", "www.example.com,example.com"}, // before the wildcard
        {"WWW.Example.COM", "www.example.com,example.com"},
        {"example.com", "www.example.com,example.com"},
        {"a.example.com", "*.example.com"},
        {"b.example.com", "*.example.com"},
        {"a.b.example.com", "*.b.example.com,UPPER.example"}, // of one label alone
        {"upper.example", "*.b.example.com,UPPER.example"},
        {"a.c.example.com", "first.example"},
        {"a.a.b.example.com", "first.example"},
        {"other.example", "first.example"},
        {"ax.example.org", "first.example"}, // no part of a label
        {"a.b.example.org", "first.example"},
        {"any.com", "first.example"},
        {"com", "first.example"},
        {"127.0.0.1", "first.example"}, // none is sent
    };
    struct chosen c;
    (void)state;
    chosen_begin(&c);
    serve(&c, several, 5);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_shown(&c, cases[i].name, cases[i].shown);
    chosen_end(&c);
}

static void the_server_knows_its_names(void **state)
{
    static const char *const known[] = {"first.example",   "a.example.com", "A.Example.com",
                                        "www.example.com", "upper.example", "192.0.2.7",
                                        "2001:db8::7",     "2001:DB8:0::7"};
    static const char *const unknown[] = {
        "",          "example", "a.c.example.com", "any.com",      "*.example.com", ".example.com",
        "192.0.2.8", "::1",     "first.example.",  "first example"};
    static const struct tls_made made[] = {
        {.names = "DNS:first.example,DNS:*.example.com,DNS:www.example.com,DNS:UPPER.example,"
                  "IP:192.0.2.7,IP:2001:db8::7"}};
    struct chosen c;
    (void)state;
    chosen_begin(&c);
    serve(&c, made, 1);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!tls_server_covers(c.pair.server, known[i]))
            fail_msg("%s", known[i]);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        if (tls_server_covers(c.pair.server, unknown[i]))
            fail_msg("%s", unknown[i]);
    chosen_end(&c);
}

static void a_connection_knows_what_its_certificate_is_for(void **state)
{
    static const struct tls_made made[] = {
        {.names = "DNS:first.example"},
        {.names = "DNS:*.example.com,DNS:other.example,IP:192.0.2.7,IP:2001:db8::7"}};
    struct chosen c;
    char shown[LINE_BYTES];
    (void)state;
    chosen_begin(&c);
    serve(&c, made, 2);
    (void)chosen_open(&c, "a.example.com", shown);
    for (int round = 0; round < 2; round++) {
        assert_true(is_covered(&c, "a.example.com"));
        assert_true(is_covered(&c, "A.EXAMPLE.com"));
        assert_true(is_covered(&c, "a.example.com."));
        assert_true(is_covered(&c, "b.example.com"));
        assert_true(is_covered(&c, "other.example"));
        assert_true(is_covered(&c, "192.0.2.7"));
        assert_true(is_covered(&c, "[2001:db8::7]"));
        assert_false(is_covered(&c, "first.example")); // another certificate's
        assert_false(is_covered(&c, "example.com"));
        assert_false(is_covered(&c, "a.b.example.com"));
        assert_false(is_covered(&c, "common.example")); // its common name
        assert_false(is_covered(&c, "192.0.2.8"));
        assert_false(is_covered(&c, ""));
        struct transport *t = c.pair.peer[TLS_SERVER].t;
        assert_false(t->ops->covers(t, SLICE("a.example.com\0.evil")));
    }
    tls_pair_close(&c.pair);
    (void)chosen_open(&c, "unknown.example", shown);
    assert_true(is_covered(&c, "first.example"));
    assert_false(is_covered(&c, "unknown.example"));
    tls_pair_close(&c.pair);
    chosen_end(&c);
}

// The common name is for people (RFC 9525 §2).
static void a_certificate_without_names_is_for_no_host(void **state)
{
    static const struct tls_made made[] = {{.names = NULL}};
    struct chosen c;
    char shown[LINE_BYTES];
    (void)state;
    chosen_begin(&c);
    serve(&c, made, 1);
    (void)chosen_open(&c, "common.example", shown);
    assert_false(is_covered(&c, "common.example"));
    assert_false(tls_server_covers(c.pair.server, "common.example"));
    tls_pair_close(&c.pair);
    tls_server_reload(c.pair.server, false, chosen_told, &c);
    assert_int_equal(c.line_count, 1);
    assert_told(&c, 0, true, "0.pem names no host (subjectAltName): clients refuse it");
    chosen_end(&c);
}

// A client that knows only one kind of key gets that one; of the same names.
static void pairs_of_both_kinds_serve_clients_of_either(void **state)
{
    static const struct tls_made made[] = {{.names = "DNS:a.example"},
                                           {.names = "DNS:a.example,DNS:b.example", .rsa = true},
                                           {.names = "DNS:a.example", .rsa = true}};
    static struct {
        char algorithms[32]; // not const: OpenSSL's macro casts that away
        int kind;
    } cases[] = {{"ECDSA+SHA256", EVP_PKEY_EC},
                 {"RSA-PSS+SHA256", EVP_PKEY_RSA},
                 {"ECDSA+SHA256:RSA-PSS+SHA256", EVP_PKEY_EC}};
    struct chosen c;
    char shown[LINE_BYTES];
    (void)state;
    chosen_begin(&c);
    serve(&c, made, 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(SSL_CTX_set1_sigalgs_list(c.pair.client->context, cases[i].algorithms), 1);
        assert_string_equal(chosen_open(&c, "a.example", shown), "a.example");
        X509 *x = SSL_get0_peer_certificate(ssl_of(c.pair.peer[TLS_CLIENT].t));
        assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), cases[i].kind);
        assert_true(is_covered(&c, "a.example"));
        assert_false(is_covered(&c, "b.example"));
        tls_pair_close(&c.pair);
    }
    chosen_end(&c);
}

// Connects for a name with the session of another one. Returns whether it was resumed.
static bool resumes(struct chosen *c, const char *from, const char *to)
{
    struct tls_sessions *sessions = &c->pair.client->sessions;
    tls_sessions_deinit(sessions);
    tls_pair_connect(&c->pair, from);
    tls_pair_carry(&c->pair, TLS_SERVER, "x", 1); // reads the tickets too
    tls_pair_close(&c->pair);
    SSL_SESSION *session = tls_sessions_take(sessions, from);
    assert_non_null(session);
    tls_sessions_deinit(sessions);
    assert_true(tls_sessions_put(sessions, to, session));
    tls_pair_connect(&c->pair, to);
    bool reused = SSL_session_reused(ssl_of(c->pair.peer[TLS_SERVER].t));
    tls_pair_close(&c->pair);
    return reused;
}

static void a_session_is_resumed_under_its_certificate_alone(void **state)
{
    for (size_t v = 0; v < 2; v++) {
        struct chosen c;
        (void)state;
        chosen_begin(&c);
        serve(&c, several, 3);
        assert_true(SSL_CTX_set_max_proto_version(c.pair.client->context, versions[v]));
        assert_true(resumes(&c, "a.example.com", "a.example.com"));
        assert_false(resumes(&c, "a.example.com", "www.example.com"));
        assert_false(resumes(&c, "a.example.com", "first.example"));
        assert_false(resumes(&c, "first.example", "a.example.com"));
        chosen_end(&c);
    }
}

static void a_name_has_so_many_bytes(void **state)
{
    char name[TLS_NAME_MAX + 1];
    char normal[TLS_NAME_MAX];
    (void)state;
    memset(name, 'N', sizeof(name));
    assert_true(tls_name_normal(name, TLS_NAME_MAX - 2, normal));
    assert_int_equal(strlen(normal), TLS_NAME_MAX - 2);
    assert_true(tls_name_normal(name, TLS_NAME_MAX - 1, normal));
    assert_int_equal(strspn(normal, "n"), TLS_NAME_MAX - 1);
    assert_false(tls_name_normal(name, TLS_NAME_MAX, normal));
    assert_false(tls_name_normal("", 0, normal));
}

// Offers a ClientHello to a server.
static void offer(struct chosen *c, const uint8_t *hello, size_t len)
{
    tls_pair_open(&c->pair, NULL);
    assert_int_equal(send(c->pair.peer[TLS_SERVER].wire, hello, len, MSG_NOSIGNAL), (ssize_t)len);
    struct transport *t = c->pair.peer[TLS_SERVER].t;
    (void)t->ops->handshake(t);
    tls_pair_close(&c->pair);
    assert_no_errors_left();
}

// Each byte of the extension is replaced: lengths that lead beyond it, kinds, foreign characters.
static void a_broken_name_harms_nothing(void **state)
{
    static const char name[] = "aa.example.com";
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    struct chosen c;
    uint8_t hello[4096];
    (void)state;
    chosen_begin(&c);
    serve(&c, several, 2);
    tls_pair_open(&c.pair, name);
    struct tls_peer *client = &c.pair.peer[TLS_CLIENT];
    client->handshake = client->t->ops->handshake(client->t);
    ssize_t len = recv(client->wire, hello, sizeof(hello), 0);
    tls_pair_close(&c.pair);
    assert_true(len > 0);
    uint8_t *at = memmem(hello, (size_t)len, name, strlen(name));
    assert_non_null(at);
    for (uint8_t *byte = at - 9; byte < at + strlen(name); byte++) {
        uint8_t before = *byte;
        for (size_t i = 0; i < sizeof(values); i++) {
            *byte = values[i];
            offer(&c, hello, (size_t)len);
        }
        *byte = before;
    }
    assert_shown(&c, name, "*.example.com");
    chosen_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_gets_its_certificate),
        cmocka_unit_test(the_server_knows_its_names),
        cmocka_unit_test(a_connection_knows_what_its_certificate_is_for),
        cmocka_unit_test(a_certificate_without_names_is_for_no_host),
        cmocka_unit_test(pairs_of_both_kinds_serve_clients_of_either),
        cmocka_unit_test(a_session_is_resumed_under_its_certificate_alone),
        cmocka_unit_test(a_name_has_so_many_bytes),
        cmocka_unit_test(a_broken_name_harms_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
