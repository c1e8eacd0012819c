# SPDX-License-Identifier: MIT
"""The record contains the known part of a running exchange, also after the recording program was
killed."""
import asyncio
import contextlib
import json
import queue
import socket
import subprocess

import harness
import pytest
import websockets
import ws_origin
from client import until
from record import exchanges, xxh3
from replays import REPLAYED
from test_sse import feed, read_exactly

REQUEST_WHOLE, RESPONSE_WHOLE, UPGRADED = 8, 16, 32
ENDS = (("adit", "agent"), ("aditd", "relay"))


def command(program, data, *words):
    done = subprocess.run([harness.BIN / program, *words, "--data", data], capture_output=True,
                          env=harness.environment(data), timeout=harness.DEADLINE)
    assert done.returncode == 0, done
    return done.stdout.decode()


def har(program, data):
    (entry,) = json.loads(command(program, data, "export", "--har"))["log"]["entries"]
    return entry


def row_when(end, where):
    """Waits until the one running exchange meets the condition. Returns its row."""
    (row,) = until(lambda: exchanges(end.data, f"outcome IS NULL AND ({where})"), where,
                   harness.DEADLINE)
    return row


# WebSockets.

@contextlib.contextmanager
def open_socket(directory, messages=("hello", "again")):
    """A tunnel with a WebSocket on which these messages were sent and echoed."""
    service = ws_origin.WebSocketOrigin()
    with contextlib.closing(asyncio.new_event_loop()) as loop, harness.Relay(directory) as relay, \
            harness.Tunnel(directory, relay=relay, origin=service) as tunnel:
        opened = loop.run_until_complete(converse(tunnel, messages))
        yield tunnel
        with contextlib.suppress(websockets.ConnectionClosed, OSError):
            loop.run_until_complete(opened.close())
    service.stop()


async def converse(tunnel, messages):
    host, port = tunnel.relay.address
    opened = await websockets.connect(f"ws://{tunnel.host}/echo", host=host, port=port,
                                      compression=None, ping_interval=None,
                                      open_timeout=harness.DEADLINE)
    for message in messages:
        await opened.send(message)
        assert await opened.recv() == message
    return opened


def check_socket(program, data):
    """Checks the commands' output about a WebSocket that is open, or whose recorder is gone."""
    shown = command(program, data, "show", "last")
    assert "kept" not in shown, shown
    for arrow in ("->", "<-"):
        for message in ("hello", "again"):
            assert any(line.startswith(f"{arrow} text") and line.endswith(message)
                       for line in shown.splitlines()), shown
    assert "/echo" in command(program, data, "requests", "upgraded")
    entry = har(program, data)
    assert [message["data"] for message in entry["_webSocketMessages"]] == ["hello", "hello",
                                                                             "again", "again"]
    assert entry["time"] > 0 and entry["response"]["status"] == 101


def test_an_open_websocket_is_shown_with_its_messages(tmp_path):
    with open_socket(tmp_path) as tunnel:
        for program, name in ENDS:
            end = getattr(tunnel, name)
            row = row_when(end, "response_bytes >= 14 AND answered_ns > 0")
            assert row["flags"] & UPGRADED and row["duration_ns"] is None
            assert not row["flags"] & (REQUEST_WHOLE | RESPONSE_WHOLE)
            assert row["service_first_ns"] and row["sent_on_ns"]
            check_socket(program, end.data)
            assert "it still runs" in command(program, end.data, "show", "last")


@pytest.mark.parametrize("program,name", ENDS)
def test_a_killed_recorder_leaves_an_open_websocket_as_it_was(tmp_path, program, name):
    with open_socket(tmp_path) as tunnel:
        end = getattr(tunnel, name)
        row_when(end, "response_bytes >= 14 AND answered_ns > 0")
        end.kill()
        check_socket(program, end.data)
        assert "recorder gone after" in command(program, end.data, "show", "last")


# Requests without an answer.

def silent(exchange):
    """Reads the whole request and sends nothing."""
    for _ in exchange.body():
        pass
    exchange.peer_leaves()


@pytest.mark.parametrize("fields", [{}, {"chunked": True}], ids=["length", "chunked"])
def test_a_killed_recorder_leaves_a_request_that_came_whole_replayable(own_tunnel, fields):
    tunnel, body = own_tunnel, b"order 1"
    tunnel.origin.on("/order", silent)
    with tunnel.visit() as visitor:
        visitor.request("POST", "/order", body=body, **fields)
        for _, name in ENDS:
            row = row_when(getattr(tunnel, name), "flags & 8 AND request_bytes = 7")
            assert row["request_digest"] == xxh3(body) and row["response_digest"] is None
            assert row["sent_on_ns"] and row["status"] is None
        tunnel.agent.kill()
    asked = queue.Queue()

    def answer(exchange):
        asked.put(b"".join(exchange.body()))
        exchange.reply(b"done")
    tunnel.origin.on("/order", answer)
    told = command("adit", tunnel.agent.data, "replay", "last", "--yes")
    assert REPLAYED.search(told), told
    assert asked.get(timeout=harness.DEADLINE) == body


