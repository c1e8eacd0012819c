# SPDX-License-Identifier: MIT
"""Fields that are forwarded, fields that are dropped, and fields that we add."""
import pytest


def seen_fields(tunnel, fields, **options):
    seen = tunnel.fetch("GET", "/echo", fields, **options).json()["fields"]
    return [(name.lower(), value) for name, value in seen]


def values(fields, wanted):
    return [value for name, value in fields if name == wanted]


def answered(tunnel, fields):
    """What a visitor gets when the origin answers with these fields."""
    tunnel.origin.on("/told", lambda exchange: exchange.reply("x", 200, fields))
    return tunnel.fetch("GET", "/told").fields


def test_ordinary_fields_pass_unchanged_and_in_order(tunnel):
    sent = [("accept", "*/*"), ("x-one", "1"), ("cookie", "a=b; c=d"), ("x-two", "a,  b\t;c"),
            ("x-one", "2"), ("x-empty", ""), ("x-latin", "caf\xe9"),
            ("authorization", "Basic eA=="), ("x-one", "3"), ("user-agent", "me"),
            ("x-quoted", '"a, b"')]
    seen = seen_fields(tunnel, sent)
    assert [pair for pair in seen if pair[0] in dict(sent)] == sent


def test_fields_of_responses_pass_unchanged_and_in_order(tunnel):
    sent = [("set-cookie", "a=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT"), ("x-b", "1"),
            ("set-cookie", "b=2"), ("set-cookie", "a=3"), ("x-b", ""), ("server", "me"),
            ("date", "Tue, 15 Nov 1994 08:12:31 GMT"), ("vary", "a"), ("vary", "b")]
    got = [(name.lower(), value) for name, value in answered(tunnel, sent)]
    assert [pair for pair in got if pair[0] in dict(sent)] == sent


def test_folded_looking_cookies_stay_as_they_are(tunnel):
    seen = seen_fields(tunnel, [("Cookie", "a=1"), ("Cookie", "b=2; c=3")])
    assert values(seen, "cookie") == ["a=1", "b=2; c=3"]


@pytest.mark.parametrize("field", [
    ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("TE", "gzip"),
    ("HTTP2-Settings", "AAMAAABk"), ("Adit-Error", "x"), ("Adit-Anything", "x"), ("ADIT-ID", "1")])
def test_hop_by_hop_and_our_own_fields_do_not_reach_the_origin(tunnel, field):
    assert values(seen_fields(tunnel, [field, ("X-Kept", "1")]), field[0].lower()) == []


@pytest.mark.parametrize("field", [
    ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("Adit-Error", "ADIT-FAKE"),
    ("Adit-Anything", "x"), ("Upgrade", "h2,h2c")])
def test_hop_by_hop_and_our_own_fields_do_not_reach_the_visitor(tunnel, field):
    assert answered(tunnel, [field, ("X-Kept", "1")]).all(field[0]) == []


def test_fields_that_connection_names_are_dropped(tunnel):
    seen = seen_fields(tunnel, [("X-Secret", "1"), ("Connection", "x-secret, X-Other"),
                                ("x-other", "2"), ("X-Kept", "3")])
    assert values(seen, "x-secret") == values(seen, "x-other") == []
    assert values(seen, "x-kept") == ["3"]
    assert "x-secret" not in ",".join(values(seen, "connection")).lower()


def test_fields_that_connection_names_are_dropped_from_responses(tunnel):
    got = answered(tunnel, [("X-Secret", "1"), ("Connection", "X-Secret"), ("X-Kept", "3")])
    assert got.all("x-secret") == []
    assert got.all("x-kept") == ["3"]


@pytest.mark.parametrize("token", ["host", "content-length", "x-forwarded-for", "via", "forwarded"])
def test_connection_cannot_remove_what_must_arrive(tunnel, token):
    answer = tunnel.fetch("POST", "/echo", [("Connection", token)], body=b"abc").json()
    seen = [(name.lower(), value) for name, value in answer["fields"]]
    assert len(values(seen, token)) == 1
    assert answer["size"] == 3


def test_only_trailers_of_te_passes(tunnel):
    seen = seen_fields(tunnel, [("TE", "trailers, deflate;q=0.5"), ("Connection", "TE")])
    assert values(seen, "te") == ["trailers"]


def test_the_visitor_is_named_in_our_own_words(tunnel):
    seen = seen_fields(tunnel, [])
    assert values(seen, "x-forwarded-for") == ["127.0.0.1"]
    assert values(seen, "x-forwarded-proto") == ["http"]
    assert values(seen, "x-forwarded-host") == [tunnel.host]
    forwarded = values(seen, "forwarded")[0].lower()
    assert "for=127.0.0.1" in forwarded and "proto=http" in forwarded
    assert f'host="{tunnel.host}"' in forwarded
    assert len(values(seen, "via")) == 1


def test_forged_client_fields_are_replaced(tunnel):
    lies = [("X-Forwarded-For", "6.6.6.6"), ("x-forwarded-for", "7.7.7.7"),
            ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example"),
            ("Forwarded", "for=6.6.6.6;host=evil.example")]
    seen = seen_fields(tunnel, lies)
    assert values(seen, "x-forwarded-for") == ["127.0.0.1"]
    assert values(seen, "x-forwarded-proto") == ["http"]
    assert values(seen, "x-forwarded-host") == [tunnel.host]
    assert "6.6.6.6" not in str(seen) and "evil" not in str(seen)
    assert len(values(seen, "forwarded")) == 1


def test_via_is_added_behind_those_of_others(tunnel):
    via = ",".join(values(seen_fields(tunnel, [("Via", "1.1 other")]), "via"))
    assert via.startswith("1.1 other") and "adit" in via


def test_nothing_of_the_tunnel_shows(tunnel):
    names = {name for name, _ in seen_fields(tunnel, [])}
    assert not [name for name in names if name.startswith((":", "adit"))]
    got = {name.lower() for name, _ in answered(tunnel, [])}
    assert not [name for name in got if name.startswith((":", "adit"))]


def test_a_response_without_a_reason_or_with_a_long_one_passes(tunnel):
    for line in (b"HTTP/1.1 200 \r\n", b"HTTP/1.1 200 All is well\r\n", b"HTTP/1.0 200 OK\r\n"):
        def bare(exchange, line=line):
            exchange.wire.send(line + b"Content-Length: 2\r\n\r\nok")
            exchange.keep = b"1.1" in line
        tunnel.origin.on("/bare", bare)
        answer = tunnel.fetch("GET", "/bare")
        assert (answer.status, answer.body) == (200, b"ok")
