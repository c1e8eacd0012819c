# SPDX-License-Identifier: MIT
"""Each side records heads and trailers as received, including hop-by-hop fields, and `show --raw`
writes them as messages again."""
import http.client
import io
import json
import re
import subprocess

import harness
import pytest
from client import Truncated
from record import Record, ended, exchanges
from test_record_running import command, row_when

CHUNKED = (b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nkeep-Alive: timeout=5, max=100\r\n"
           b"Connection: Keep-Alive, X-Hop\r\nX-Hop: 1\r\nETag: \"a\"\r\nAdit-Error: mine\r\n"
           b"Transfer-Encoding: chunked\r\nTrailer: Sum\r\n")
TRAILERS = b"Sum: 1\r\nContent-Length: 7\r\nX-Hop: 2\r\nadit-x: 3\r\n"


def answers(way, path, *pieces):
    """Lets the service answer any request for the path with these bytes, and close."""
    def handler(exchange):
        for _ in exchange.body():
            pass
        for piece in pieces:
            exchange.send(piece)
        exchange.close()
    way.origin.on(path, handler)


@pytest.fixture(params=["tunnel", "proxy"])
def service_side(request, tmp_path):
    """(way to a service, name of the program that connects to the service, its data directory)"""
    if request.param == "proxy":
        with harness.Proxied(tmp_path) as way:
            yield way, "adit", way.proxy.data
    else:
        with harness.Tunnel(tmp_path) as way:
            yield way, "adit", way.agent.data


def test_a_services_head_is_kept_as_it_came(service_side):
    way, program, data = service_side
    answers(way, "/chunked", b"HTTP/1.1 200 All Fine: yes\r\n" + CHUNKED + b"\r\n5\r\nhello\r\n"
            b"0\r\n" + TRAILERS + b"\r\n")
    reply = way.fetch("GET", "/chunked")
    assert reply.body == b"hello" and reply.get("keep-alive") is None
    row = ended(data, "target='/chunked'")
    assert row["response_head"] == CHUNKED and row["response_trailers"] == TRAILERS
    assert (row["reason"], row["response_protocol"]) == ("All Fine: yes", "HTTP/1.1")
    # Commands find and print hop-by-hop fields too.
    for words in ("res.header.keep-alive~max=100", "res.header.transfer-encoding=chunked",
                  "res.header.connection~Keep-Alive", "header.adit-x=3"):
        assert "/chunked" in command(program, data, "requests", words), words
    assert "< 200 All Fine: yes\n< Date: Sun, 06" in command(program, data, "show", "last")
    (entry,) = json.loads(command(program, data, "export", "--har"))["log"]["entries"]
    assert entry["response"]["statusText"] == "All Fine: yes"
    assert {"name": "Connection", "value": "Keep-Alive, X-Hop"} in entry["response"]["headers"]
    shown = json.loads(command(program, data, "show", "last", "--json"))["response"]
    assert (shown["reason"], shown["protocol"]) == ("All Fine: yes", "HTTP/1.1")
    assert ["X-Hop", "2"] in shown["trailers"]


@pytest.mark.parametrize("line,reason,protocol", [
    (b"HTTP/1.1 404 Not Found", None, "HTTP/1.1"), (b"HTTP/1.1 404 ", "", "HTTP/1.1"),
    (b"HTTP/1.0 404 not found", "not found", "HTTP/1.0")])
def test_the_phrase_and_the_version_of_a_service_are_kept(tunnel, line, reason, protocol):
    answers(tunnel, "/phrase", line + b"\r\nContent-Length: 2\r\n\r\nno")
    assert tunnel.fetch("GET", "/phrase").status == 404
    row = ended(tunnel.agent.data, f"target='/phrase' AND response_protocol='{protocol}' AND"
                f" reason IS {'NULL' if reason is None else repr(reason)}")
    with Record(tunnel.agent.data) as record:
        id_ = record.number("SELECT id FROM exchange WHERE seq=?", row["seq"])
    raw = command("adit", tunnel.agent.data, "show", id_, "--raw")
    assert f"\r\n{protocol} 404 {'Not Found' if reason is None else reason}\r\nContent" in raw


