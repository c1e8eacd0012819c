// SPDX-License-Identifier: MIT
// Credentials are known by name in every spelling, and their values are removed from every URL.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/credential_url.h"
#include "proto/http/credentials.h"

static const char *const secret_fields[] = {
    "Authorization",
    "PROXY-AUTHORIZATION",
    "cookie",
    "Set-Cookie",
    "Cookie2",
    "Set-Cookie2",
    "X-Api-Key",
    "Api-Key",
    "apikey",
    "X-Auth-Token",
    "X_Auth_Token",
    "X-Amz-Security-Token",
    "X-Access-Token",
    "X-CSRF-Token",
    "X-XSRF-TOKEN",
    "Private-Token",
    "X-Vault-Token",
    "X-Gitlab-Token",
    "X-Goog-Api-Key",
    "X-Goog-IAP-JWT-Assertion",
    "Cf-Access-Client-Secret",
    "Cf-Access-Jwt-Assertion",
    "Ocp-Apim-Subscription-Key",
    "X-Functions-Key",
    "X-Auth-Key",
    "X-Amzn-Oidc-Data",
    "X-Amzn-Oidc-Accesstoken",
    "X-Forwarded-Access-Token",
    "X-Auth",
    "X-Amz-Server-Side-Encryption-Customer-Key",
    "X-Session-Id",
    "X-Password",
    "DPoP",
    "Token",
    "X-Original-Authorization",
};

static const char *const plain_fields[] = {
    "",
    "-",
    "Host",
    "User-Agent",
    "Accept",
    "Accept-Encoding",
    "Content-Type",
    "Connection",
    "Content-Length",
    "Referer",
    "Date",
    "Server",
    "ETag",
    "Vary",
    "Location",
    "Age",
    "Via",
    "X-Cookie",
    "Sec-WebSocket-Key",
    "Idempotency-Key",
    "X-Hub-Signature-256",
    "Stripe-Signature",
    "Access-Control-Allow-Credentials",
    "X-Request-Id",
    "X-Next-Token",
    "Tokens",
    "X-Key",
    "Sec-Fetch-Dest",
    "X-Code",
    "Authorizations",
    "Surrogate-Key",
    "\xe9token\xe9",
};

static void fields_that_hold_credentials_are_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(secret_fields) / sizeof(secret_fields[0]); i++)
        if (!credential_is_field(slice_str(secret_fields[i])))
            fail_msg("%s is none", secret_fields[i]);
    for (size_t i = 0; i < sizeof(plain_fields) / sizeof(plain_fields[0]); i++)
        if (credential_is_field(slice_str(plain_fields[i])))
            fail_msg("%s is one", plain_fields[i]);
}

static const char *const secret_parameters[] = {
    "access_token",
    "accessToken",
    "ACCESS-TOKEN",
    "id_token",
    "refresh_token",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "key",
    "sig",
    "signature",
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Goog-Signature",
    "code",
    "client_secret",
    "password",
    "passwd",
    "pwd",
    "secret",
    "auth",
    "jwt",
    "session",
    "sid",
    "sessionid",
    "JSESSIONID",
    "PHPSESSID",
    "user[password]",
    "user%5Bpassword%5D",
    "%74oken",
    "tok%65n",
    "%2574oken",
    "reset_token",
    "authenticity_token",
    "SAMLResponse",
    "ticket",
    "otp",
    "oauth_verifier",
    "code_verifier",
    "client_assertion",
    "password_confirmation",
    "token[]",
    "connect.sid",
    " token",
    "hmac",
    "hdnts",
};

static const char *const plain_parameters[] = {
    "",
    "q",
    "page",
    "page_token",
    "nextPageToken",
    "next_token",
    "continuation-token",
    "keys",
    "keyword",
    "country_code",
    "zip",
    "state",
    "sv",
    "se",
    "monkey",
    "sidebar",
    "author",
    "authors",
    "design",
    "assign",
    "tokens",
    "%",
    "%4",
    "pins",
};

