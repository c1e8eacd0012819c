# SPDX-License-Identifier: MIT
"""`adit proxy`: the addresses it listens on, the options it refuses, and its table of paths."""
import asyncio
import re
import signal
import time
import socket

import harness
import pytest
import websockets
import ws_origin
from client import Client, until
from test_startup import run

ROW = r"^ +(\d+) +([\d.]+ m?s) +([\d.]+ m?s) +([\d.]+ m?s) +([\d.]+ m?s) +([\d.]+ m?s)" \
      r" +([\d.]+ \w+) +([\d.]+ \w+)  (.+)$"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    with harness.Proxied(tmp_path_factory.mktemp("proxy")) as started:
        yield started


@pytest.fixture
def own_proxied(tmp_path):
    with harness.Proxied(tmp_path) as started:
        yield started


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as was_open:
        return was_open.getsockname()[1]


def test_it_says_where_it_listens_and_where_to(proxied):
    proxy = proxied.proxy
    assert proxy.url == f"http://localhost:{proxy.port}"
    assert proxy.to == f"http://127.0.0.1:{proxied.origin.port}"


def test_both_loopbacks_lead_to_it_and_nothing_else_does(proxied):
    for address in ("127.0.0.1", "::1"):
        with Client((address, proxied.proxy.port), proxied.host) as visitor:
            assert visitor.fetch("GET", "/").body == b"hello"
    listening = [line.split()[1] for name in ("tcp", "tcp6")
                 for line in open(f"/proc/net/{name}") if line.split()[3] == "0A"]
    port = f":{proxied.proxy.port:04X}"
    assert sorted(at for at in listening if at.endswith(port)) == [
        "00000000000000000000000001000000" + port, "0100007F" + port]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "[::1]"])
def test_it_listens_on_the_address_that_is_asked_for_and_on_no_other(tmp_path, host):
    bare = host.strip("[]")
    with harness.Proxied(tmp_path, "--host", host) as proxied:
        assert proxied.host.rpartition(":")[0] == (f"[{bare}]" if ":" in bare else bare)
        with Client((bare, proxied.proxy.port), proxied.host) as visitor:
            assert visitor.fetch("GET", "/").body == b"hello"
        with pytest.raises(ConnectionRefusedError):
            Client(("127.0.0.1" if ":" in bare else "::1", proxied.proxy.port), "x")


def test_a_proxy_open_to_everyone_is_told(tmp_path):
    with harness.Proxied(tmp_path, "--host", "0.0.0.0") as proxied:
        proxied.proxy.wait_for("anyone who can reach this machine", "stderr")
        assert proxied.fetch("GET", "/").body == b"hello"


def test_a_chosen_port_is_taken(tmp_path):
    port = unused_port()
    with harness.Proxy(tmp_path, "80", port=port) as proxy:
        assert proxy.port == port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_told_and_what_to_do(tmp_path, host):
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host
                              else socket.AF_INET) as taken:
        port = taken.getsockname()[1]
        code, out, err = run(tmp_path, "adit", "proxy", "--port", port, "--url", "80", data=True)
    assert (code, out) == (1, "")
    assert f"localhost:{port}" in err and "in use" in err and "--port" in err


@pytest.mark.parametrize("url, to", [
    ("80", "http://localhost:80"), ("localhost:80", "http://localhost:80"),
    ("http://localhost:5000", "http://localhost:5000"), ("http://localhost", "http://localhost:80"),
    ("HTTP://127.0.0.1:1/", "http://127.0.0.1:1"), ("http://[::1]:2", "http://[::1]:2"),
    ("http://[::1]", "http://[::1]:80"), ("[::1]:3", "http://[::1]:3")])
def test_a_service_may_be_written_in_several_ways(tmp_path, url, to):
    with harness.Proxy(tmp_path, url) as proxy:
        assert proxy.to == to


