# SPDX-License-Identifier: MIT
"""Answers that come before the request has ended (RFC 9112 §9.6) reach the visitor whole."""
import concurrent.futures
import fcntl
import socket
import struct
import termios
import threading
import time

import bodies
import harness
import pytest
import wire
from client import Truncated, until

LENGTH = [("Content-Length", str(1 << 30))]
CHUNKED = [("Transfer-Encoding", "chunked")]
SENDS_ON_S = 5  # seconds for which a visitor sends without reading
PAGE = bodies.make(9, 20_000)


def all_has_left(exchange):
    """Waits until the peer's kernel has everything that was sent, which no reset can take back."""
    left = bytearray(4)

    def is_empty():
        fcntl.ioctl(exchange.wire.sock, termios.TIOCOUTQ, left)
        return struct.unpack("i", left) == (0,)
    until(is_empty, "what was sent has arrived", harness.DEADLINE)


def refuses(exchange):
    """Answers at once, and closes with the upload unread, which sends a reset."""
    exchange.reply(PAGE, 413, [("Connection", "close")])
    all_has_left(exchange)
    exchange.keep = False


# A visitor that first sends and then reads.

def send_on(visitor, text, framing):
    """Sends for some seconds, then reads all that there is. A reset may destroy the answer on many
    systems, so none may come."""
    end = time.monotonic() + SENDS_ON_S
    piece = b"x" * 1000
    visitor.send(text)
    try:
        while time.monotonic() < end:
            visitor.send(wire.chunk(piece) if framing == CHUNKED else piece)
            time.sleep(0.02)
        answer = visitor.response()
    except (ConnectionError, Truncated) as error:
        return str(error), None, None
    return answer.status, answer.code, len(answer.body)


def large_head(visitor):
    return b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 40_000


PATIENT = {  # first bytes, framing of the rest, answer
    "service": (lambda v: v.head("POST", "/refuses", LENGTH), LENGTH, 413),
    "service chunked": (lambda v: v.head("POST", "/refuses", CHUNKED), CHUNKED, 413),
    "no tunnel": (lambda v: v.head("POST", "/", LENGTH, "none.localhost"), LENGTH, 404),
    "no tunnel chunked": (lambda v: v.head("POST", "/", CHUNKED, "none.localhost"), CHUNKED, 404),
    "misdirected": (lambda v: v.head("POST", "/", LENGTH, "example.com"), LENGTH, 421),
    "agent gone": (lambda v: v.head("POST", "/", LENGTH, v.gone), LENGTH, 503),
    "large head": (large_head, LENGTH, 431),
    "coding": (lambda v: v.head("POST", "/", [("Transfer-Encoding", "cow")]), LENGTH, 501),
    "syntax": (lambda v: b"POST / HTTP/1.1\r\nno colon\r\n\r\n", LENGTH, 400),
    "chunk": (lambda v: v.head("POST", "/echo", CHUNKED) + b"5\r\nhelloX", CHUNKED, 400),
}


@pytest.fixture(scope="module")
def patient(tunnel, tmp_path_factory):
    """The answer that each of the patient visitors reads at last; all send at the same time."""
    directory = tmp_path_factory.mktemp("gone")
    tunnel.origin.on("/refuses", refuses)
    with harness.Agent(directory, tunnel.relay, tunnel.origin.address) as agent:
        gone = agent.host
        agent.kill()
        agent.stop = lambda: None
    until(lambda: tunnel.fetch("GET", "/", host=gone).status == 503, "the agent is gone")

    def one(name):
        text, framing, _ = PATIENT[name]
        with tunnel.visit() as visitor:
            visitor.gone = gone
            return send_on(visitor, text(visitor), framing)

    with concurrent.futures.ThreadPoolExecutor(len(PATIENT)) as pool:
        return dict(zip(PATIENT, pool.map(one, PATIENT)))


@pytest.mark.parametrize("name", PATIENT)
def test_the_answer_survives_a_visitor_that_sends_on_for_seconds(patient, name):
    status, code, size = patient[name]
    assert status == PATIENT[name][2]
    if status == 413:
        assert (code, size) == (None, len(PAGE))
    else:
        assert code.startswith("ADIT-")


# A visitor that reads while it sends.

def upload_until_answered(visitor, framing, pause=0.0):
    """Sends from another thread while it can, and reads the answer meanwhile, pausing after each of
    the first hundred pieces."""
    stop = threading.Event()
    piece = b"x" * 50_000

    def send():
        try:
            while not stop.is_set():
                visitor.send(wire.chunk(piece) if framing == CHUNKED else piece)
        except OSError:
            pass

    sender = threading.Thread(target=send)
    sender.start()
    try:
        answer = visitor.response_head()
        for number, piece in enumerate(visitor.response_body(answer)):
            answer.body += piece
            time.sleep(pause if number < 100 else 0)
        return answer
    finally:
        stop.set()
        visitor.reset()
        sender.join()


@pytest.mark.parametrize("framing", [LENGTH, CHUNKED], ids=["length", "chunked"])
def test_a_refusal_with_a_large_page_arrives_whole_in_the_middle_of_an_upload(tunnel, framing):
    page = bodies.make(8, 300_000)

    def handler(exchange):
        exchange.reply(page, 413, [("Connection", "close")])
        all_has_left(exchange)
        exchange.keep = False

    tunnel.origin.on("/large-page", handler)
    for _ in range(10):
        visitor = tunnel.visit()
        visitor.send(visitor.head("POST", "/large-page", framing))
        answer = upload_until_answered(visitor, framing)
        assert (answer.status, answer.body == page) == (413, True)