static void parameters_that_hold_credentials_are_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(secret_parameters) / sizeof(secret_parameters[0]); i++)
        if (!credential_is_parameter(slice_str(secret_parameters[i])))
            fail_msg("%s is none", secret_parameters[i]);
    for (size_t i = 0; i < sizeof(plain_parameters) / sizeof(plain_parameters[0]); i++)
        if (credential_is_parameter(slice_str(plain_parameters[i])))
            fail_msg("%s is one", plain_parameters[i]);
    assert_true(credential_same_parameter(SLICE("my_Key"), SLICE("MYKEY")));
    assert_true(credential_same_parameter(SLICE("m%79%2Dkey"), SLICE("my[key]")));
    assert_false(credential_same_parameter(SLICE("mykey"), SLICE("amykey")));
    assert_false(credential_same_parameter(SLICE("--"), SLICE("__")));
    assert_true(credential_same_parameter(SLICE("\xd0\xba"), SLICE("%D0%BA")));
}

// A name longer than any in the list: its end counts.
static void an_endless_name_is_read_by_its_end(void **state)
{
    char name[3 * CREDENTIAL_NAME_MAX + 20];
    (void)state;
    memset(name, 'x', sizeof(name));
    memcpy(name + sizeof(name) - 8, "tok%65n_", 8);
    assert_true(credential_is_parameter(slice_of(name, sizeof(name))));
}

static void expect_at(enum credential_place place, const char *text, const char *wanted)
{
    char out[400];
    struct credential_sink sink = {.at = out, .left = sizeof(out) - 1};
    credential_write_url(&sink, slice_str(text), place, &credential_rules_all);
    *sink.at = 0;
    assert_string_equal(out, wanted);
    assert_int_equal(sink.any, strcmp(text, wanted) != 0);
    assert_true(!sink.any || credential_may_be_in(slice_str(text)));
    for (size_t room = 0; room < strlen(wanted); room++) {
        memset(out, 'z', sizeof(out));
        sink = (struct credential_sink){.at = out, .left = room};
        credential_write_url(&sink, slice_str(text), place, &credential_rules_all);
        assert_true(sink.full && sink.at == out + room && out[room] == 'z');
    }
}

#define R "[redacted]"