def test_a_request_that_is_still_coming_is_not_whole(own_tunnel):
    tunnel = own_tunnel
    tunnel.origin.on("/order", silent)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/order", [("Content-Length", "8")]) + b"order 1")
        for program, name in ENDS:
            end = getattr(tunnel, name)
            row = row_when(end, "request_bytes = 7 AND sent_on_ns > 0")
            assert not row["flags"] & REQUEST_WHOLE and row["request_digest"] is None
            assert "7 bytes, so far" in command(program, end.data, "show", "last")


@contextlib.contextmanager
def full_listener():
    """An address that neither accepts nor refuses connections: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"127.0.0.1:{address[1]}"


def test_a_request_that_waits_for_a_connection_has_not_been_sent_on(tmp_path):
    with full_listener() as address, harness.Tunnel(tmp_path, upstream=address) as tunnel:
        with tunnel.visit() as visitor:
            visitor.request("POST", "/nowhere", body=b"abc")
            row = row_when(tunnel.agent, "flags & 8")
            assert row["sent_on_ns"] is None and row["connect_ns"] is None
            assert not row["flags"] & 64  # no pooled connection existed


# Streams.

@contextlib.contextmanager
def stream(tunnel, *events):
    source = queue.Queue()
    tunnel.origin.on("/events", feed(source))
    with tunnel.visit() as visitor:
        visitor.request("GET", "/events?how=chunked")
        body = visitor.response_body(visitor.response_head())
        for event in events:
            source.put(event)
            assert read_exactly(body, len(event)) == event
        yield lambda event: (source.put(event), read_exactly(body, len(event)))
        source.put(None)
        assert list(body) == []


def test_a_running_event_stream_has_times(own_tunnel):
    with stream(own_tunnel, b"data: 1\n\n", b"data: 2\n\n") as more:
        for program, name in ENDS:
            end = getattr(own_tunnel, name)
            row = row_when(end, "response_bytes = 18 AND answered_ns > 0")
            assert row["flags"] & (REQUEST_WHOLE | RESPONSE_WHOLE | UPGRADED) == REQUEST_WHOLE
            assert 0 < row["sent_on_ns"] <= row["service_first_ns"] <= row["answered_ns"]
            assert row["answered_ns"] <= row["response_first_ns"] < row["response_last_ns"]
            assert row["response_kept"] == 18 and row["response_digest"] is None
            assert (row["connect_ns"] is not None) == (name == "agent")
            entry = har(program, end.data)
            assert entry["time"] * 1e6 >= row["response_last_ns"]
            assert sum(entry["timings"][part] for part in ("send", "wait", "receive")) > 0
            assert entry["response"]["content"]["text"] == "data: 1\n\ndata: 2\n\n"
            assert command(program, end.data, "show", "last", "--body", "response") == (
                "data: 1\n\ndata: 2\n\n")
        more(b"data: 3\n\n")
        for _, name in ENDS:
            row_when(getattr(own_tunnel, name), "response_bytes = 27")


def test_a_killed_recorder_leaves_the_times_of_a_stream(own_tunnel):
    source, relay = queue.Queue(), own_tunnel.relay
    own_tunnel.origin.on("/events", feed(source))
    source.put(b"data: 1\n\n")
    with own_tunnel.visit() as visitor:
        visitor.request("GET", "/events?how=chunked")
        assert next(visitor.response_body(visitor.response_head())) == b"data: 1\n\n"
        last_ns = row_when(relay, "answered_ns > 0 AND response_bytes = 9")["response_last_ns"]
        relay.kill()
        source.put(None)
    assert har("aditd", relay.data)["time"] == pytest.approx(last_ns / 1e6, abs=0.01)
    assert "or more" in command("aditd", relay.data, "show", "last")


@pytest.mark.parametrize("args,kept", [(("--record", "heads"), 0),
                                       (("--limit", "record-body=10"), 10)])
def test_bytes_of_a_stream_that_are_not_kept_are_counted_while_it_runs(tmp_path, args, kept):
    with harness.Tunnel(tmp_path, *args) as tunnel:
        with stream(tunnel, b"data: 1\n\n", b"data: 2\n\n"):
            row = row_when(tunnel.agent, "response_bytes = 18")
            assert row["response_kept"] == kept and row["response_last_ns"] > 0


def test_a_reader_that_makes_a_service_wait_is_seen_meanwhile(own_tunnel):
    def pour(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        with contextlib.suppress(OSError):
            while True:
                exchange.chunk(b"x" * 65536)
    own_tunnel.origin.on("/pour", pour)
    with own_tunnel.visit() as visitor:
        visitor.request("GET", "/pour")
        visitor.response_head()
        # Agent only: the relay's windows may keep the relay from waiting for its reader.
        row_when(own_tunnel.agent, "response_stalled_ns > 500000000")