@pytest.mark.parametrize("args, says", [
    ([], "--url"), (["--url"], "needs a value"), (["--url", "ftp://localhost:1"], "https://"),
    (["--url", "http://localhost:1/path"], "path"), (["--url", "http://localhost/?q"], "path"),
    (["--url", "http://"], "http://localhost:5000"), (["--url", "http://a:b"], "a:b"),
    (["--url", "http://user@a"], "user or password"), (["--url", "ftp://a"], "only http"),
    (["--url", "http://a:0"], "a:0"), (["--url", "http://a:65536"], "a:65536"),
    (["--url", "http://a b"], "a b"), (["--url", "http://[::1"], "::1"), (["--url", "web"], "web"),
    (["--url", "1", "--port", "65536"], "65536"), (["--url", "1", "--port", "x"], "--port"),
    (["--url", "1", "--host", "example.com"], "example.com"), (["--url", "1", "--host", ""], "--host"),
    (["--url", "1", "--host", "127.0.0.1:80"], "--host"), (["--url", "1", "2"], "neither"),
    (["--url", "1", "--host-header", "a b"], "a b"), (["--url", "1", "--relay", "x"], "--relay"),
    (["--url", "1", "--limit", "streams=1"], "streams"),
    (["--url", "1", "--limit", "visitors=0"], "visitors")], ids=str)
def test_mistakes_are_explained_and_exit_2(tmp_path, args, says):
    code, out, err = run(tmp_path, "adit", "proxy", *args)
    assert (code, out) == (2, "")
    assert err.startswith("adit proxy: ") and says in err and "adit proxy --help" in err


def test_help_names_every_flag_and_the_limits_that_may_be_set(tmp_path):
    code, out, err = run(tmp_path, "adit", "proxy", "--help")
    assert (code, err) == (0, "")
    for word in ("--url", "--port", "--host", "--print-bodies", "--host-header", "--data",
                 "--limit", "--verbose", "--help", "SIGUSR1", "visitors", "body-bytes",
                 "keepalive-time", "connect-time", "answer-time", "response-head-bytes"):
        assert word in out
    assert "tunnels" not in out and "gone-time" not in out


def test_a_data_directory_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    at = tmp_path / "file" / "data"
    code, _, err = run(tmp_path, "adit", "proxy", "--port", "0", "--url", "1", "--data", at)
    assert code == 1
    assert str(at) in err


@pytest.mark.parametrize("limit, status, code, request_", [
    ("head-bytes=256", 431, "ADIT-HEAD-TOO-LARGE", {"fields": [("x", "y" * 300)]}),
    ("head-fields=2", 431, "ADIT-HEAD-TOO-LARGE", {"fields": [("x", "y")] * 3}),
    ("body-bytes=3", 413, "ADIT-BODY-TOO-LARGE", {"body": b"four"}),
    ("answer-time=100ms", 504, "ADIT-UPSTREAM-TIMEOUT", {}),
    ("response-head-bytes=256", 502, "ADIT-UPSTREAM-INVALID", {"target": "/long"})])
def test_limits_hold(tmp_path, limit, status, code, request_):
    with harness.Proxied(tmp_path, "--limit", limit) as proxied:
        proxied.origin.on("/thinks", lambda exchange: exchange.peer_leaves())
        proxied.origin.on("/long", lambda exchange: exchange.reply("x", 200, [("x", "y" * 300)]))
        answer = proxied.fetch("GET", request_.pop("target", "/thinks"), **request_)
        assert (answer.status, answer.code) == (status, code)


def test_visitors_above_their_limit_are_told(tmp_path):
    with harness.Proxied(tmp_path, "--limit", "visitors-per-address=2") as proxied:
        with proxied.visit() as one, proxied.visit() as two:
            assert one.fetch("GET", "/").status == two.fetch("GET", "/").status == 200
            assert proxied.fetch("GET", "/").code == "ADIT-TOO-MANY-REQUESTS"


