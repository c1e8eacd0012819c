# SPDX-License-Identifier: MIT
"""A service that turns fields into variables (CGI, WSGI) gets the relay's values, never the
visitor's. Such a service replaces every character of a name but letters and digits by _."""
import hashlib
import re

import harness
import pytest
import wire

OTHERS = "_.!#$%&'*+^`|~"
EVIL = "6.6.6.6-evil"
MEANT = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port",
         "X-Real-IP", "Transfer-Encoding", "Keep-Alive", "Proxy-Connection", "Content-Length",
         "Proxy-Authorization", "HTTP2-Settings", "Adit-Bind", "Adit-Id", "Max-Forwards",
         "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Original-URL", "X-Rewrite-URL",
         "X-Forwarded-Prefix", "Remote-User", "Front-End-Https"]
CLAIMS = ["Proxy", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP",
          "X-Cluster-Client-Ip", "Front-End-Https", "X-Url-Scheme", "X-Original-URL",
          "X-Rewrite-URL", "X-Forwarded-User", "X-Forwarded-Prefix", "X-Forwarded-Port",
          "X-Forwarded-Server", "X-Forwarded-Ssl", "Remote-User", "Proxy-Client-IP",
          "WL-Proxy-Client-IP", "X-Originating-IP", "X-ProxyUser-Ip", "X-Azure-ClientIP",
          "Fly-Client-IP", "SCRIPT_NAME", "PATH_INFO", "X-Script-Name", "Client-Cert",
          "X-SSL-Client-Verify", "Ssl-Client-Cert", "X-Accel-Mapping", "X-Sendfile-Type",
          "X-Auth-Request-User", "X-WEBAUTH-USER"]


def variables(pairs):
    """The variables into which a CGI server turns fields."""
    return {(re.sub(r"[^A-Z0-9]", "_", name.upper()), value) for name, value in pairs}


@pytest.fixture(params=[harness.Tunnel, harness.Proxied], ids=["relay", "proxy"])
def way(request, tmp_path):
    with request.param(tmp_path) as started:
        yield started


def fetched(way, fields):
    answer = way.fetch("GET", "/echo", fields)
    assert answer.status == 200
    return answer.json()["fields"]


def twins():
    for name in MEANT:
        for number, other in enumerate(OTHERS):
            at = [i for i, c in enumerate(name) if c == "-"]
            yield "".join(other if i == at[number % len(at)] else c for i, c in enumerate(name))
            yield name.replace("-", other)


def test_no_spelling_of_what_we_say_becomes_a_variable(way):
    spellings = [*twins(), *CLAIMS]
    for first in range(0, len(spellings), 60):
        seen = fetched(way, [(name, EVIL) for name in spellings[first:first + 60]])
        assert not [pair for pair in seen if EVIL in pair[1]]


def test_users_own_fields_with_underscores_pass(way):
    sent = [("user_id", "1"), ("X_Mine", "2"), ("a.b", "3"), ("Content_Type", "4"),
            ("x-forwardedfor", "5"), ("XForwarded_For", "6"), ("Proxies", "7")]
    assert [tuple(pair) for pair in fetched(way, sent) if tuple(pair) in sent] == sent


def test_fields_that_connection_names_have_no_twin_left(way):
    seen = fetched(way, [("Connection", "x-secret, y_secret"), ("X_Secret", EVIL),
                         ("Y-Secret", EVIL), ("X.Secret", EVIL), ("X-Kept", "1")])
    assert not [pair for pair in seen if EVIL in pair[1]]
    assert ("HTTP_X_KEPT", "1") in {("HTTP_" + name, value) for name, value in variables(seen)}


def test_a_length_is_not_lost_by_a_twin_that_connection_names(way):
    with way.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("Connection", "content_length"),
                                                    ("Content-Length", "4")]) + b"body")
        told = visitor.response().json()
    assert told["sha256"] == hashlib.sha256(b"body").hexdigest()


def test_no_twin_passes_as_a_trailer(way):
    names = [*twins(), *CLAIMS, "Set_Cookie", "Content_Type", "If_Match"][::7]
    with way.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("Transfer-Encoding", "chunked")])
                     + wire.chunk(b"body") + wire.last_chunk([(name, EVIL) for name in names[:90]]
                                                             + [("X_Sum", "1")]))
        seen = visitor.response().json()["trailers"]
    assert [tuple(pair) for pair in seen] == [("X_Sum", "1")]
