# SPDX-License-Identifier: MIT
"""A gRPC service of bytes, by generic handlers, and channels of its clients."""
import os
import threading
from concurrent import futures

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # the programs under test are children
import grpc  # noqa: E402

MESSAGE_MAX = 64 << 20
CALLS_AT_ONCE = 100


class GrpcService(grpc.GenericRpcHandler):
    """Methods of /test/; `met` waits for CALLS_AT_ONCE calls at a time."""

    def __init__(self, certificate=None):
        self.together = threading.Barrier(CALLS_AT_ONCE)
        self.ended = threading.Event()  # a Hang is over
        self.begun = threading.Event()
        self.metadata = []  # of each call
        self.handlers = {
            "Reverse": grpc.unary_unary_rpc_method_handler(self._reverse),
            "Meet": grpc.unary_unary_rpc_method_handler(self._meet),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Hang": grpc.unary_stream_rpc_method_handler(self._hang),
            "Count": grpc.unary_stream_rpc_method_handler(self._count),
            "Join": grpc.stream_unary_rpc_method_handler(lambda parts, _: b"".join(parts)),
            "Echo": grpc.stream_stream_rpc_method_handler(lambda parts, _: parts),
        }
        self.server = grpc.server(futures.ThreadPoolExecutor(CALLS_AT_ONCE + 4),
                                  options=[("grpc.max_receive_message_length", MESSAGE_MAX)])
        self.server.add_generic_rpc_handlers((self,))
        if certificate:
            cert, key = (path.read_bytes() for path in certificate)
            self.port = self.server.add_secure_port(
                "127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)]))
        else:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.address = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self.server.start()

    def service(self, details):
        self.metadata.append(details.invocation_metadata)
        return self.handlers.get(details.method.rpartition("/")[2])

    @staticmethod
    def _reverse(request, context):
        context.send_initial_metadata((("first-bin", b"\0\1\xff"), ("first", "a b")))
        context.set_trailing_metadata((("last-bin", b"\xff\0"), ("last", "c")))
        return request[::-1]

    def _meet(self, request, _):
        self.together.wait()
        return request

    @staticmethod
    def _fail(request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"no: {request.decode()} %/ü\n")

    @staticmethod
    def _count(request, context):
        for i in range(int(request)):
            yield b"%d" % i
        context.abort(grpc.StatusCode.OUT_OF_RANGE, "counted")

    def _hang(self, request, context):
        context.add_callback(self.ended.set)
        yield request
        self.begun.set()
        self.ended.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.together.abort()
        self.server.stop(0).wait()


def channel(address, host):
    """A channel that a visitor opens to `host` at a relay or proxy, by prior knowledge."""
    return grpc.insecure_channel(
        f"{address[0]}:{address[1]}",
        options=[("grpc.default_authority", host), ("grpc.enable_retries", 0),
                 ("grpc.max_receive_message_length", MESSAGE_MAX)])
