# SPDX-License-Identifier: MIT
"""Offers to upgrade (RFC 9110 §7.8), with any method and body, accepted or declined."""
import socket
import threading

import bodies
import harness
import pytest
import wire
from client import Truncated

FOO = [("Connection", "Upgrade"), ("Upgrade", "foo")]
CHUNKED = [("Transfer-Encoding", "chunked")]
SWITCH = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n"


def switching(tunnel, path, then, before=b""):
    """The service reads the request's body, switches, and goes on by `then(exchange, body)`."""
    def handler(exchange):
        body = b"".join(exchange.body())
        exchange.wire.send(before + SWITCH)
        exchange.keep = False
        then(exchange, body)

    tunnel.origin.on(path, handler)


def tells_all(tunnel):
    def then(exchange, body):
        tunnel.origin.tell((exchange.request.method, body, exchange.wire.rest()))
    return then


@pytest.mark.parametrize("size", [0, 5, 100_000])
@pytest.mark.parametrize("method", ["POST", "PUT", "FOO", "OPTIONS", "get"])
def test_the_body_of_an_offer_and_what_follows_it_are_kept_apart(tunnel, method, size):
    body = bodies.make(2, size)
    switching(tunnel, "/body", tells_all(tunnel))
    with tunnel.visit() as visitor:
        visitor.request(method, "/body", FOO, body=body)
        visitor.send(b"right behind;")
        assert visitor.response_head().status == 101
        visitor.send(b"after the switch")
        visitor.sock.shutdown(socket.SHUT_WR)
        assert tunnel.origin.told() == (method, body, b"right behind;after the switch")
        assert visitor.rest() == b""


def test_what_follows_in_the_same_segment_as_the_body_arrives(tunnel):
    switching(tunnel, "/segment", tells_all(tunnel))
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/segment", FOO + [("Content-Length", "4")])
                     + b"body\0raw\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        assert visitor.response_head().status == 101
        visitor.sock.shutdown(socket.SHUT_WR)
        assert tunnel.origin.told()[1:] == (b"body", b"\0raw\r\n\r\nGET / HTTP/1.1\r\n\r\n")


def test_a_switch_in_the_middle_of_the_body_loses_nothing(tunnel):
    """The rest of the body still goes to the service, followed by the bytes behind it."""
    def handler(exchange):
        assert exchange.wire.exactly(4) == b"half"
        exchange.wire.send(SWITCH + b"welcome")
        tunnel.origin.tell(exchange.wire.rest())
        exchange.keep = False

    tunnel.origin.on("/middle", handler)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/middle", FOO + [("Content-Length", "8")]) + b"half")
        assert visitor.response_head().status == 101
        assert visitor.exactly(7) == b"welcome"
        visitor.send(b"rest" + b"raw")
        visitor.sock.shutdown(socket.SHUT_WR)
        assert tunnel.origin.told() == b"restraw"


@pytest.mark.parametrize("offer, seen", [
    ([("Upgrade", "foo/2, bar, baz/1.0")], ["foo/2", "bar", "baz/1.0"]),
    ([("Upgrade", "h2c, foo")], ["foo"]),
    ([("Upgrade", "foo, h2c")], ["foo"]),
    ([("Upgrade", "foo,h2c-14,bar")], ["foo"]),  # shortened: what the client likes best stays
    ([("Upgrade", "websocket")], ["websocket"])])
def test_an_offer_of_several_protocols_arrives_in_order_without_h2c(tunnel, offer, seen):
    fields = tunnel.fetch("GET", "/echo", [("Connection", "Upgrade"), *offer]).json()["fields"]
    fields = wire.Fields(map(tuple, fields))
    assert fields.tokens("upgrade") == seen
    assert fields.tokens("connection") == ["upgrade"]


def test_offers_in_several_fields_are_one_list(tunnel):
    """RFC 9110 §5.3."""
    offer = [("Connection", "Upgrade"), ("Upgrade", "foo"), ("Upgrade", "bar")]
    fields = wire.Fields(map(tuple, tunnel.fetch("GET", "/echo", offer).json()["fields"]))
    assert fields.tokens("upgrade")[0] == "foo"
    assert set(fields.tokens("upgrade")) <= {"foo", "bar"}


