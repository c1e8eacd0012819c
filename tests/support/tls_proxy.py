# SPDX-License-Identifier: MIT
"""A TLS proxy in front of a relay, as in README.md: terminates TLS and passes the bytes on."""
import socket
import ssl
import subprocess
import threading


def certificate(directory, *names, authority=None):
    """Makes a certificate for these names and IP addresses: self-signed, or signed by an authority,
    which is such a pair too. Returns the paths of the certificate and its key."""
    directory.mkdir(exist_ok=True)
    cert, key = directory / "cert.pem", directory / "key.pem"
    signer = ["-CA", authority[0], "-CAkey", authority[1]] if authority else []
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN=adit test {names[0]}", "-keyout", key, "-out", cert,
         *signer, "-addext", "subjectAltName=" + ",".join(
             ("IP:" if set(name) <= set("0123456789.:abcdef") and ({":", "."} & set(name)) else
              "DNS:") + name for name in names)],
        check=True, capture_output=True)
    return cert, key


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class TlsProxy:
    """Listens at once; `to`, set later, is the target. `links` counts the connections served."""

    def __init__(self, cert, key, host="127.0.0.1"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.context = context
        self.to = None
        self.links = 0
        self.server_names = []  # server names from clients; None if not sent
        context.sni_callback = lambda sock, name, context_: self.server_names.append(name)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family, backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            with self.context.wrap_socket(sock, server_side=True) as inner, \
                    socket.create_connection(self.to) as outer:
                self.links += 1
                back = threading.Thread(target=pump, args=(outer, inner), daemon=True)
                back.start()
                pump(inner, outer)
                back.join()
        except OSError:  # a client that rejects the certificate
            pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
