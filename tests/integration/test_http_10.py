# SPDX-License-Identifier: MIT
"""HTTP/1.0 visitors and HTTP/1.0 services are served as RFC 9112 §9.3 and appendix C say."""
import bodies
import pytest

KEEP = [("Connection", "keep-alive")]


def raw_service(tunnel, path, text, reuse=False):
    """The service answers with these bytes and then closes, or goes on with the connection."""
    def handler(exchange):
        list(exchange.body())
        exchange.wire.send(text)
        exchange.keep = reuse

    tunnel.origin.on(path, handler)


# Visitors.

def test_an_http_1_0_visitor_that_asks_for_it_keeps_its_connection(tunnel):
    with tunnel.visit() as visitor:
        for number in range(5):
            answer = visitor.fetch("POST", f"/echo?{number}", KEEP, body=b"x" * number,
                                   version="HTTP/1.0")
            assert answer.json()["size"] == number
            assert answer.fields.tokens("connection") == ["keep-alive"]
        assert visitor.fetch("GET", "/", version="HTTP/1.0").get("connection") == "close"
        assert visitor.is_closed()


@pytest.mark.parametrize("how", ["chunked", "close"])
def test_a_body_of_unknown_length_ends_the_connection_of_http_1_0(tunnel, how):
    size = 300_000
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", f"/bytes?how={how}&size={size}&seed=4", KEEP,
                               version="HTTP/1.0")
        assert bodies.sha256(answer.body) == bodies.digest(4, size)
        assert answer.fields.tokens("connection") == ["close"]
        assert answer.get("transfer-encoding") is None
        assert visitor.is_closed()


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_keeps_the_connection_of_http_1_0(tunnel, status):
    raw_service(tunnel, "/none", b"HTTP/1.1 %d None\r\n\r\n" % status, True)
    with tunnel.visit() as visitor:
        for _ in range(2):
            visitor.request("GET", "/none", KEEP, version="HTTP/1.0")
            head = visitor.response_head()
            assert (head.status, head.fields.tokens("connection")) == (status, ["keep-alive"])


def test_head_by_http_1_0_keeps_the_connection(tunnel):
    with tunnel.visit() as visitor:
        for target in ("/bytes?size=1000", "/bytes?how=chunked", "/echo"):
            tunnel.origin.on("/h", lambda exchange: exchange.head(200, [("Content-Length", "9")]))
            head = visitor.fetch("HEAD", "/h", KEEP, version="HTTP/1.0")
            assert (head.status, head.get("content-length")) == (200, "9"), target


def test_the_service_sees_http_1_1_and_a_via_of_1_0(tunnel):
    seen = tunnel.fetch("GET", "/echo", version="HTTP/1.0").json()
    via, = [value for name, value in seen["fields"] if name.lower() == "via"]
    assert seen["version"] == "HTTP/1.1"
    assert via.startswith("1.0 adit-")


def test_a_later_minor_version_is_served_as_1_1(tunnel):
    with tunnel.visit() as visitor:
        for _ in range(2):
            answer = visitor.fetch("GET", "/bytes?how=chunked&size=10", version="HTTP/1.7")
            assert (answer.version, answer.get("transfer-encoding")) == ("HTTP/1.1", "chunked")


def test_no_host_is_the_relay_itself_and_the_connection_may_be_kept(tunnel):
    with tunnel.visit() as visitor:
        for _ in range(2):
            visitor.send(b"GET /_adit/health HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            assert visitor.response().json()["status"] == "ok"
        visitor.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = visitor.response()
        assert (answer.status, answer.code) == (404, "ADIT-NOT-FOUND")
        assert visitor.is_closed()


def test_an_absolute_form_stands_for_the_missing_host(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(f"GET http://{tunnel.host}/echo HTTP/1.0\r\n\r\n".encode())
        fields = visitor.response().json()["fields"]
    assert [value for name, value in fields if name.lower() == "host"] == [tunnel.host]


def test_an_offer_to_upgrade_by_http_1_0_is_ignored(tunnel):
    """RFC 9110 §7.8."""
    offer = [("Connection", "upgrade"), ("Upgrade", "raw")]
    seen = tunnel.fetch("GET", "/echo", offer, version="HTTP/1.0").json()
    assert not {"upgrade", "connection"} & {name.lower() for name, _ in seen["fields"]}


# Services.

@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("length", [True, False], ids=["length", "close"])
def test_a_service_of_http_1_0_is_heard_whole(tunnel, length, version):
    body = bodies.make(3, 200_000)
    fields = b"Content-Length: 200000\r\n" if length else b""
    raw_service(tunnel, "/old", b"HTTP/1.0 200 OK\r\n" + fields + b"\r\n" + body)
    with tunnel.visit() as visitor:
        for _ in range(2):
            answer = visitor.fetch("POST", "/old", KEEP, body=b"x", version=version)
            assert (answer.status, answer.version) == (200, "HTTP/1.1")
            assert answer.body == body
            if version == "HTTP/1.0" and not length:
                assert visitor.is_closed()
                break


def test_a_service_of_http_1_0_without_keep_alive_is_connected_to_again(tunnel):
    raw_service(tunnel, "/old", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", True)
    for _ in range(3):
        assert tunnel.fetch("GET", "/old").body == b"ok"
    connections = [request.connection for request in tunnel.origin.seen("/old")[-3:]]
    assert len(set(connections)) == 3


def test_a_service_of_http_1_0_with_keep_alive_keeps_its_connection(tunnel):
    raw_service(tunnel, "/kept", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
                b"Content-Length: 2\r\n\r\nok", True)
    for _ in range(3):
        answer = tunnel.fetch("GET", "/kept")
        assert (answer.body, answer.get("connection")) == (b"ok", None)
    assert len({request.connection for request in tunnel.origin.seen("/kept")}) == 1


def test_keep_alive_without_a_length_ends_by_close_all_the_same(tunnel):
    raw_service(tunnel, "/close", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nuntil the end")
    answer = tunnel.fetch("GET", "/close")
    assert (answer.body, answer.get("transfer-encoding")) == (b"until the end", "chunked")


def test_a_coding_in_an_answer_of_http_1_0_is_faulty_framing(tunnel):
    """RFC 9112 §6.1."""
    raw_service(tunnel, "/faulty",
                b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    answer = tunnel.fetch("GET", "/faulty")
    assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