def test_a_service_that_is_not_there_is_a_502(tmp_path):
    with harness.Proxied(tmp_path, upstream=f"http://localhost:{unused_port()}") as proxied:
        answer = proxied.fetch("GET", "/")
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-REFUSED")


def test_a_request_that_comes_back_is_a_loop(tmp_path):
    port = unused_port()
    with harness.Proxy(tmp_path, f"http://localhost:{port}", port=port) as proxy:
        for method, body in (("GET", None), ("POST", b"x" * 1000)):
            with proxy.visit() as visitor:
                answer = visitor.fetch(method, "/", body=body)
                assert (answer.status, answer.code) == (508, "ADIT-LOOP")


def test_two_proxies_in_a_row_are_no_loop_and_two_in_a_circle_are(proxied, tmp_path):
    with harness.Proxy(tmp_path / "front", proxied.proxy.url) as front:
        with front.visit() as visitor:
            assert visitor.fetch("GET", "/").body == b"hello"
        assert ",".join(proxied.origin.requests[-1].fields.all("via")).count("adit") == 2
        port = unused_port()
        with harness.Proxy(tmp_path / "a", f"http://127.0.0.1:{port}") as first, \
                harness.Proxy(tmp_path / "b", first.url, port=port), first.visit() as visitor:
            assert visitor.fetch("GET", "/").code == "ADIT-LOOP"


@pytest.mark.parametrize("mode, seen", [("preserve", "asked.example"), ("rewrite", None),
                                        ("other.example", "other.example")])
def test_the_host_that_the_service_sees_is_the_one_that_was_chosen(tmp_path, mode, seen):
    with harness.Proxied(tmp_path, "--host-header", mode) as proxied:
        fields = dict(proxied.fetch("GET", "/echo", host="asked.example").json()["fields"])
        assert fields["Host"] == (seen or proxied.origin.address)
        assert fields["X-Forwarded-Host"] == "asked.example"


def test_a_request_without_a_host_gets_that_of_the_service(proxied):
    with proxied.visit() as visitor:
        visitor.send(b"GET /echo HTTP/1.0\r\n\r\n")
        assert dict(visitor.response().json()["fields"])["Host"] == proxied.origin.address


def test_websockets_pass(tmp_path):
    service = ws_origin.WebSocketOrigin()

    async def talk(proxy):
        async with websockets.connect(f"ws://127.0.0.1:{proxy.port}/echo", compression=None,
                                      subprotocols=["chat.v1"], max_size=None) as socket_:
            assert socket_.subprotocol == "chat.v1"
            for message in ("text \u00fc", b"\0binary" * 20000, ""):
                await socket_.send(message)
                assert await socket_.recv() == message

    try:
        with harness.Proxy(tmp_path, service.address) as proxy:
            asyncio.run(talk(proxy))
            until(lambda: service.closed, "the service has seen the end")
            assert service.closed == [(1000, "")]
    finally:
        service.stop()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly_in_the_middle_of_exchanges(own_proxied, how):
    def hang(exchange):
        own_proxied.origin.tell("asked")
        exchange.peer_leaves()

    own_proxied.origin.on("/hang", hang)
    visitors = [own_proxied.visit() for _ in range(3)]
    for visitor in visitors:
        visitor.request("GET", "/hang")
        own_proxied.origin.told()
    own_proxied.proxy.stop(how)
    assert "  visitor gone" in own_proxied.proxy.text("stdout")


# The table of paths.

def rows(text):
    """The rows of a table of paths: {path: (calls, bytes of requests, bytes of responses)}."""
    found = [m.groups() for line in text.splitlines() if (m := re.match(ROW, line))]
    return {row[8]: (int(row[0]), row[6], row[7]) for row in found}


def test_without_an_exchange_there_is_no_table(own_proxied):
    own_proxied.proxy.stop()
    assert "exchanges" not in own_proxied.proxy.text("stdout")