def test_the_choice_of_the_service_and_its_fields_reach_the_visitor(tunnel):
    def handler(exchange):
        exchange.head(101, [("Connection", "Upgrade, x-private"), ("Upgrade", "bar/2"),
                            ("X-Private", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
                            ("Sec-WebSocket-Accept", "x=")])
        exchange.peer_leaves()

    tunnel.origin.on("/chooses", handler)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/chooses", [("Connection", "Upgrade"), ("Upgrade", "foo, bar/2")])
        head = visitor.response_head()
        assert (head.status, head.fields.all("upgrade")) == (101, ["bar/2"])
        assert head.fields.tokens("connection") == ["upgrade"]
        assert head.fields.all("set-cookie") == ["a=1", "b=2"]
        assert head.get("sec-websocket-accept") == "x="
        assert head.get("x-private") is None
        assert head.get("content-length") is head.get("transfer-encoding") is None


@pytest.mark.parametrize("fields", [
    [("Upgrade", "foo")], [("Upgrade", "foo"), ("Connection", "keep-alive")],
    [("Upgrade", "foo"), ("Connection", "upgraded")], [("Connection", "Upgrade")],
    [("Connection", "Upgrade"), ("Upgrade", "")]],
    ids=["no connection", "keep-alive", "upgraded", "no upgrade", "empty"])
def test_half_an_offer_is_no_offer(tunnel, fields):
    with tunnel.visit() as visitor:
        for _ in range(2):
            seen = visitor.fetch("POST", "/echo", fields, body=b"12345").json()
            assert seen["size"] == 5
            said = dict((name.lower(), value) for name, value in seen["fields"])
            assert "upgrade" not in said and said["connection"] == "close"  # behind a body


@pytest.mark.parametrize("size", [None, 0, 5, 300_000])
@pytest.mark.parametrize("status", [200, 204, 400, 404, 426, 501])
def test_a_declined_offer_is_an_ordinary_answer(tunnel, status, size):
    def declines(exchange):
        tunnel.origin.tell(bodies.sha256(exchange.body()))
        exchange.wire.send(b"HTTP/1.1 204 No\r\n\r\n") if status == 204 else (
            exchange.reply("declined", status, [("Connection", "upgrade"), ("Upgrade", "other")]))

    tunnel.origin.on("/declines", declines)
    body = None if size is None else bodies.make(1, size)
    with tunnel.visit() as visitor:
        for _ in range(3):
            visitor.request("POST", "/declines", FOO, body=body)
            head = visitor.response_head()
            assert head.status == status
            assert status == 204 or b"".join(visitor.response_body(head)) == b"declined"
            assert tunnel.origin.told() == bodies.digest(1, size or 0)
        assert visitor.fetch("GET", "/").body == b"hello"


def test_behind_a_declined_offer_the_connection_to_the_service_is_kept(own_tunnel):
    own_tunnel.origin.on("/declines", lambda exchange: exchange.reply(
        b"".join(exchange.body()), 404, [("Keep-Alive", "timeout=60")]))
    with own_tunnel.visit() as visitor:
        for body in (None, b"12345"):  # behind a body from loopback the connection is not reused
            for _ in range(3):
                assert visitor.fetch("POST", "/declines", FOO, body=body).body == (body or b"")
    used = [request.connection for request in own_tunnel.origin.seen("/declines")]
    assert len(set(used[:3])) == 1 and len(set(used[3:])) == 3


def test_a_426_says_what_to_upgrade_to(tunnel):
    """RFC 9110 §15.5.22: the server must send Upgrade in a 426."""
    tunnel.origin.on("/426", lambda exchange: exchange.reply(
        "no", 426, [("Connection", "upgrade"), ("Upgrade", "foo, bar")]))
    answer = tunnel.fetch("GET", "/426")
    assert answer.fields.tokens("upgrade") == ["foo", "bar"]
    assert "upgrade" in answer.fields.tokens("connection")


def test_a_request_behind_a_declined_offer_is_the_next_one(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo?1", FOO + [("Content-Length", "3")]) + b"abc"
                     + visitor.head("GET", "/echo?2", FOO) + visitor.head("GET", "/echo?3"))
        for number, size in ((1, 3), (2, 0), (3, 0)):
            seen = visitor.response().json()
            assert (seen["target"], seen["size"]) == (f"/echo?{number}", size)


def test_an_offer_to_the_relay_itself_is_an_ordinary_request(tunnel):
    with tunnel.visit() as visitor:
        for host, path, status in (("localhost", "/_adit/health", 200), ("localhost", "/x", 404),
                                   ("none.localhost", "/", 404)):
            answer = visitor.fetch("POST", path, FOO, body=b"12345", host=host)
            assert answer.status == status
        assert visitor.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("offer", ["h2c", "h2c-14", "H2C, h2c-16"])
@pytest.mark.parametrize("chunked", [None, False, True], ids=["no body", "length", "chunked"])
def test_h2c_is_never_offered_and_the_request_stays_whole(tunnel, offer, chunked):
    fields = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", offer),
              ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")]
    body = None if chunked is None else bodies.make(3, 200_000)
    with tunnel.visit() as visitor:
        for _ in range(2):
            seen = visitor.fetch("POST", "/echo", fields, body=body, chunked=bool(chunked)).json()
            assert seen["sha256"] == bodies.sha256(body or b"")
            said = dict((name.lower(), value) for name, value in seen["fields"])
            assert not {"upgrade", "http2-settings"} & set(said)
            assert said.get("connection") == (None if body is None else "close")


def test_an_offer_with_a_chunked_body_is_not_made_but_the_body_arrives(tunnel):
    with tunnel.visit() as visitor:
        for _ in range(2):
            visitor.send(visitor.head("POST", "/echo", FOO + CHUNKED) + wire.chunk(b"12345")
                         + wire.last_chunk([("x-sum", "1")]))
            seen = visitor.response().json()
            assert (seen["size"], seen["trailers"]) == (5, [["x-sum", "1"]])
            assert "upgrade" not in {name.lower() for name, _ in seen["fields"]}


@pytest.mark.parametrize("fields", [[("Upgrade", "foo")], FOO + CHUNKED,
                                    [("Connection", "upgrade"), ("Upgrade", "h2c")]],
                         ids=["no connection", "chunked", "h2c"])
def test_a_101_to_an_offer_that_was_not_passed_on_is_refused(tunnel, fields):
    switching(tunnel, "/unasked", lambda exchange, _: exchange.peer_leaves())
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/unasked", fields)
                     + (wire.last_chunk() if CHUNKED[0] in fields else b""))
        answer = visitor.response()
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")


