# SPDX-License-Identifier: MIT
"""Exported commands and replays of a recorded request send the service what it got the first
time."""
import subprocess
from random import Random

import any_request
import harness
import pytest
import wire
from any_request import Request
from client import until
from listening import Listening
from record import Record
from shells import SHELLS, run_script


@pytest.fixture
def service():
    with Listening() as started:
        yield started


class Way:
    """A tunnel or a proxy before the service, and its records by the exporting program."""

    def __init__(self, name, directory, service):
        self.service = service
        self.sent = 0
        if name == "tunnel":
            self.relay = harness.Relay(directory, "--no-redact")
            self.way = harness.Tunnel(directory, "--no-redact", relay=self.relay,
                                      upstream=service.host)
            self.records = {"aditd": directory / "aditd", "adit": directory / "adit"}
        else:
            self.relay = None
            self.way = harness.Proxied(directory, "--no-redact", upstream=service.host)
            self.records = {"adit": directory / "adit"}
        self.host = self.way.host

    def has_records(self):
        """Waits for the records, which programs create after they begin to serve."""
        for path in self.records.values():
            if not (path / "record.db").exists():
                return False
            with Record(path) as record:
                if record.number("PRAGMA user_version") == 0:
                    return False
        return True

    def row(self, program, mark):
        """The first exchange with this field, once it is over."""
        with Record(self.records[program]) as record:
            rows = [row for row in record.exchanges() if mark in row["request_head"]]
        return rows[0] if rows and rows[0]["outcome"] else None

    def send(self, request):
        """Sends a request. Returns it as the service got it, and the exchange's id in each
        record."""
        self.sent += 1
        mark = b"%d" % self.sent
        request.fields.append(("X-Mark", mark))
        with self.way.visit() as visitor:
            visitor.send(raw(request))
            visitor.response_head()
        heard, = self.service.take()
        mark = b"ark: " + mark + b"\r\n"
        return heard, {program: until(lambda: self.row(program, mark), "it is recorded")["id"]
                       for program in self.records}

    def run(self, program, command, *words, record=None):
        done = subprocess.run(
            [harness.BIN / program, command, *words, "--data", self.records[record or program]],
            capture_output=True, timeout=harness.DEADLINE, check=False,
            env=harness.environment(self.way.directory))
        assert done.returncode == 0, done
        return done.stdout

    def close(self):
        self.way.close()
        if self.relay:
            self.relay.stop()


@pytest.fixture(params=["tunnel", "proxy"])
def way(request, tmp_path, service):
    made = Way(request.param, tmp_path, service)
    until(made.has_records, "there are records")
    yield made
    made.close()


def raw(request):
    """The bytes of a request."""
    head = f"{request.method} {request.target} {request.version}\r\n".encode("latin-1")
    head += b"".join(name.encode() + b": " + value + b"\r\n" for name, value in request.fields)
    body = request.body
    if any(name.lower() == "transfer-encoding" for name, _ in request.fields):
        pieces = [body[at:at + 7000] for at in range(0, len(body), 7000)]
        body = b"".join(map(wire.chunk, pieces)) + wire.last_chunk(request.trailers)
    return head + b"\r\n" + body


