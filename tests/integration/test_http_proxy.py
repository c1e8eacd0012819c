# SPDX-License-Identifier: MIT
"""The agent reaches its relay through the HTTP proxy that the environment names, read as curl reads
it. The relay's name has no address here: only the proxy can resolve it."""
import base64
import socket

import bodies
import harness
import pytest
from client import until
from connect_proxy import ConnectProxy
from tls_proxy import TlsProxy, certificate

TOKEN = "0123456789abcdef0123456789abcdef"
NAME = "relay.invalid"
SECRET = "p@ss-w0rd"


@pytest.fixture
def relay(tmp_path):
    tokens = tmp_path / "token"
    tokens.write_text(TOKEN)
    tokens.chmod(0o600)
    with harness.Relay(tmp_path, "--domain", NAME, "--token-file", tokens) as started:
        yield started


def start(directory, url, to="80", **env):
    return harness.Program(directory, "adit", "http", to, "--relay", url, "--url", "a",
                           env={"ADIT_TOKEN": TOKEN, **env})


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "ALL_PROXY"])
def test_the_proxy_is_asked_for_the_relay_by_its_name(tmp_path, relay, variable):
    url = f"http://{NAME}:{relay.port}"
    with harness.Origin() as origin, ConnectProxy(relay.address) as proxy, \
            start(tmp_path, url, origin.address, **{variable: proxy.url}) as agent:
        agent.wait_for(r"^adit: http://a\.relay\.invalid")
        (line, fields), second = proxy.asked  # the token goes with the second
        assert second[0] == line
        assert line == f"CONNECT {NAME}:{relay.port} HTTP/1.1"
        assert fields.get("host") == f"{NAME}:{relay.port}"
        assert fields.get("proxy-authorization") is None
        with relay.visit(f"a.{NAME}") as visitor:
            seen = visitor.fetch("POST", "/echo", body=bodies.make(3, 2 << 20)).json()
            assert (seen["size"], seen["sha256"]) == (2 << 20, bodies.digest(3, 2 << 20))


def test_HTTP_PROXY_is_not_read(tmp_path, relay):
    with ConnectProxy(relay.address) as proxy, \
            start(tmp_path, f"http://{NAME}", HTTP_PROXY=proxy.url) as agent:
        agent.wait_for("cannot reach the relay", "stderr")
        assert not proxy.asked


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY"])
def test_tls_goes_through_the_proxy_to_the_relay(tmp_path, relay, variable):
    cert, key = certificate(tmp_path, NAME)
    with TlsProxy(cert, key) as tls, ConnectProxy(("127.0.0.1", tls.port)) as proxy:
        tls.to = relay.address
        env = {variable: proxy.url, "SSL_CERT_FILE": str(cert)}
        with start(tmp_path, f"https://{NAME}", **env) as agent:
            agent.wait_for(r"^adit: http")
            assert proxy.asked[0][0] == f"CONNECT {NAME}:443 HTTP/1.1"


def test_a_relay_that_is_exempt_is_not_asked_for(tmp_path, relay):
    with ConnectProxy(relay.address) as proxy, \
            start(tmp_path, f"http://{NAME}", http_proxy=proxy.url, NO_PROXY="invalid") as agent:
        agent.wait_for("cannot reach the relay http://relay.invalid \\(", "stderr")
        assert not proxy.asked


def test_user_and_password_are_sent_and_never_told(tmp_path, relay):
    with ConnectProxy(relay.address) as proxy:
        value = f"http://me:{SECRET.replace('@', '%40')}@{proxy.at}"
        with start(tmp_path, f"http://{NAME}", "80", http_proxy=value) as agent:
            agent.wait_for(r"^adit: http")
            sent = proxy.asked[0][1].get("proxy-authorization")
            assert base64.b64decode(sent.removeprefix("Basic ")).decode() == f"me:{SECRET}"
            relay.stop()
            agent.wait_for("has gone", "stderr")
        told = agent.report()
        assert SECRET not in told and sent not in told and "%40" not in told


def answers(text, wait=True):
    def answer(wire):
        wire.send(text)
        if wait:
            wire.rest()
    return answer