def test_interim_responses_may_come_before_the_switch(tunnel):
    switching(tunnel, "/hint", tells_all(tunnel), b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n")
    with tunnel.visit() as visitor:
        visitor.request("GET", "/hint", FOO)
        head = visitor.response_head()
        assert ([each.status for each in head.interim], head.status) == ([103], 101)
    assert tunnel.origin.told() == ("GET", b"", b"")


def test_a_switch_after_100_continue(tunnel):
    switching(tunnel, "/100", tells_all(tunnel))
    with tunnel.visit() as visitor:
        fields = FOO + [("Expect", "100-continue"), ("Content-Length", "4")]
        visitor.send(visitor.head("POST", "/100", fields))
        assert (visitor.line(), visitor.line()) == (b"HTTP/1.1 100 Continue", b"")
        visitor.send(b"bodyraw")
        assert visitor.response_head().status == 101
        visitor.sock.shutdown(socket.SHUT_WR)
        assert tunnel.origin.told() == ("POST", b"body", b"raw")


def test_megabytes_pass_both_ways_behind_a_switch(tunnel):
    size = 8 << 20

    def then(exchange, _):
        sender = threading.Thread(target=lambda: [exchange.wire.send(piece)
                                                  for piece in bodies.pieces(2, size)])
        sender.start()
        digest = bodies.sha256(exchange.wire._counted(size))
        sender.join()
        tunnel.origin.tell(digest)

    switching(tunnel, "/megabytes", then)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/megabytes", FOO)
        assert visitor.response_head().status == 101
        sender = threading.Thread(target=lambda: [visitor.send(piece)
                                                  for piece in bodies.pieces(1, size)])
        sender.start()
        assert bodies.sha256(visitor._counted(size)) == bodies.digest(2, size)
        sender.join()
        assert tunnel.origin.told() == bodies.digest(1, size)


def test_both_directions_ended_end_the_connections(tunnel):
    def then(exchange, _):
        exchange.wire.sock.shutdown(socket.SHUT_WR)
        tunnel.origin.tell(exchange.wire.rest())

    switching(tunnel, "/both", then)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/both", FOO)
        assert visitor.response_head().status == 101
        assert visitor.rest() == b""
        visitor.send(b"last")
        visitor.sock.shutdown(socket.SHUT_WR)
        assert tunnel.origin.told() == b"last"


@pytest.mark.parametrize("who", ["visitor", "service"])
def test_a_reset_behind_a_switch_reaches_the_other_side(tunnel, who):
    left = threading.Event()

    def then(exchange, _):
        if who == "service":
            assert left.wait(harness.DEADLINE)
            exchange.reset()
            return
        try:
            while exchange.wire.sock.recv(1000):
                pass
            tunnel.origin.tell("end")
        except ConnectionError:
            tunnel.origin.tell("reset")

    switching(tunnel, "/reset", then)
    visitor = tunnel.visit()
    visitor.request("GET", "/reset", FOO)
    assert visitor.response_head().status == 101
    if who == "visitor":
        visitor.reset()
        assert tunnel.origin.told(harness.DEADLINE) == "reset"  # a FIN would look whole
    else:
        left.set()
        with pytest.raises(ConnectionError):
            while visitor.sock.recv(1000):
                pass
        visitor.close()


def is_cut(visitor):
    """Whether the stream ends by a reset, perhaps before its head was passed on."""
    try:
        if visitor.response_head().status == 502:
            return True
        while visitor.sock.recv(1000):
            pass
    except (ConnectionError, Truncated):
        return True
    return False


def test_a_reset_right_behind_a_switch_reaches_the_visitor(tunnel):
    def then(exchange, _):
        exchange.wire.send(b"some")
        exchange.reset()

    switching(tunnel, "/reset-soon", then)
    for _ in range(200):
        with tunnel.visit() as visitor:
            visitor.request("GET", "/reset-soon", FOO)
            assert is_cut(visitor)
