# SPDX-License-Identifier: MIT
"""A relay behind a proxy that terminates TLS, for visitors and for agents."""
import ssl

import bodies
import harness
import pytest
from tls_proxy import TlsProxy, certificate


class Public:
    """A TLS proxy and a relay, with a certificate for localhost and the names below it."""

    def __init__(self, directory, names=("localhost", "web.localhost")):
        self.cert, key = certificate(directory, *names)
        self.proxy = TlsProxy(self.cert, key)
        self.url = f"https://localhost:{self.proxy.port}"
        self.relay = harness.Relay(directory, "--public-url", self.url)
        self.proxy.to = self.relay.address

    def agent_arguments(self, origin):
        return ["http", origin.address, "--url", "web", "--relay", self.url]

    def visit(self):
        """A visitor over TLS."""
        visitor = harness.Client(("127.0.0.1", self.proxy.port), f"web.localhost:{self.proxy.port}",
                                 harness.DEADLINE)
        context = ssl.create_default_context(cafile=self.cert)
        visitor.sock = context.wrap_socket(visitor.sock, server_hostname="web.localhost")
        return visitor

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.relay.stop()
        self.proxy.__exit__()


@pytest.fixture(scope="module")
def origin():
    with harness.Origin() as started:
        yield started


@pytest.fixture(scope="module")
def public(tmp_path_factory, origin):
    directory = tmp_path_factory.mktemp("public")
    with Public(directory) as started:
        with harness.Program(directory, "adit", *started.agent_arguments(origin),
                             env={"SSL_CERT_FILE": str(started.cert)}) as agent:
            agent.wait_for(rf"^adit: https://web\.localhost:{started.proxy.port} -> ")
            yield started


def test_the_whole_way_is_encrypted_and_says_so(public):
    with public.visit() as visitor:
        seen = dict((n.lower(), v) for n, v in visitor.fetch("GET", "/echo").json()["fields"])
    assert seen["x-forwarded-proto"] == "https"
    assert "proto=https" in seen["forwarded"]


def test_bodies_arrive_whole_over_tls(public):
    size = 5 << 20
    with public.visit() as visitor:
        seen = visitor.fetch("POST", "/echo", body=bodies.make(41, size)).json()
        assert (seen["size"], seen["sha256"]) == (size, bodies.digest(41, size))
        _, count, digest = visitor.download(f"/bytes?size={size}&seed=42")
        assert (count, digest) == (size, bodies.digest(42, size))


@pytest.mark.parametrize("names, trusted", [(("localhost",), False), (("other.example",), True)],
                         ids=["unknown certificate", "certificate of another host"])
def test_a_relay_that_cannot_prove_who_it_is_is_not_talked_to(origin, tmp_path, names, trusted):
    with Public(tmp_path, names) as started:
        env = {"SSL_CERT_FILE": str(started.cert)} if trusted else {}
        with harness.Program(tmp_path, "adit", *started.agent_arguments(origin), env=env) as agent:
            agent.wait_for("cannot trust the relay https://localhost", "stderr")
        assert started.proxy.links == 0
