# SPDX-License-Identifier: MIT
"""The place of a measurement: starts its origin and contestants, and waits until they are ready."""

import dataclasses
import http.client
import pathlib
import shutil
import socket
import ssl
import subprocess
import time

from .processes import OWN_SESSIONS, Failed, Process, Supervisor

READY_SECONDS = 15
NAME = "bench"


@dataclasses.dataclass
class Running:
    """A contestant that answers on `port`. `relay` is the hop that the visitors meet, `agent` the one
    beside the origin; with one hop there is no agent, and with none neither."""

    name: str
    port: int
    relay: Process | None
    agent: Process | None
    origin_port: int = 0
    tls: bool = False  # towards the visitors
    only_h2: bool = False  # visitors must speak HTTP/2

    @property
    def host(self):
        return f"{NAME}.localhost:{self.port}"

    @property
    def url(self):
        """Without a path; its host is not the name in `host`."""
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    @property
    def ends(self):
        """part -> process"""
        ends = {"relay": self.relay, "agent": self.agent}
        return {part: process for part, process in ends.items() if process is not None}

    @property
    def processes(self):
        return list(self.ends.values())


@dataclasses.dataclass(frozen=True)
class Link:
    """A network path: what is sent one way takes half the round trip and queues for its turn."""

    round_trip_ms: int
    mbit_per_second: int
    queue_kib: int


@dataclasses.dataclass(frozen=True)
class Certificate:
    """PEM files. The certificate is its own authority."""

    chain: pathlib.Path
    key: pathlib.Path


@dataclasses.dataclass
class Site:
    """The directory, programs and settings of a measurement."""

    directory: pathlib.Path
    tools: dict  # name -> helper program
    bin: pathlib.Path | None  # of adit and aditd
    seconds: int  # of wrk in a lasting pass
    big_file: pathlib.Path | None = None  # what a row downloads
    upload_bytes: int = 0
    before: pathlib.Path | None = None  # an earlier build of both
    link: Link | None = None  # in the middle of a tunnel; None: loopback
    tls: Certificate | None = None  # towards the visitors, and between the hops; None: no TLS
    beside: tuple = ()  # the peers that take part; none named: all
    sessions: str = OWN_SESSIONS
    procs: Supervisor | None = None
    # The agent prints a line for each exchange; only a row that reads them lets it go to its log (None).
    agent_output: int | None = subprocess.DEVNULL

    def subdirectory(self, name):
        for number in range(1000):
            path = self.directory / f"{name}-{number}"
            if not path.exists():
                path.mkdir()
                return path
        raise Failed(f"no directory left for {name}")

    def certificate(self):
        """A new one, for localhost, the names below it that are used here, and loopback."""
        directory = self.subdirectory("certificate")
        made = Certificate(directory / "chain.pem", directory / "key.pem")
        names = f"subjectAltName=DNS:localhost,DNS:{NAME}.localhost,IP:127.0.0.1"
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        argv += ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", names]
        self.procs.run("openssl", [*argv, "-keyout", made.key, "-out", made.chain], READY_SECONDS)
        return made


def program(name):
    path = shutil.which(name)
    if path is None:
        raise Failed(f"there is no {name}; scripts/setup bench installs it")
    return path


def connection_to(port, tls):
    """Trusts any certificate."""
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=trust)


def answer(port, host, path, tls=False):
    """Returns (status, body) of a GET on a connection of its own; (None, why) when there is none."""
    connection = connection_to(port, tls)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as why:
        return None, str(why)
    finally:
        connection.close()


def wait_until_200(processes, port, host, path, tls=False):
    deadline = time.monotonic() + READY_SECONDS
    while answer(port, host, path, tls)[0] != 200:
        for process in processes:
            process.check_alive()
        if time.monotonic() > deadline:
            last = processes[-1]
            raise Failed(f"no 200 for {path} from {last.name} in {READY_SECONDS} s: {last.tail()}")
        time.sleep(0.02)


def wait_until_it_listens(process, port):
    deadline = time.monotonic() + READY_SECONDS
    while True:
        process.check_alive()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError as why:
            if time.monotonic() > deadline:
                raise Failed(f"{process.name} does not listen: {process.tail()}") from why
        time.sleep(0.02)
