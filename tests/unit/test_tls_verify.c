// SPDX-License-Identifier: MIT
// Which peers TLS accepts: certificates, names, versions, suites and protocols; and what is said of
// those that it refuses, and of files that cannot be loaded.
#include "transport_tls_fixture.h"

static SSL_CTX *server_context(const struct tls_pair *p)
{
    // The contexts of tests are changed in ways that those of programs are not.
    return tls_server_context(p->server);
}

// Replaces the client's context.
static void set_client(struct tls_pair *p, const struct tls_client_options *options)
{
    char why[TLS_WHY_MAX];
    tls_client_free(p->client);
    p->client = tls_client_new(options, why);
    assert_non_null(p->client);
}

static void set_server(struct tls_pair *p, const struct tls_server_options *options)
{
    char why[TLS_WHY_MAX];
    tls_server_free(p->server);
    p->server = tls_server_new(options, 0, why);
    assert_non_null(p->server);
}

// The client refuses the certificate, and the server hears why.
static void refuses(struct tls_pair *p, const char *name, const char *verdict, const char *alert)
{
    char byte;
    tls_pair_open(p, name);
    tls_pair_handshake(p);
    struct transport *client = p->peer[TLS_CLIENT].t;
    struct transport *server = p->peer[TLS_SERVER].t;
    assert_int_equal(p->peer[TLS_CLIENT].handshake, UV_EPROTO);
    assert_detail(client, "the certificate is not accepted: ");
    assert_detail(client, verdict);
    assert_int_equal(client->ops->peer_name(client).len, 0);
    int n = p->peer[TLS_SERVER].handshake;
    if (n == 0)
        n = (int)server->ops->read(server, &byte, 1);
    assert_int_equal(n, UV_ECONNABORTED);
    assert_detail(server, "the peer has sent a TLS alert: ");
    assert_detail(server, alert);
    assert_no_errors_left();
    tls_pair_close(p);
}

static void accepts(struct tls_pair *p, const char *name, const char *sni)
{
    tls_pair_connect(p, name);
    struct transport *client = p->peer[TLS_CLIENT].t;
    struct transport *server = p->peer[TLS_SERVER].t;
    struct slice verified = client->ops->peer_name(client);
    assert_true(slice_eq(verified, p->client->verify_nothing ? SLICE("") : slice_str(name)));
    assert_true(slice_eq(server->ops->peer_name(server), slice_str(sni)));
    assert_int_equal(client->ops->alpn(client).len, 0);
    tls_pair_close(p);
}

static void a_certificate_is_for_its_names_and_addresses(void **state)
{
    struct tls_pair p;
    tls_pair_contexts(&p, files_of(state), NULL, NULL);
    accepts(&p, "localhost", "localhost");
    accepts(&p, "LocalHost", "LocalHost");
    accepts(&p, "a.example.com", "a.example.com");
    accepts(&p, "127.0.0.1", "");
    refuses(&p, "example.com", "hostname mismatch", "bad certificate");
    refuses(&p, "a.b.example.com", "hostname mismatch", "bad certificate");
    refuses(&p, "localhost.example.org", "hostname mismatch", "bad certificate");
    refuses(&p, "127.0.0.2", "IP address mismatch", "bad certificate");
    refuses(&p, "::1", "IP address mismatch", "bad certificate");
    tls_pair_free_contexts(&p);
}

static void only_our_authorities_are_trusted(void **state)
{
    const struct tls_files *f = files_of(state);
    struct tls_pair p;
    tls_pair_contexts(&p, f, NULL, NULL);
    set_client(&p, &(struct tls_client_options){.ca_file = f->path[TLS_OTHER_CA]});
    refuses(&p, "localhost", "certificate signature failure", "decrypt error");
    set_client(
        &p, &(struct tls_client_options){.ca_file = f->path[TLS_OTHER_CA], .verify_nothing = true});
    accepts(&p, "localhost", "localhost");
    accepts(&p, "wrong.example.org", "wrong.example.org");
    tls_pair_free_contexts(&p);
}

static void an_expired_certificate_is_refused(void **state)
{
    const struct tls_files *f = files_of(state);
    struct tls_pair p;
    tls_pair_contexts(&p, f, NULL, NULL);
    const struct tls_pair_files pair = {f->path[TLS_EXPIRED_CHAIN], f->path[TLS_KEY]};
    set_server(&p, &(struct tls_server_options){.pairs = &pair, .pair_count = 1});
    refuses(&p, "localhost", "certificate has expired", "certificate expired");
    tls_pair_free_contexts(&p);
}

