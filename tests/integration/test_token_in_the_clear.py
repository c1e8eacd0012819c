# SPDX-License-Identifier: MIT
"""The agent sends its token in the clear to no relay that redirects or does not answer in HTTP; and
--relay-ca alone says which authorities vouch for a relay. The relay's name has no address here, so
that it is not on loopback: a proxy connects to it."""
import socket
import threading

import harness
import pytest
from client import until
from connect_proxy import ConnectProxy
from tls_proxy import certificate
from tls_relay import DOMAIN, TlsRelay, wildcard

TOKEN = "0123456789abcdef0123456789abcdef"


class Listener:
    """Answers each connection's head and keeps all bytes."""

    def __init__(self, answer):
        self.answer = answer
        self.heads = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            with sock:
                data = b""
                while b"\r\n\r\n" not in data and (more := sock.recv(4096)):
                    data += more
                self.heads.append(data)
                sock.sendall(self.answer)
                sock.shutdown(socket.SHUT_WR)
                while more := sock.recv(4096):
                    self.heads.append(more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def start(directory, relay, proxy, *args, **env):
    return harness.Program(directory, "adit", "http", "80", "--url", "web", "--relay", relay, *args,
                           env={"ADIT_TOKEN": TOKEN, "all_proxy": proxy.url, **env})


def response(line, *fields):
    return "\r\n".join([f"HTTP/1.1 {line}", "Content-Length: 0", "Connection: close", *fields, "",
                        ""]).encode()


@pytest.mark.parametrize("status", ["301 Moved Permanently", "308 Permanent Redirect"])
def test_a_relay_that_moved_to_https_ends_the_agent(tmp_path, status):
    answer = response(status, f"Location: https://{DOMAIN}:8443/_adit/health")
    with Listener(answer) as listener, ConnectProxy(listener.socket.getsockname()) as proxy, \
            start(tmp_path, f"http://{DOMAIN}", proxy) as agent:
        assert agent.exit_code() == 1
        assert f"say --relay https://{DOMAIN}:8443. The token was not sent" in agent.text("stderr")
        head, = listener.heads
        assert b"uthorization" not in head and TOKEN.encode() not in head


@pytest.mark.parametrize("answer, told", [
    (response("302 Found", "Location: https://portal.example/login?secret"),
     "redirects to https://portal.example. If that is the relay"),
    (response("308 Permanent Redirect", "Location: https://other.example/"), "https://other.example"),
    (response("307 Temporary Redirect", f"Location: https://{DOMAIN}/"), f"https://{DOMAIN}"),
    (response("301 Moved Permanently", "Location: /there"), "it redirects: give --relay the URL"),
    (response("301 Moved Permanently", "Location: https://a b/"), "it redirects: give --relay"),
    (response("301 Moved Permanently"), "it redirects: give --relay"),
    (response("421 Misdirected Request"), "421"), (response("204 No Content"), "204"),
    (b"SSH-2.0-OpenSSH\r\n", "does not answer in HTTP"), (b"", "does not answer in HTTP")],
    ids=["portal", "other host", "for now", "path", "no host", "no location", "misdirected", "no page", "SSH", "nothing"])
def test_whatever_does_not_answer_as_a_relay_gets_no_token(tmp_path, answer, told):
    with Listener(answer) as listener, ConnectProxy(listener.socket.getsockname()) as proxy, \
            start(tmp_path, f"http://{DOMAIN}", proxy) as agent:
        line = agent.wait_for(f".*{told}.*", "stderr")[0]
        assert "secret" not in line
        until(lambda: len(listener.heads) > 1, "it tries again")
        sent = b"".join(listener.heads)
        assert sent.startswith(b"GET /_adit/health HTTP/1.1\r\n")
        assert b"uthorization" not in sent and TOKEN.encode() not in sent


def test_a_plain_relay_that_answers_gets_the_token_on_a_second_connection(tmp_path):
    tokens = tmp_path / "token"
    tokens.write_text(TOKEN)
    tokens.chmod(0o600)
    with harness.Relay(tmp_path, "--domain", DOMAIN, "--token-file", tokens, "--verbose") as relay, \
            ConnectProxy(relay.address) as proxy, \
            start(tmp_path, f"http://{DOMAIN}:{relay.port}", proxy) as agent:
        agent.wait_for(r"^adit: http://web")
        assert len(proxy.asked) == 2
        assert "no token" not in relay.text("stderr")  # the first one counts as no failed attempt


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    directory = tmp_path_factory.mktemp("relay")
    authority = certificate(directory / "authority", "authority.example")
    with TlsRelay(directory, pairs=[wildcard(directory / "pair", authority)],
                  authority=authority) as started:
        yield started


def test_a_relay_with_certificates_sends_the_agent_to_https(tmp_path, relay):
    with ConnectProxy(relay.plain) as proxy, \
            start(tmp_path, f"http://{DOMAIN}", proxy) as agent:
        assert agent.exit_code() == 1
        assert f"say --relay https://{DOMAIN}:{relay.port}. The token was not sent" in \
            agent.text("stderr")


def test_a_relay_without_a_scheme_is_asked_by_https(tmp_path, relay):
    with ConnectProxy(relay.address) as proxy, \
            start(tmp_path, DOMAIN, proxy, "--relay-ca", relay.authority) as agent:
        agent.wait_for(r"^adit: https://web")
        assert proxy.asked[0][0] == f"CONNECT {DOMAIN}:443 HTTP/1.1"


def test_relay_ca_takes_the_place_of_the_systems_authorities(tmp_path, relay):
    other, _ = certificate(tmp_path / "other", "authority.example")
    with ConnectProxy(relay.address) as proxy, start(
            tmp_path, f"https://{DOMAIN}", proxy, "--relay-ca", other,
            SSL_CERT_FILE=str(relay.authority)) as agent:
        agent.wait_for("certificate is not accepted .*--relay-ca", "stderr")


def test_relay_ca_has_certificates_and_an_https_relay(tmp_path, relay):
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    for file, url, told in ((empty, "https://localhost", "certificates in PEM"),
                            (tmp_path / "absent", "https://localhost", "No such file"),
                            (relay.authority, "http://localhost", "speaks https")):
        agent = harness.Program(tmp_path, "adit", "http", "80", "--relay", url, "--relay-ca", file)
        assert agent.exit_code() == 1
        assert told.lower() in agent.text("stderr").lower(), agent.report()
