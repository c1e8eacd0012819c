# SPDX-License-Identifier: MIT
"""A service with https://: its certificate is verified, and TLS changes nothing of the exchange."""
import socket
import subprocess
import threading

import bodies
import harness
import pytest
from test_certificates import expired
from tls_proxy import TlsProxy, certificate

SIZE = 1 << 22


@pytest.fixture(scope="module")
def origin():
    with harness.Origin() as started:
        yield started


@pytest.fixture
def authority(tmp_path):
    return certificate(tmp_path / "authority", "authority.example")


def served(origin, cert, key, host="127.0.0.1"):
    """TLS in front of the origin."""
    front = TlsProxy(cert, key, host)
    front.to = ("127.0.0.1", origin.port)
    return front


@pytest.fixture
def front(tmp_path, origin, authority):
    cert, key = certificate(tmp_path / "service", "localhost", "app.localhost", "127.0.0.1",
                            authority=authority)
    with served(origin, cert, key) as started:
        yield started


def through(kind, tmp_path, origin, service, *args):
    return kind(tmp_path, *args, origin=origin, upstream=service)


@pytest.mark.parametrize("kind", [harness.Tunnel, harness.Proxied])
@pytest.mark.parametrize("option", ["--upstream-ca", "--upstream-tls-verify-cas"])
def test_bodies_pass_whole_each_way(tmp_path, origin, authority, front, kind, option):
    url = f"https://localhost:{front.port}"
    with through(kind, tmp_path, origin, url, option, authority[0]) as program:
        assert program.agent.to == url
        with program.visit() as visitor:
            visitor.request("POST", "/echo", body=bodies.pieces(3, SIZE), chunked=True)
            assert visitor.response().json()["sha256"] == bodies.digest(3, SIZE)
            _, count, digest = visitor.download(f"/bytes?size={SIZE}&seed=4")
        assert (count, digest) == (SIZE, bodies.digest(4, SIZE))


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "127.0.0.1"])
def test_its_name_is_asked_for_and_one_connection_serves_several(tmp_path, origin, authority, front,
                                                                 host):
    url = f"https://{host}:{front.port}"
    with harness.Proxied(tmp_path, "--upstream-ca", authority[0], "--host-header", "rewrite",
                         origin=origin, upstream=url) as proxy:
        with proxy.visit() as visitor:
            for _ in range(3):
                assert visitor.fetch("GET", "/").body == b"hello"
        assert {each.get("host") for each in origin.requests[-3:]} == {f"{host}:{front.port}"}
    assert set(front.server_names) == {None if host[0] == "1" else host}
    assert front.links <= 2  # the probe at the start, and one for all


@pytest.mark.parametrize("make, trusted, words", [
    (lambda directory, authority: certificate(directory, "localhost"), False, "self-signed certificate"),
    (lambda directory, authority: certificate(directory, "other.example", authority=authority), True,
     "hostname mismatch"),
    (lambda directory, authority: expired(directory), True, "certificate has expired")],
    ids=["self-signed", "other name", "expired"])
def test_a_certificate_that_is_not_accepted_is_told_at_the_start_and_to_each_visitor(
        tmp_path, origin, authority, make, trusted, words):
    directory = tmp_path / "service"
    directory.mkdir()
    cert, key = make(directory, authority)
    trust = ("--upstream-ca", cert if words.endswith("expired") else authority[0]) if trusted else ()
    with served(origin, cert, key) as front:
        url = f"https://localhost:{front.port}"
        with harness.Proxied(tmp_path, *trust, origin=origin, upstream=url) as proxy:
            proxy.proxy.wait_for(rf"TLS with {url} failed: the certificate is not accepted: {words}"
                                 r".*--upstream-ca FILE.*--upstream-tls-verify=false")
            answer = proxy.fetch("GET", "/", [("Accept", "text/plain")])
            assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-TLS")
            assert words.encode() in answer.body and b"--upstream-ca" in answer.body
        with harness.Proxied(tmp_path, "--upstream-tls-verify=false", origin=origin,
                             upstream=url) as proxy:
            proxy.proxy.wait_for(f"the certificate of {url} is not verified", "stderr")
            assert proxy.fetch("GET", "/").body == b"hello"


def answer_in_http(listener):
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        with sock:
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            while sock.recv(65536):
                pass


def test_a_service_without_tls_is_named(tmp_path, origin):
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=answer_in_http, args=(listener,), daemon=True).start()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    with listener, harness.Proxied(tmp_path, origin=origin, upstream=url) as proxy:
        answer = proxy.fetch("GET", "/", [("Accept", "text/plain")])
        assert answer.code == "ADIT-UPSTREAM-TLS" and b"does not speak TLS" in answer.body


def test_a_replay_and_an_exported_command_reach_it(tmp_path, origin, authority, front):
    url = f"https://localhost:{front.port}"
    with harness.Proxied(tmp_path, "--upstream-ca", authority[0], origin=origin,
                         upstream=url) as proxy:
        proxy.fetch("GET", "/")
        data = proxy.proxy.data

    def run(*args):
        return subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=harness.DEADLINE, env=harness.environment(tmp_path))

    adit = harness.BIN / "adit"
    refused = run(adit, "replay", "last", "--data", data)
    assert refused.returncode == 1 and "ADIT-UPSTREAM-TLS" in refused.stdout
    done = run(adit, "replay", "last", "--data", data, "--upstream-ca", authority[0])
    assert done.returncode == 0 and "200" in done.stdout, done
    shown = run(adit, "export", "last", "--curl", "--to-service", "--data", data)
    assert f" {url}/ " in shown.stdout, shown


@pytest.mark.parametrize("args, words", [
    (["http://localhost:1", "--upstream-ca", "x"], "need a service with https://"),
    (["1", "--upstream-tls-verify=false"], "need a service with https://"),
    (["https://localhost:1", "--upstream-tls-verify=no"], "is true or false"),
    (["https://localhost:1", "--upstream-ca", "x", "--upstream-tls-verify=false"], "give one of them"),
    (["unix:/x", "--file-listing"], "needs a folder")])
@pytest.mark.parametrize("command", ["http", "proxy"])
def test_options_that_mean_nothing_are_refused(tmp_path, command, args, words):
    done = subprocess.run([harness.BIN / "adit", command, *args], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=harness.DEADLINE,
                          env=harness.environment(tmp_path))
    assert done.returncode == 2 and words in done.stderr, done


def test_a_file_of_authorities_that_cannot_be_used_is_named(tmp_path):
    empty = tmp_path / "ca.pem"
    empty.write_text("")
    for path, words in ((empty, "no certificate"), (tmp_path / "none", "No such file")):
        done = subprocess.run(
            [harness.BIN / "adit", "proxy", "https://localhost:1", "--upstream-ca", path],
            stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=harness.DEADLINE,
            env=harness.environment(tmp_path))
        assert done.returncode == 1 and str(path) in done.stderr and words in done.stderr, done
