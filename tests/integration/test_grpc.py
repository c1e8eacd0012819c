# SPDX-License-Identifier: MIT
"""gRPC by Debian's grpcio through relay and agent, and through the proxy: what a client and its
service tell each other arrives as they said it."""
import grpc
import harness
import pytest
from bodies import pieces
from client import until
from grpc_service import CALLS_AT_ONCE, GrpcService, channel
from patience import DEADLINE
from tls_proxy import certificate

SIZE = 4 << 20


def through(kind, directory, service, *args):
    return kind(directory, "--upstream-protocol", "http2", *args, origin=service)


@pytest.fixture(scope="module", params=[harness.Tunnel, harness.Proxied])
def way(request, tmp_path_factory):
    with GrpcService() as service:
        with through(request.param, tmp_path_factory.mktemp("way"), service) as program:
            yield program


@pytest.fixture
def service(way):
    way.origin.ended.clear()
    way.origin.begun.clear()
    return way.origin


@pytest.fixture
def calls(way):
    with channel(way.relay.address, way.host) as opened:
        yield opened


def test_a_call_has_its_message_and_metadata_each_way(calls, service):
    answer, call = calls.unary_unary("/test/Reverse").with_call(
        b"hello", timeout=DEADLINE, metadata=(("asked-bin", b"\0\xfe"), ("asked", "x, y")))
    assert answer == b"olleh"
    assert {("asked-bin", b"\0\xfe"), ("asked", "x, y")} <= {*map(tuple, service.metadata[-1])}
    assert {("first-bin", b"\0\1\xff"), ("first", "a b")} <= {*map(tuple, call.initial_metadata())}
    assert {("last-bin", b"\xff\0"), ("last", "c")} == {*map(tuple, call.trailing_metadata())}


def test_streams_pass_each_way(calls):
    counted = []
    with pytest.raises(grpc.RpcError) as error:
        for each in calls.unary_stream("/test/Count")(b"5", timeout=DEADLINE):
            counted.append(each)
    assert counted == [b"0", b"1", b"2", b"3", b"4"]
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.OUT_OF_RANGE, "counted")
    assert calls.stream_unary("/test/Join")(iter([b"a", b"", b"b"]), timeout=DEADLINE) == b"ab"


def test_each_message_of_a_conversation_waits_for_the_one_before(calls):
    heard = []

    def ask():
        for i in range(20):
            until(lambda i=i: len(heard) == i, "an answer")
            yield b"%d" % i
    for answer in calls.stream_stream("/test/Echo")(ask(), timeout=DEADLINE):
        heard.append(answer)
    assert heard == [b"%d" % i for i in range(20)]


def test_an_error_without_a_message_has_its_code_and_text(calls):
    with pytest.raises(grpc.RpcError) as error:
        calls.unary_unary("/test/Fail")("naïve".encode(), timeout=DEADLINE)
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.value.details() == "no: naïve %/ü\n"
    with pytest.raises(grpc.RpcError) as error:
        calls.unary_unary("/test/Unknown")(b"", timeout=DEADLINE)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_deadline_ends_the_call_at_both_ends(calls, service):
    with pytest.raises(grpc.RpcError) as error:
        list(calls.unary_stream("/test/Hang")(b"x", timeout=0.5))
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    if service.begun.is_set():  # else the call ended on its way
        assert service.ended.wait(DEADLINE)


def test_a_call_that_its_client_cancels_ends_at_the_service(calls, service):
    call = calls.unary_stream("/test/Hang")(b"x", timeout=DEADLINE)
    assert next(call) == b"x"
    assert not service.ended.is_set()
    call.cancel()
    assert service.ended.wait(DEADLINE)


def test_long_messages_pass_whole(calls):
    message = b"".join(pieces(5, SIZE))
    assert calls.unary_unary("/test/Reverse")(message, timeout=DEADLINE) == message[::-1]
    answers = calls.stream_stream("/test/Echo")(iter([message] * 3), timeout=DEADLINE)
    assert list(answers) == [message] * 3


def test_calls_run_at_the_same_time_on_one_channel(calls):
    meet = calls.unary_unary("/test/Meet")
    running = [meet.future(b"%d" % i, timeout=DEADLINE) for i in range(CALLS_AT_ONCE)]
    assert [call.result() for call in running] == [b"%d" % i for i in range(CALLS_AT_ONCE)]


def test_a_service_with_tls_is_asked_for_http2(tmp_path):
    authority = certificate(tmp_path / "authority", "authority.example")
    pair = certificate(tmp_path / "service", "127.0.0.1", authority=authority)
    with GrpcService(pair) as secure:
        with through(harness.Proxied, tmp_path, secure, "--upstream-ca", authority[0]) as proxy:
            with channel(proxy.relay.address, proxy.host) as calls:
                assert calls.unary_unary("/test/Reverse")(b"ab", timeout=DEADLINE) == b"ba"


def test_a_service_that_is_not_there_is_unavailable(tmp_path):
    service = GrpcService()
    with through(harness.Proxied, tmp_path, service) as proxy:
        service.server.stop(0).wait()
        with channel(proxy.relay.address, proxy.host) as calls:
            with pytest.raises(grpc.RpcError) as error:
                calls.unary_unary("/test/Reverse")(b"", timeout=DEADLINE)
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE
