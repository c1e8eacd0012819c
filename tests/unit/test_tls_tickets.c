// SPDX-License-Identifier: MIT
// Resumption of TLS sessions: by tickets of keys that live and die with the caller's clock, by a
// client that gives each session of TLS 1.3 once, and never beyond a bound.
#include <stdio.h>
#include "common/base/limits.h"
#include "transport_tls_fixture.h"

enum {
    PERIOD = LIMIT_TICKET_KEY_MS
};

static struct tls_pair new_pair_with_alpn(void **state, int version)
{
    struct tls_pair p;
    tls_pair_contexts(&p, files_of(state), "h2,http/1.1", "http/1.1");
    assert_true(SSL_CTX_set_max_proto_version(p.client->context, version));
    return p;
}

// Connects, takes data with the tickets behind the handshake, and closes by a close_notify of both
// or of none. Returns whether the session was resumed.
static bool resumes(struct tls_pair *p, const char *name, bool politely)
{
    char byte;
    tls_pair_connect(p, name);
    struct transport *client = p->peer[TLS_CLIENT].t;
    struct transport *server = p->peer[TLS_SERVER].t;
    bool resumed = SSL_session_reused(ssl_of(client));
    assert_int_equal(SSL_session_reused(ssl_of(server)), resumed);
    tls_pair_carry(p, TLS_SERVER, "data", 4);
    assert_string_equal(client->ops->peer_name(client).p, name);
    assert_true(slice_eq(server->ops->peer_name(server), slice_str(name)));
    assert_true(slice_eq(client->ops->alpn(client), SLICE("http/1.1")));
    assert_true(slice_eq(server->ops->alpn(server), SLICE("http/1.1")));
    if (politely) {
        assert_int_equal(client->ops->shutdown(client), 0);
        tls_pair_settle(p);
        assert_int_equal(server->ops->read(server, &byte, 1), 0);
    }
    tls_pair_close(p);
    return resumed;
}

static void a_second_connection_resumes(void **state)
{
    for (int i = 0; i < 4; i++) {
        struct tls_pair p = new_pair_with_alpn(state, versions[i % 2]);
        assert_false(resumes(&p, "localhost", i < 2));
        for (int n = 0; n < 5; n++)
            assert_true(resumes(&p, "localhost", i < 2));
        tls_pair_free_contexts(&p);
    }
}

static void another_name_does_not_resume(void **state)
{
    struct tls_pair p = new_pair_with_alpn(state, TLS1_3_VERSION);
    assert_false(resumes(&p, "localhost", true));
    assert_false(resumes(&p, "a.example.com", true));
    assert_true(resumes(&p, "localhost", true));
    assert_true(resumes(&p, "a.example.com", true));
    assert_false(resumes(&p, "b.example.com", true));
    tls_pair_free_contexts(&p);
}

// Whether a session made at time 0 resumes after ticks at these times.
static bool resumes_after(void **state, int version, const uint64_t *ticks, size_t count)
{
    struct tls_pair p = new_pair_with_alpn(state, version);
    assert_false(resumes(&p, "localhost", true));
    for (size_t i = 0; i < count; i++)
        tls_server_tick(p.server, ticks[i]);
    bool resumed = resumes(&p, "localhost", true);
    assert_true(resumes(&p, "localhost", true));
    tls_pair_free_contexts(&p);
    return resumed;
}

static void a_key_opens_for_one_period_after_its_own(void **state)
{
    static const struct {
        uint64_t ticks[3];
        size_t count;
        bool resumed;
    } cases[] = {
        {{PERIOD - 1}, 1, true},
        {{PERIOD}, 1, true},
        {{PERIOD, 2 * PERIOD - 1}, 2, true},
        {{PERIOD, 2 * PERIOD}, 2, false},
        {{PERIOD + 1, 2 * PERIOD}, 2, true}, // the second key began later
        {{2 * PERIOD - 1}, 1, true},
        {{2 * PERIOD}, 1, false}, // nobody called in between
        {{PERIOD, PERIOD, PERIOD}, 3, true},
        {{10 * (uint64_t)PERIOD}, 1, false},
    };
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(
            resumes_after(state, versions[i % 2], cases[i / 2].ticks, cases[i / 2].count),
            cases[i / 2].resumed);
}