@pytest.mark.parametrize("answer, user, words", [
    (b"HTTP/1.1 407 Who\r\nContent-Length: 3\r\n\r\nwho", "", "407: it needs a user and password"),
    (b"HTTP/1.1 407 Who\r\n\r\n", "me:secret-word@", "407: it does not accept this user"),
    (b"HTTP/1.1 403 No\r\n\r\n", "", f"403: it does not connect to {NAME}:80.*no_proxy"),
    (b"HTTP/1.0 502 No\r\n\r\n", "", f"502: it does not connect to {NAME}:80.*running"),
    (b"SSH-2.0-OpenSSH\r\n\r\n", "", r"\(its answer is not HTTP\)"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20000, "", r"\(its answer is not HTTP\)"),
    (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Me\r\n\r\n", "", r"\(it sent more than its answer\)"),
])
def test_what_the_proxy_says_is_told_and_tried_again(tmp_path, relay, answer, user, words):
    with ConnectProxy(relay.address, answers(answer)) as proxy:
        with start(tmp_path, f"http://{NAME}", http_proxy=f"http://{user}{proxy.at}") as agent:
            told = agent.wait_for(f"the proxy {proxy.url}.*{words}.*Trying again", "stderr")[0]
            assert "secret-word" not in told
            until(lambda: len(proxy.asked) > 1, "it tries again")
            proxy.answer = ConnectProxy(relay.address).answer
            agent.wait_for("^adit: http")


@pytest.mark.parametrize("relay_at, asked", [
    ("http://[fd00:0::1]:8080", "[fd00::1]:8080"), ("http://10.0.0.1", "10.0.0.1:80"),
    ("https://Example.COM.", "example.com:443"), ("Example.COM", "example.com:443"),
    ("10.0.0.1", "10.0.0.1:443"), ("10.0.0.1:80", "10.0.0.1:80"), ("[fd00::1]:80", "[fd00::1]:80")])
def test_addresses_and_names_are_asked_for_in_their_form(tmp_path, relay_at, asked):
    with ConnectProxy(None, answers(b"HTTP/1.1 403 No\r\n\r\n")) as proxy, \
            start(tmp_path, relay_at, all_proxy=proxy.url) as agent:
        agent.wait_for("403: it does not connect to", "stderr")
        assert proxy.asked[0][0] == f"CONNECT {asked} HTTP/1.1"


def test_a_proxy_that_closes_is_told(tmp_path, relay):
    with ConnectProxy(relay.address, lambda wire: False) as proxy, \
            start(tmp_path, f"http://{NAME}", http_proxy=proxy.url) as agent:
        agent.wait_for(rf"the proxy {proxy.url} \(it closed the connection", "stderr")


def test_a_proxy_that_is_not_there_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as was_open:
        at = f"127.0.0.1:{was_open.getsockname()[1]}"
    with start(tmp_path, f"http://{NAME}", http_proxy=at) as agent:
        agent.wait_for(rf"the proxy http://{at} \({at}: connection refused\), which http_proxy "
                       "names", "stderr")


def test_a_proxy_without_an_address_is_named(tmp_path):
    with start(tmp_path, f"http://{NAME}", http_proxy="no-such-proxy.invalid") as agent:
        agent.wait_for(r"the proxy http://no-such-proxy.invalid:1080 \(", "stderr")


def test_an_answer_may_come_in_pieces_and_after_others(tmp_path, relay):
    def drips(wire):
        for byte in b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n":
            wire.send(bytes([byte]))
        return True
    with ConnectProxy(relay.address, drips) as proxy, \
            start(tmp_path, f"http://{NAME}", http_proxy=proxy.url) as agent:
        agent.wait_for("^adit: http")


def test_a_signal_ends_it_while_the_proxy_is_silent(tmp_path, relay):
    with ConnectProxy(relay.address, lambda wire: wire.rest()) as proxy:
        agent = start(tmp_path, f"http://{NAME}", http_proxy=proxy.url)
        until(lambda: proxy.asked, "it asks")
        agent.stop()


@pytest.mark.parametrize("scheme, words", [("socks5h", "SOCKS"), ("https", "over TLS"),
                                           ("ftp", "unknown scheme")])
def test_other_kinds_of_proxies_are_refused_at_the_start(tmp_path, scheme, words):
    agent = start(tmp_path, f"http://{NAME}", ALL_PROXY=f"{scheme}://me:{SECRET}@p:1")
    assert agent.exit_code() == 1
    told = agent.text("stderr")
    assert "ALL_PROXY" in told and words in told and f"no_proxy={NAME}" in told
    assert SECRET not in told


def test_it_comes_back_through_the_proxy(tmp_path):
    tokens = tmp_path / "token"
    tokens.write_text(TOKEN)
    tokens.chmod(0o600)
    extra = ("--domain", NAME, "--token-file", tokens)
    relay = harness.Relay(tmp_path, *extra)
    with ConnectProxy(relay.address) as proxy:
        with start(tmp_path, f"http://{NAME}", http_proxy=proxy.url) as agent:
            agent.wait_for("^adit: http")
            relay.stop()
            agent.wait_for("has gone", "stderr")
            with harness.Relay(tmp_path, *extra, port=relay.port):
                agent.wait_for("^adit: connected again")
            assert len(proxy.asked) >= 2