def test_the_table_counts_paths_whatever_the_method_and_the_query(own_proxied):
    for method, target, body in (("GET", "/?a", None), ("GET", "/", None), ("HEAD", "/?b", None),
                                 ("POST", "/mirror?x", b"x" * 3000), ("GET", "/none", None)):
        own_proxied.fetch(method, target, body=body)
    own_proxied.proxy.stop()
    text = own_proxied.proxy.text("stdout")
    assert "adit: 5 exchanges on 3 paths" in text
    assert rows(text) == {"/": (3, "0 B", "10 B"), "/mirror": (1, "2.9 KiB", "2.9 KiB"),
                          "/none": (1, "0 B", "12 B")}


def test_the_percentiles_of_a_single_call_are_its_time(own_proxied):
    for number in range(5):  # long enough for the histogram's steps to be seen
        own_proxied.origin.on(f"/{number}", lambda exchange, number=number: (
            time.sleep(0.02 + number * 0.007), exchange.reply("x")))
        own_proxied.fetch("GET", f"/{number}")
    own_proxied.proxy.stop()
    found = [m.groups() for line in own_proxied.proxy.text("stdout").splitlines() if (m := re.match(ROW, line))]
    assert len(found) == 5
    for row in found:
        assert len(set(row[1:6])) == 1, row


def test_the_table_is_printed_on_sigusr1_and_nothing_ends(own_proxied):
    own_proxied.proxy.process.send_signal(signal.SIGUSR1)
    own_proxied.proxy.wait_for("^adit: 0 exchanges on 0 paths$")
    own_proxied.fetch("GET", "/")
    own_proxied.proxy.process.send_signal(signal.SIGUSR1)
    own_proxied.proxy.wait_for("^adit: 1 exchange on 1 path$")
    own_proxied.proxy.wait_for(r"  /$")
    assert own_proxied.fetch("GET", "/").body == b"hello"


def test_the_path_that_took_longest_in_all_comes_first(own_proxied):
    release = own_proxied.origin.told
    own_proxied.origin.on("/slow", lambda exchange: (release(), exchange.reply("x")))
    with own_proxied.visit() as slow:
        slow.request("GET", "/slow")
        for _ in range(5):
            own_proxied.fetch("GET", "/")
        own_proxied.origin.tell("go on")
        assert slow.response().status == 200
    own_proxied.proxy.stop()
    assert list(rows(own_proxied.proxy.text("stdout"))) == ["/slow", "/"]


def test_paths_beyond_the_bound_are_added_up(own_proxied):
    with own_proxied.visit() as visitor:
        for number in range(1100):
            assert visitor.fetch("GET", f"/{number}").status == 404
    own_proxied.proxy.stop()
    text = own_proxied.proxy.text("stdout")
    assert "adit: 1100 exchanges on 1000 paths and more" in text
    table = rows(text)
    assert len(table) == 401
    assert list(table)[-1] == "(other paths)"
    assert sum(calls for calls, _, _ in table.values()) == 1100


def test_a_path_cannot_move_the_cursor(own_proxied):
    with own_proxied.visit() as visitor:
        visitor.send(b"GET /\xc2\x9b2J\xe2\x80\xae\xff\xc3\xbc HTTP/1.1\r\nHost: x\r\n\r\n")
        assert visitor.response().status == 404
    own_proxied.proxy.stop()
    assert list(rows(own_proxied.proxy.text("stdout"))) == ["/?2J??\u00fc"]


def test_an_agent_prints_the_table_on_sigusr1_and_a_relay_does_not_mind(own_tunnel):
    own_tunnel.fetch("GET", "/?x")
    own_tunnel.relay.process.send_signal(signal.SIGUSR1)
    own_tunnel.agent.process.send_signal(signal.SIGUSR1)
    own_tunnel.agent.wait_for("^adit: 1 exchange on 1 path$")
    assert own_tunnel.fetch("GET", "/").body == b"hello"
