# SPDX-License-Identifier: MIT
"""nginx in front of a relay: it speaks TLS to agents, with a certificate of a private authority."""
import harness
import nginx
from tls_proxy import certificate

CONFIG = """
map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
server {{
    listen 127.0.0.1:{port} ssl;
    server_name localhost;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    client_max_body_size 0;
    location / {{
        proxy_pass http://127.0.0.1:{relay};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_read_timeout 1h;
    }}
}}
"""


class TlsFront:
    """An agent gets to `relay` by `url`; visitors of the tests go to the relay straight."""

    def __init__(self, directory, names=("localhost",)):
        self.directory = directory
        self.authority = certificate(directory / "authority", "authority.example")
        self.cert, self.key = certificate(directory / "server", *names, authority=self.authority)
        self.relay = harness.Relay(directory)
        self.nginx = None
        self.port = 0
        self.start()
        self.url = f"https://localhost:{self.port}"

    def start(self):
        """Starts nginx on the port that it had before."""
        self.nginx = nginx.Nginx(self.directory / "nginx", CONFIG, at=self.port, cert=self.cert,
                                 key=self.key, relay=self.relay.port)
        self.port = self.nginx.port

    def stop(self):
        """Ends nginx and with it all connections."""
        self.nginx.__exit__()

    def agent(self, origin, *args):
        """A program that asks for the name `web` by way of nginx."""
        return harness.Program(
            self.directory, "adit", "http", origin.address, "--url", "web", "--relay", self.url,
            "--verbose", *args, env={"SSL_CERT_FILE": str(self.authority[0])})

    def visit(self):
        visitor = self.relay.visit("web.localhost")
        visitor.sock.settimeout(12 * harness.DEADLINE)
        return visitor

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.relay.stop()