def test_a_large_refusal_is_read_to_its_end_however_slowly(tunnel):
    """All of the answer has arrived at the agent when the service resets the connection."""
    page = bodies.make(8, 5_000_000)

    def handler(exchange):
        exchange.reply(page, 413, [("Connection", "close")])
        all_has_left(exchange)
        exchange.keep = False

    tunnel.origin.on("/slowly", handler)
    for _ in range(8):
        visitor = tunnel.visit()
        visitor.send(visitor.head("POST", "/slowly", LENGTH))
        answer = upload_until_answered(visitor, LENGTH, 0.01)
        assert answer.body == page


@pytest.mark.parametrize("how", ["length", "chunked"])
@pytest.mark.parametrize("body", [0, 1_000_000], ids=["get", "unread"])
def test_a_service_that_answers_and_then_resets_has_answered(tunnel, how, body):
    def handler(exchange):
        last = [("Connection", "close")]  # or the next request might be sent before the reset
        if how == "length":
            exchange.reply(PAGE, 200, last)
        else:
            exchange.head(200, CHUNKED + last)
            exchange.chunk(PAGE)
            exchange.last_chunk([("X-Sum", "1")])
        all_has_left(exchange)
        exchange.reset()

    tunnel.origin.on("/resets", handler)
    for _ in range(10):
        answer = tunnel.fetch("POST", "/resets", body=b"x" * body)
        assert (answer.status, answer.body == PAGE) == (200, True)
        assert answer.trailers.get("x-sum") == ("1" if how == "chunked" else None)


def test_a_service_that_closes_without_reading_the_body_has_answered(tunnel):
    tunnel.origin.on("/refuses", refuses)
    with tunnel.visit() as visitor:
        for _ in range(5):
            answer = visitor.fetch("POST", "/refuses", body=b"x" * 2_000_000)
            assert (answer.status, answer.body == PAGE) == (413, True)
            if "close" in answer.fields.tokens("connection"):
                assert visitor.is_closed()
                break


def ends_as_announced(visitor, answer):
    """A relay that sends "close" with an early answer closes, but only behind the whole answer."""
    if "close" in answer.fields.tokens("connection"):
        assert visitor.is_closed()
    else:
        assert visitor.fetch("GET", "/echo?next").json()["target"] == "/echo?next"


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_service_that_has_answered_may_go_on_reading(tunnel, chunked):
    size = 3_000_000

    def answers_first(exchange):
        exchange.reply("first")
        tunnel.origin.tell(bodies.sha256(exchange.body()))

    tunnel.origin.on("/answers-first", answers_first)
    framing = CHUNKED if chunked else [("Content-Length", str(size))]
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/answers-first", framing))
        answer = visitor.response()
        assert answer.body == b"first"
        for piece in bodies.pieces(5, size):
            visitor.send(wire.chunk(piece) if chunked else piece)
        visitor.send(wire.last_chunk() if chunked else b"")
        assert tunnel.origin.told() == bodies.digest(5, size)
        ends_as_announced(visitor, answer)


def test_a_visitor_that_leaves_after_an_early_answer_is_noticed(tunnel):
    def answers_first(exchange):
        exchange.reply("first")
        try:
            list(exchange.body())
        except Truncated:
            tunnel.origin.tell("truncated")
            raise

    tunnel.origin.on("/left", answers_first)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/left", LENGTH) + b"some")
        assert visitor.response().body == b"first"
    assert tunnel.origin.told(harness.DEADLINE) == "truncated"


def test_both_directions_run_at_full_speed_at_the_same_time(tunnel):
    size = 20 << 20
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/mirror", [("Content-Length", str(size))]))

        def send():
            for piece in bodies.pieces(6, size):
                visitor.send(piece)
        sender = threading.Thread(target=send)
        sender.start()
        head = visitor.response_head()
        assert bodies.sha256(visitor.response_body(head)) == bodies.digest(6, size)
        sender.join()
        ends_as_announced(visitor, head)


def test_an_answer_by_close_may_begin_before_the_request_has_ended(tunnel):
    def handler(exchange):
        exchange.head(200, [("Connection", "close")])
        for piece in exchange.body():
            exchange.send(piece)
        exchange.keep = False

    tunnel.origin.on("/close-mirror", handler)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/close-mirror", CHUNKED) + wire.chunk(b"0"))
        stream = visitor.response_body(visitor.response_head())
        assert next(stream) == b"0"
        for digit in b"123":
            visitor.send(wire.chunk(b"%c" % digit))
            assert next(stream) == b"%c" % digit
        visitor.send(wire.last_chunk())
        assert list(stream) == []


def test_a_refused_upload_ends_for_the_service_side_too(own_tunnel):
    """Refused visitors leave no connection behind."""
    own_tunnel.origin.on("/refuses", refuses)
    for _ in range(20):
        visitor = own_tunnel.visit()
        visitor.send(visitor.head("POST", "/refuses", LENGTH) + b"x" * 100_000)
        assert visitor.response().status == 413
        visitor.sock.shutdown(socket.SHUT_WR)
        visitor.close()
    until(lambda: own_tunnel.origin.open_connections == 0, "the service's connections are gone",
          harness.DEADLINE)
    health = {"host": "localhost"}
    until(lambda: own_tunnel.fetch("GET", "/_adit/health", **health).json()["visitors"] == 1,
          "the visitors' connections are gone", harness.DEADLINE)
