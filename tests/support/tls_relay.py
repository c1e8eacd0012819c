# SPDX-License-Identifier: MIT
"""A relay that speaks TLS itself on one listener, and redirects to it from another."""
import os
import socket
import ssl

import harness
from client import Client
from tls_proxy import certificate

DOMAIN = "relay.example"


def wildcard(directory, authority, *names):
    """A certificate of this authority for the relay's domain, names below it, and these names."""
    return certificate(directory, DOMAIN, f"*.{DOMAIN}", *names, authority=authority)


def replace(pair, new):
    """Puts a new certificate and key in the place of old ones, as ACME clients do."""
    for old, one in zip(pair, new):
        os.replace(one, old)


class TlsVisitor(Client):
    """Like a Client, over TLS. `name` is the server name that is sent, None for none."""

    def __init__(self, address, host, context, name):
        super().__init__(address, host)
        self.sock = context.wrap_socket(self.sock, server_hostname=name)

    def names(self):
        """The names in the certificate that was shown."""
        return [value for _, value in self.sock.getpeercert()["subjectAltName"]]


class TlsRelay(harness.Program):
    """`pairs` are certificates and keys; `authority` is the one that clients trust."""

    def __init__(self, directory, *args, pairs=(), authority=None, domain=DOMAIN,
                 token_owner=None, **options):
        given = [word for cert, key in pairs for word in ("--tls-cert", cert, "--tls-key", key)]
        self.token = None
        if domain != "localhost":
            self.token = directory / "token"
            self.token.write_text("0123456789abcdef0123456789abcdef")
            self.token.chmod(0o600)
            if token_owner is not None:
                os.chown(self.token, token_owner, -1)
            given += ["--token-file", self.token]
        super().__init__(directory, "aditd", "--listen", "https://127.0.0.1:0", "--listen",
                         "http://127.0.0.1:0", "--domain", domain, *given, *args, **options)
        self.domain = domain
        self.authority = authority and authority[0]
        try:
            self.port = int(self.wait_for(r"listening on https://127\.0\.0\.1:(\d+)$")[1])
            self.plain_port = int(self.wait_for(r"listening on http://127\.0\.0\.1:(\d+)$")[1])
            self.wait_for(r"^aditd: ready")
        except AssertionError:
            self.kill()
            raise
        self.address = ("127.0.0.1", self.port)
        self.plain = ("127.0.0.1", self.plain_port)

    def context(self, verify=True):
        context = ssl.create_default_context(cafile=self.authority)
        context.check_hostname = False
        if not verify:
            context.verify_mode = ssl.CERT_NONE
        return context

    def visit(self, host, name="", verify=True):
        """Over TLS; the server name is the host unless it is given."""
        return TlsVisitor(self.address, host, self.context(verify), host if name == "" else name)

    def visit_plain(self, host):
        return Client(self.plain, host)

    def raw(self):
        sock = socket.create_connection(self.address, harness.DEADLINE)
        sock.settimeout(harness.DEADLINE)
        return sock