def scripted(host):
    """Requests of the kinds that the generator does not make."""
    h = ("Host", host.encode())
    te = ("Transfer-Encoding", b"chunked")
    return [
        Request("GET", f"http://{host}/absolute?q", [("A", b"1"), ("Host", b"else.where")], b""),
        Request("GET", f"http://{host}?q", [h], b""),
        Request("GET", "/hop", [h, ("Connection", b"close, X-Hop"), ("X-Hop", b"1"), ("B", b"2"),
                                ("Keep-Alive", b"x"), ("Proxy-Connection", b"y")], b""),
        Request("OPTIONS", "*", [("Max-Forwards", b"5"), h], b""),
        Request("TRACE", "/t", [h, ("max-forwards", b"1")], b""),
        Request("POST", "/te", [h, te, ("TE", b"trailers, deflate"), ("Connection", b"te")],
                b"abc"),
        Request("POST", "/trailers", [h, te, ("Trailer", b"X-Sum")], b"abc",
                trailers=(("X-Sum", "1"), ("X-Sum", "2"))),
        Request("POST", "/no-body", [h], b""),
        Request("POST", "/no-body", [h, ("Content-Length", b"0")], b""),
        Request("GET", "/expect", [h, ("Expect", b"100-continue"), ("Content-Length", b"0")], b""),
        Request("GET", "/vias", [h, ("Via", b"1.0 a, 1.1 b"), ("X-Forwarded-For", b"6.6.6.6"),
                                 ("Via", b"1.1 adit-other")], b""),
        Request("GET", "/trailer", [h, ("Trailer", b"X")], b""),
        Request("POST", "/empty", [h, te], b""),
        Request("GET", "/old", [h, ("User-Agent", b"x")], b"", version="HTTP/1.0"),
        Request("PUT", "/mib", [h, ("Content-Length", b"1048576")], bytes(range(256)) * 4096),
    ]


def requests(host, seed, count):
    random = Random(seed)
    return scripted(host) + [any_request.a_request(random, host) for _ in range(count)]


def is_told(request, way, record):
    """Whether the record can tell this request: an agent's cannot tell an empty chunked body from
    none."""
    chunked = any(name.lower() == "transfer-encoding" for name, _ in request.fields)
    return not (way.relay and record == "adit" and chunked and not request.body)


def spelled(name):
    """Ignores the visitor's spelling of Host, which an agent does not know."""
    return b"Host" if name.lower() == b"host" else name


def without_close(field):
    name, value = field
    if name.lower() != b"connection":
        return field
    kept = [option for option in value.split(b", ") if option != b"close"]
    return name, b", ".join(kept) if kept else None


def service_view(heard, trailers=True):
    """The request without fields of the hop: our id in Via, and Connection."""
    fields = [(spelled(name), value) for name, value in map(without_close, heard.fields) if value
              is not None]
    at = max(n for n, (name, _) in enumerate(fields) if name.lower() == b"via")
    name, value = fields[at]
    assert b"adit-" in value
    fields[at] = (name, value.split(b"adit-")[0])
    return (heard.method, heard.target, fields, heard.body,
            heard.trailers if trailers else [])


@pytest.mark.parametrize("shell", SHELLS)
def test_a_pasted_command_makes_the_service_hear_the_same(way, service, shell, tmp_path):
    for request in requests(way.host, 7, 12):
        first, ids = way.send(request)
        for program in filter(lambda each: is_told(request, way, each), way.records):
            script = way.run(program, "export", ids[program], "--curl")
            run_script(shell, script, tmp_path)
            again, = service.take()
            assert service_view(again, False) == service_view(first, False), script
            if first.trailers:
                assert b"X-Sum" in script


def test_a_replay_makes_the_service_hear_the_same(way, service):
    for request in requests(way.host, 8, 25):
        first, ids = way.send(request)
        for record in filter(lambda each: is_told(request, way, each), way.records):
            way.run("adit", "replay", ids[record], "--yes", "--to", service.host, record=record)
            again, = service.take()
            assert service_view(again) == service_view(first), request
            if record != "adit":
                assert again.fields[0] == first.fields[0]  # Host, as it was spelled


def test_what_goes_to_the_service_is_what_it_got(way, service, tmp_path):
    for request in requests(way.host, 9, 8):
        first, ids = way.send(request)
        if not is_told(request, way, "adit"):
            continue
        script = way.run("adit", "export", ids["adit"], "--curl", "--to-service")
        run_script("dash", script, tmp_path)
        again, = service.take()
        wanted = service_view(first, trailers=False)
        if b"whose id is not in the record" in script:
            last = max(at for at, (name, _) in enumerate(wanted[2]) if name.lower() == b"via")
            del wanted[2][last]
            fields = again.fields
        else:
            fields = service_view(again)[2]
        lower = [[(name.lower(), value) for name, value in each] for each in (fields, wanted[2])]
        assert lower[0] == lower[1], script
        assert (again.method, again.target, again.body) == (first.method, first.target, first.body)