static void values_leave_targets_and_names_stay(void **state)
{
    static const char *const cases[][2] = {
        {"/", "/"},
        {"/x?a=1&token=canary&b=2", "/x?a=1&token=" R "&b=2"},
        {"/x?token=canary", "/x?token=" R},
        {"/x?token=", "/x?token="},
        {"/x?token", "/x?token"},
        {"?access_token=canary", "?access_token=" R},
        {"/x?password=can;ary/x?y=\"a b\"&c=1", "/x?password=" R "&c=1"},
        {"/x?a;token=canary;b=1", "/x?a;token=" R ";b=1"},
        {"/x;jsessionid=canary/y?z=1", "/x;jsessionid=" R "/y?z=1"},
        {"/x;jsessionid=canary?z=1", "/x;jsessionid=" R "?z=1"},
        {"/x?TOKEN=canary&Token=canary&%54oken=canary", "/x?TOKEN=" R "&Token=" R "&%54oken=" R},
        {"/x?u=a&&token==canary=", "/x?u=a&&token=" R},
        {"/x?sig=a%26b&e=1", "/x?sig=" R "&e=1"},
        {"/x?next=/y?token=canary&z=1", "/x?next=/y?token=" R "&z=1"},
        {"/x?next=%2Fy%3Ftoken%3Dcanary%26a%3D1&z=1", "/x?next=%2Fy%3Ftoken%3D" R "%26a%3D1&z=1"},
        {"/x?next=%252Fy%253Ftoken%253Dcanary%2526b&z=1",
         "/x?next=%252Fy%253Ftoken%253D" R "%2526b&z=1"},
        {"/x?token%3Dcanary", "/x?token%3D" R},
        {"/go/https://me:canary@host/x?y=1", "/go/https://" R "@host/x?y=1"},
        {"/go?u=https%3A%2F%2Fme%3Acanary%40host%2Fx", "/go?u=https%3A%2F%2F" R "%40host%2Fx"},
        {"//me@x/y", "//me@x/y"},
        {"/a//b@c", "/a//b@c"},
        {"/a?u=//me:canary@c", "/a?u=//" R "@c"},
        {"/@me/a@b", "/@me/a@b"},
        {"/%", "/%"},
        {"/x?%=%25&%2", "/x?%=%25&%2"},
        {"*", "*"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_at(CREDENTIAL_TARGET, cases[i][0], cases[i][1]);
}

static void values_leave_urls_in_fields(void **state)
{
    (void)state;
    expect_at(CREDENTIAL_URL, "https://me:canary@a.b:1/x?code=canary#access_token=canary&x=1",
              "https://" R "@a.b:1/x?code=" R "#access_token=" R "&x=1");
    expect_at(CREDENTIAL_URL, "//me@a/x", "//" R "@a/x");
    expect_at(CREDENTIAL_URL, "https://a@b@c/", "https://" R "@c/");
    expect_at(CREDENTIAL_URL, "https://a/@b", "https://a/@b");
    expect_at(CREDENTIAL_URL, "?token=can ary\"x>y", "?token=" R);
    expect_at(CREDENTIAL_TEXT, "<https://a/x?token=canary>; rel=next, <b?sig=canary>; a=1",
              "<https://a/x?token=" R ">; rel=next, <b?sig=" R ">; a=1");
    expect_at(CREDENTIAL_TEXT, "see //me@a, /b//c@d", "see //" R "@a, /b//c@d");
    expect_at(CREDENTIAL_TEXT, "0; url=/x?token=canary", "0; url=/x?token=" R);
    expect_at(CREDENTIAL_TEXT, "text/html;q=0.8, a/b; charset=\"x\"",
              "text/html;q=0.8, a/b; charset=\"x\"");
    expect_at(CREDENTIAL_TEXT, "a; token=canary; b", "a; token=" R "; b");
}

static void subprotocols_that_are_names_stay(void **state)
{
    static const char *const names[] = {
        "graphql-ws",
        "graphql-transport-ws",
        "mqtt",
        "v1.json",
        "mqttv3.1",
        "wamp.2.json",
        "v12.stomp",
        "soap",
        "ocpp1.6",
        "base64.channel.k8s.io",
        "v5.channel.k8s.io",
        "adit.v1",
        "notificationchannel-netapi-rest.openmobilealliance.org",
        "lws-mirror-protocol",
        "chat",
        "openai-beta.realtime-v1",
        "actioncable-v1-json",
        "com.example.MyProtocol2",
        "bearer",
        "access_token",
        "xmpp",
        "vnd.api+json",
        "2024-11-05",
        "",
    };
    static const char *const secrets[] = {
        "base64url.bearer.authorization.k8s.io.dG9rZW4",
        "eyJhbGciOiJIUzI1NiJ9.e30.abc",
        "openai-insecure-api-key.sk-abcdefgh",
        "a1b2c3d4e5f60718",
        "ghp_16C7e42F292c6912E7710c838347",
        "550e8400-e29b-41d4-a716-446655440000",
        "Bearer-abcdefghij",
        "deadbeefcafe0123",
        "thisisaverylongpassphraseindeed",
        "12345678901234567890",
        "token.aaaaaaaa",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (credential_is_subprotocol(slice_str(names[i]), SLICE("chat")))
            fail_msg("%s is one", names[i]);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if (!credential_is_subprotocol(slice_str(secrets[i]), (struct slice){0}))
            fail_msg("%s is none", secrets[i]);
    assert_true(credential_is_subprotocol(SLICE("abc"), SLICE("bearer")));
    assert_true(credential_is_subprotocol(SLICE("abc"), SLICE("access_token")));
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_that_hold_credentials_are_known),
        TEST(parameters_that_hold_credentials_are_known),
        TEST(an_endless_name_is_read_by_its_end),
        TEST(values_leave_targets_and_names_stay),
        TEST(values_leave_urls_in_fields),
        TEST(subprotocols_that_are_names_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