// Without a file of authorities, the environment's SSL_CERT_FILE takes the place of the system's.
static void the_environment_names_authorities(void **state)
{
    const struct tls_files *f = files_of(state);
    struct tls_pair p;
    tls_pair_contexts(&p, f, NULL, NULL);
    assert_int_equal(setenv("SSL_CERT_DIR", "/nowhere", 1), 0);
    assert_int_equal(setenv("SSL_CERT_FILE", "/nowhere", 1), 0);
    set_client(&p, &(struct tls_client_options){0});
    refuses(&p, "localhost", "unable to get", "unknown CA");
    assert_int_equal(setenv("SSL_CERT_FILE", f->path[TLS_CA], 1), 0);
    set_client(&p, &(struct tls_client_options){0});
    accepts(&p, "localhost", "localhost");
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
    assert_int_equal(unsetenv("SSL_CERT_DIR"), 0);
    tls_pair_free_contexts(&p);
}

// A client with the versions and suites of `context`, and what it hears.
static void is_not_served(struct tls_pair *p, const char *says, const char *hears)
{
    tls_pair_open(p, "localhost");
    tls_pair_handshake(p);
    struct transport *client = p->peer[TLS_CLIENT].t;
    struct transport *server = p->peer[TLS_SERVER].t;
    assert_int_equal(p->peer[TLS_SERVER].handshake, UV_EPROTO);
    assert_detail(server, says);
    assert_int_equal(p->peer[TLS_CLIENT].handshake, UV_ECONNABORTED);
    assert_detail(client, hears);
    tls_pair_close(p);
}

static void old_versions_and_suites_are_refused(void **state)
{
    struct tls_pair p;
    tls_pair_contexts(&p, files_of(state), NULL, NULL);
    SSL_CTX *c = p.client->context;
    SSL_CTX_set_security_level(c, 0);
    assert_true(SSL_CTX_set_cipher_list(c, "ALL:@SECLEVEL=0"));
    for (int version = TLS1_VERSION; version <= TLS1_1_VERSION; version++) {
        assert_true(SSL_CTX_set_min_proto_version(c, version));
        assert_true(SSL_CTX_set_max_proto_version(c, version));
        is_not_served(&p, "unsupported protocol", "protocol version");
    }
    assert_true(SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION));
    assert_true(SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION));
    static const char *const lists[] = {"ECDHE+AES:!AESGCM:!AESCCM", "AESGCM+kRSA", "DHE+AESGCM"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        assert_true(SSL_CTX_set_cipher_list(c, lists[i]));
        is_not_served(&p, "no shared cipher", "handshake failure");
    }
    tls_pair_free_contexts(&p);
}

static void only_aead_with_ephemeral_keys_is_offered(void **state)
{
    struct tls_pair p;
    tls_pair_contexts(&p, files_of(state), NULL, NULL);
    SSL_CTX *contexts[] = {p.client->context, server_context(&p)};
    for (int i = 0; i < 2; i++) {
        STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(contexts[i]);
        assert_true(sk_SSL_CIPHER_num(all) >= 9);
        for (int n = 0; n < sk_SSL_CIPHER_num(all); n++) {
            const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, n);
            int exchange = SSL_CIPHER_get_kx_nid(cipher);
            assert_true(SSL_CIPHER_is_aead(cipher));
            assert_true(exchange == NID_kx_ecdhe || exchange == NID_kx_any);
            assert_int_not_equal(SSL_CIPHER_get_auth_nid(cipher), NID_auth_null);
        }
        uint64_t options = SSL_CTX_get_options(contexts[i]);
        assert_true(options & SSL_OP_NO_RENEGOTIATION);
        assert_true(options & SSL_OP_NO_COMPRESSION);
        assert_int_equal(SSL_CTX_get_max_early_data(contexts[i]), 0);
    }
    tls_pair_free_contexts(&p);
}