def test_interim_and_switching_heads_are_kept_as_they_came(own_tunnel):
    upgrade = b"Connection: upgrade, X-Y\r\nUPGRADE: chat\r\nX-Y: 1\r\n"
    answers(own_tunnel, "/switch", b"HTTP/1.1 103 Early Hints\r\nConnection: X\r\nX: 1\r\n\r\n"
            b"HTTP/1.1 102 Wait: a bit\r\n\r\nHTTP/1.1 101 Off We Go\r\n" + upgrade + b"\r\nbytes")
    with own_tunnel.visit() as visitor:
        visitor.request("GET", "/switch", [("Upgrade", "chat"), ("Connection", "Upgrade")])
        while visitor.response_head().status != 101:
            pass
        assert visitor.rest() == b"bytes"
    row = ended(own_tunnel.agent.data, "target='/switch'")
    assert row["interim"] == (b"103\r\nConnection: X\r\nX: 1\r\n\r\n102 Wait: a bit\r\n\r\n")
    assert row["response_head"] == upgrade and row["reason"] == "Off We Go"
    shown = command("adit", own_tunnel.agent.data, "show", "last")
    assert "< 102 Wait: a bit\n<\n< 101 Off We Go\n< Connection: upgrade, X-Y\n" in shown


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
def test_a_visitors_head_is_kept_as_it_came(tunnel, version):
    body = (b"3\r\nabc\r\n0\r\n" + TRAILERS if version == b"HTTP/1.1" else b"abc")
    framing = b"Transfer-Encoding: chunked" if version == b"HTTP/1.1" else b"Content-Length: 3"
    lines = (b"accept: */*\r\nHOST: " + tunnel.host.encode() + b"\r\nTE: trailers\r\n"
             b"connection: close, TE, X-Hop\r\nX-HOP: 1\r\nExpect: 100-continue\r\n" + framing +
             b"\r\nAdit-Bind: mine\r\nX: \r\n")
    tunnel.origin.on("/taken", lambda exchange: exchange.reply(b"".join(exchange.body())))
    with tunnel.visit() as visitor:
        visitor.send(b"POST /taken?" + version[-1:] + b" " + version + b"\r\n" + lines + b"\r\n" +
                     body + (b"\r\n" if version == b"HTTP/1.1" else b""))
        while (head := visitor.response_head()).status == 100:
            pass
        assert head.status == 200, (head, visitor.rest())
    row = ended(tunnel.relay.data, f"target='/taken?{version[-1:].decode()}'")
    assert row["request_head"] == lines
    assert row["request_trailers"] == (TRAILERS if version == b"HTTP/1.1" else None)


# show --raw

def response_in(raw, method="GET"):
    """The last response in these bytes, parsed by Python."""
    start = raw.rindex(b"HTTP/1.1 ")

    class Bytes:
        def makefile(self, *_):
            return io.BytesIO(raw[start:])
    response = http.client.HTTPResponse(Bytes(), method=method)
    response.begin()
    return response


def raw_of(end, target, program):
    row = ended(end.data, f"target='{target}'")
    return command(program, end.data, "show", row["id"], "--raw").encode()


def test_raw_is_a_message_again(own_tunnel):
    body = b"x" * 100_000
    answers(own_tunnel, "/raw", b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n186A0\r\n" + body +
            b"\r\n0\r\n" + TRAILERS + b"\r\n")
    assert own_tunnel.fetch("POST", "/raw", body=b"hello", chunked=True).body == body
    agent = raw_of(own_tunnel.agent, "/raw", "adit")
    assert b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n" in agent
    assert agent.endswith(b"\r\n0\r\n" + TRAILERS + b"\r\n")
    for program, end in (("adit", own_tunnel.agent), ("aditd", own_tunnel.relay)):
        raw = raw_of(end, "/raw", program)
        assert response_in(raw).read() == body
        # Both ends use chunks, though the tunnel between them has none.
        request = raw[:raw.index(b"HTTP/1.1 200")]
        assert re.search(rb"\r\ntransfer-encoding: chunked\r\n(.*\r\n)?\r\n5\r\nhello\r\n0\r\n\r\n$",
                         request, re.I | re.S)


def test_raw_of_a_response_without_a_body_has_none(own_tunnel):
    answers(own_tunnel, "/head", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    own_tunnel.fetch("HEAD", "/head")
    assert raw_of(own_tunnel.agent, "/head", "adit").endswith(
        b"Transfer-Encoding: chunked\r\n\r\n")


def test_raw_says_what_is_missing(tmp_path):
    def failed(end, target):
        row = exchanges(end.data, f"target='{target}'")[-1]
        done = subprocess.run(
            [harness.BIN / "adit", "show", row["id"], "--raw", "--data", end.data],
            capture_output=True, env=harness.environment(end.data), timeout=harness.DEADLINE)
        assert done.returncode == 1
        return done.stdout, done.stderr
    with harness.Tunnel(tmp_path, "--limit", "record-body=10") as tunnel:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        answers(tunnel, "/long", head + b"b\r\nhello world\r\n0\r\n\r\n")
        tunnel.fetch("GET", "/long")
        ended(tunnel.agent.data, "target='/long'")
        out, error = failed(tunnel.agent, "/long")
        assert out.endswith(b"\r\n\r\na\r\nhello worl\r\n") and b"not all of it was kept" in error
        answers(tunnel, "/cut", head + b"5\r\nhello\r\n")
        with pytest.raises((Truncated, ConnectionError)):
            tunnel.fetch("GET", "/cut")
        ended(tunnel.agent.data, "target='/cut'")
        out, error = failed(tunnel.agent, "/cut")
        assert out.endswith(b"5\r\nhello\r\n") and b"did not come whole" in error

        def runs(exchange):
            exchange.send(head + b"5\r\nhello\r\n")
            exchange.peer_leaves()
        tunnel.origin.on("/runs", runs)
        with tunnel.visit() as visitor:
            visitor.request("GET", "/runs")
            row_when(tunnel.agent, "target='/runs' AND response_bytes=5")
            out, error = failed(tunnel.agent, "/runs")
            assert out.endswith(b"5\r\nhello\r\n") and b"still runs" in error