// A session that is resumed by the old key is renewed by the new one.
static void a_resumed_session_moves_to_the_new_key(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct tls_pair p = new_pair_with_alpn(state, versions[i]);
        assert_false(resumes(&p, "localhost", true));
        for (uint64_t n = 1; n <= 5; n++) {
            tls_server_tick(p.server, n * PERIOD);
            assert_true(resumes(&p, "localhost", true));
            assert_true(resumes(&p, "localhost", true));
        }
        tls_pair_free_contexts(&p);
    }
}

static void another_server_does_not_resume(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct tls_pair p = new_pair_with_alpn(state, versions[i]);
        struct tls_pair other = new_pair_with_alpn(state, versions[i]);
        assert_false(resumes(&p, "localhost", true));
        struct tls_server *first = p.server;
        p.server = other.server;
        assert_false(resumes(&p, "localhost", true));
        p.server = first;
        tls_pair_free_contexts(&p);
        tls_pair_free_contexts(&other);
    }
}

static SSL_SESSION *new_session(int version)
{
    SSL_SESSION *session = SSL_SESSION_new();
    assert_non_null(session);
    assert_true(SSL_SESSION_set_protocol_version(session, version));
    assert_true(SSL_SESSION_set1_id(session, (const unsigned char *)"id", 2));
    return session;
}

static void sessions_of_1_3_are_given_once_and_of_1_2_again(void **state)
{
    struct tls_sessions s = {0};
    (void)state;
    assert_true(tls_sessions_put(&s, "a", new_session(TLS1_3_VERSION)));
    assert_true(tls_sessions_put(&s, "b", new_session(TLS1_2_VERSION)));
    for (int i = 0; i < 3; i++) {
        SSL_SESSION *a = tls_sessions_take(&s, "a");
        SSL_SESSION *b = tls_sessions_take(&s, "b");
        assert_int_equal(a != NULL, i == 0);
        assert_non_null(b);
        SSL_SESSION_free(a);
        SSL_SESSION_free(b);
    }
    assert_null(tls_sessions_take(&s, "c"));
    tls_sessions_deinit(&s);
}

static void an_expired_session_is_not_given(void **state)
{
    struct tls_sessions s = {0};
    SSL_SESSION *session = new_session(TLS1_2_VERSION);
    (void)state;
    assert_true(SSL_SESSION_set_time(session, 1000));
    assert_true(tls_sessions_put(&s, "a", session));
    assert_null(tls_sessions_take(&s, "a"));
    assert_int_equal(s.count, 0);
}

static void the_cache_keeps_to_its_bounds(void **state)
{
    struct tls_sessions s = {0};
    char name[16];
    (void)state;
    for (int i = 0; i < 2 * TLS_SESSIONS; i++) {
        (void)snprintf(name, sizeof(name), "%d", i);
        assert_true(tls_sessions_put(&s, name, new_session(TLS1_3_VERSION)));
        assert_int_equal(s.count, i < TLS_SESSIONS ? i + 1 : TLS_SESSIONS);
    }
    assert_null(tls_sessions_take(&s, "0"));
    for (int i = 0; i < 3 * TLS_SESSIONS_OF_NAME; i++)
        assert_true(tls_sessions_put(&s, "greedy", new_session(TLS1_3_VERSION)));
    assert_int_equal(s.count, TLS_SESSIONS);
    for (int i = 0; i < TLS_SESSIONS_OF_NAME; i++) {
        SSL_SESSION *session = tls_sessions_take(&s, "greedy");
        assert_non_null(session);
        SSL_SESSION_free(session);
    }
    assert_null(tls_sessions_take(&s, "greedy"));
    assert_int_equal(s.count, TLS_SESSIONS - TLS_SESSIONS_OF_NAME);
    tls_sessions_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_connection_resumes),
        cmocka_unit_test(another_name_does_not_resume),
        cmocka_unit_test(a_key_opens_for_one_period_after_its_own),
        cmocka_unit_test(a_resumed_session_moves_to_the_new_key),
        cmocka_unit_test(another_server_does_not_resume),
        cmocka_unit_test(sessions_of_1_3_are_given_once_and_of_1_2_again),
        cmocka_unit_test(an_expired_session_is_not_given),
        cmocka_unit_test(the_cache_keeps_to_its_bounds),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