static void the_server_chooses_the_protocol(void **state)
{
    static const struct {
        const char *client, *server, *chosen; // NULL: refused
    } cases[] = {
        {"h2,http/1.1", "h2,http/1.1", "h2"},
        {"http/1.1,h2", "h2,http/1.1", "h2"},
        {"h2,http/1.1", "http/1.1, h2", "http/1.1"},
        {"h2,http/1.1", "http/1.1", "http/1.1"},
        {NULL, "h2,http/1.1", ""},
        {"h2", NULL, ""},
        {"h2", "http/1.1", NULL},
        {"http/1.0,ftp", "h2,http/1.1", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tls_pair p;
        tls_pair_contexts(&p, files_of(state), cases[i].client, cases[i].server);
        if (!cases[i].chosen) {
            is_not_served(&p, "no application protocol", "no application protocol");
        } else {
            tls_pair_connect(&p, "localhost");
            for (int side = 0; side < 2; side++)
                assert_true(slice_eq(p.peer[side].t->ops->alpn(p.peer[side].t),
                                     slice_str(cases[i].chosen)));
            tls_pair_close(&p);
        }
        tls_pair_free_contexts(&p);
    }
}

// NOLINTNEXTLINE(readability-function-size): the library's signature
static int choose_foreign(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                          const unsigned char *offered, unsigned offered_len, void *arg)
{
    (void)ssl;
    (void)offered;
    (void)offered_len;
    (void)arg;
    *out = (const unsigned char *)"ftp";
    *out_len = 3;
    return SSL_TLSEXT_ERR_OK;
}

static void a_protocol_that_was_not_offered_is_refused(void **state)
{
    struct tls_pair p;
    tls_pair_contexts(&p, files_of(state), "h2", "h2");
    SSL_CTX_set_alpn_select_cb(server_context(&p), choose_foreign, NULL);
    tls_pair_open(&p, "localhost");
    tls_pair_handshake(&p);
    assert_int_equal(p.peer[TLS_CLIENT].handshake, UV_EPROTO);
    assert_true(*p.peer[TLS_CLIENT].t->ops->detail(p.peer[TLS_CLIENT].t));
    tls_pair_close(&p);
    tls_pair_free_contexts(&p);
}

// Such bytes in SNI are no host name, and are not handed on to logs and tables of names.
static void a_name_that_is_no_host_name_is_not_told(void **state)
{
    const struct tls_files *f = files_of(state);
    struct tls_pair p;
    tls_pair_contexts(&p, f, NULL, NULL);
    set_client(&p, &(struct tls_client_options){.verify_nothing = true});
    accepts(&p, "a_b-c.example", "a_b-c.example");
    accepts(&p, "a\033[2J", "");
    accepts(&p, "a b", "");
    accepts(&p, "a/b", "");
    accepts(&p, "\303\244.example", "");
    tls_pair_free_contexts(&p);
}

static void a_file_that_cannot_be_loaded_is_named_with_the_reason(void **state)
{
    const struct tls_files *f = files_of(state);
    const struct {
        const char *chain, *key, *named, *reason;
    } cases[] = {
        {"/nowhere/c.pem", f->path[TLS_KEY], "certificate file /nowhere/c.pem: ", "No such file"},
        {"/tmp", f->path[TLS_KEY], "certificate file /tmp: ", "Is a directory"},
        {f->path[TLS_TEXT], f->path[TLS_KEY], "certificate file ", "nothing of this kind"},
        {f->path[TLS_KEY], f->path[TLS_KEY], "certificate file ", "nothing of this kind"},
        {f->path[TLS_WEAK_CHAIN], f->path[TLS_WEAK_KEY], "certificate file ", "key too small"},
        {f->path[TLS_CHAIN], "/nowhere/k.pem", "key file /nowhere/k.pem: ", "No such file"},
        {f->path[TLS_CHAIN], f->path[TLS_TEXT], "key file ", "nothing of this kind"},
        {f->path[TLS_CHAIN], f->path[TLS_CHAIN], "key file ", "nothing of this kind"},
        {f->path[TLS_CHAIN], f->path[TLS_OTHER_KEY], "key file ", "does not belong to"},
        {f->path[TLS_CHAIN], f->path[TLS_WEAK_KEY], "key file ", "does not belong to"},
        {f->path[TLS_CHAIN], f->path[TLS_LOCKED_KEY], "key file ", "needs a passphrase"},
    };
    char why[TLS_WHY_MAX];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct tls_pair_files pair = {cases[i].chain, cases[i].key};
        const struct tls_server_options o = {.pairs = &pair, .pair_count = 1};
        struct tls_server *s = tls_server_new(&o, 0, why);
        if (s)
            fail_msg("%zu is loaded", i);
        if (strncmp(why, cases[i].named, strlen(cases[i].named)) != 0 ||
            !strstr(why, cases[i].reason))
            fail_msg("%zu: %s", i, why);
        assert_no_errors_left();
    }
    const struct tls_client_options missing = {.ca_file = "/nowhere/ca.pem"};
    const struct tls_client_options text = {.ca_file = f->path[TLS_TEXT]};
    assert_null(tls_client_new(&missing, why));
    assert_non_null(strstr(why, "/nowhere/ca.pem: No such file"));
    assert_null(tls_client_new(&text, why));
    assert_non_null(strstr(why, f->path[TLS_TEXT]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_for_its_names_and_addresses),
        cmocka_unit_test(only_our_authorities_are_trusted),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(the_environment_names_authorities),
        cmocka_unit_test(old_versions_and_suites_are_refused),
        cmocka_unit_test(only_aead_with_ephemeral_keys_is_offered),
        cmocka_unit_test(the_server_chooses_the_protocol),
        cmocka_unit_test(a_protocol_that_was_not_offered_is_refused),
        cmocka_unit_test(a_name_that_is_no_host_name_is_not_told),
        cmocka_unit_test(a_file_that_cannot_be_loaded_is_named_with_the_reason),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
