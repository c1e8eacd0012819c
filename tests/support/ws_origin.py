# SPDX-License-Identifier: MIT
"""A WebSocket service of the `websockets` package, in a thread with its own event loop."""
import asyncio
import threading

import websockets
from patience import DEADLINE


class WebSocketOrigin:
    """Paths: /echo, /close?CODE (closes at once), /push?N (sends N messages and closes)."""

    def __init__(self, compression=None):
        self.compression = compression
        self.loop = asyncio.new_event_loop()
        self.closed = []  # (code, reason) as /echo saw connections end
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        assert started.wait(DEADLINE)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(websockets.serve(
            self._serve, "127.0.0.1", 0, max_size=None, ping_interval=None,
            compression=self.compression,
            subprotocols=["chat.v2", "chat.v1"]))
        self.port = self.server.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        started.set()
        self.loop.run_forever()

    async def _serve(self, socket):
        path, _, argument = socket.path.partition("?")
        try:
            if path == "/close":
                await socket.close(int(argument), "as told")
            elif path == "/push":
                for number in range(int(argument)):
                    await socket.send(f"message {number}")
            else:
                async for message in socket:
                    await socket.send(message)
        except websockets.ConnectionClosed:
            pass
        await socket.close()
        self.closed.append((socket.close_code, socket.close_reason))

    def stop(self):
        async def end():
            self.server.close()
            await self.server.wait_closed()
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(DEADLINE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    kill = stop
