"""A connection without a network: what a protocol does to its transport, octet by octet and in order.

Never buffers by itself: a test says how much the client has not taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from cdnserve.release.store import Store
from cdnserve.server.access_log import AccessLog
from cdnserve.server.asgi import create_app
from cdnserve.server.connection import Expiring
from cdnserve.server.http2 import Http2Connection
from cdnserve.server.http2_fast import FastHttp2Connection
from cdnserve.server.http_asgi import AsgiConnection
from cdnserve.server.http_fast import FastConnection
from cdnserve.server.live import Live
from cdnserve.server.settings import ServerLimits
from cdnserve.server.worker import FromUvicorn, Worker
from tests.server.conftest import Built
from tests.server.serving import PATIENCE, settings


class Tape(asyncio.Transport):
    """Notes what is written; `unsent` octets of it wait for the client."""

    def __init__(self, **extra: object) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2), **extra})
        self.written = b""
        self.deeds: list[str] = []
        self.unsent = 0
        self.limits: list[int | None] = []
        self.on_write: Callable[[], None] = lambda: None
        self.protocol: asyncio.BaseProtocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        self.on_write()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.deeds.append("write_eof")

    def close(self) -> None:
        self.deeds.append("close")

    def abort(self) -> None:
        self.deeds.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.deeds or "abort" in self.deeds

    def pause_reading(self) -> None:
        self.deeds.append("pause")

    def resume_reading(self) -> None:
        self.deeds.append("resume")

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits.append(high)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class Room:
    """A worker without a loop: its lane, and the connections that are made in it."""

    def __init__(self, place: Built, limits: ServerLimits | None = None, log: AccessLog | None = None) -> None:
        self.worker = Worker(Live(Store(place.state)), limits or ServerLimits(), log)
        self.state = ServerState()
        self._app = create_app(lambda: settings(place.root, place.state), lambda _: self.worker.live, log=log)
        config = Config(cast(Any, self._app), log_config=None, access_log=False, server_header=False)
        self.uvicorn: FromUvicorn = {"config": config, "server_state": self.state, "app_state": {}}

    def serving(self) -> AbstractAsyncContextManager[Any]:
        """Run the application while a block does."""
        return self._app.router.lifespan_context(self._app)

    def fast(self, **extra: object) -> tuple[FastConnection, Tape]:
        """Make a connection of the fast lane."""
        protocol, tape = FastConnection(self.worker, **self.uvicorn), Tape(**extra)
        protocol.connection_made(tape)
        return protocol, tape

    def asgi(self) -> tuple[AsgiConnection, Tape]:
        """Make a connection of the ASGI edge, in a running loop."""
        protocol, tape = AsgiConnection(self.worker, **self.uvicorn), Tape()
        protocol.connection_made(tape)
        return protocol, tape

    def http2(self, lane: str = "fast") -> tuple[Http2Connection, Tape]:
        """Make a connection of HTTP/2, in a running loop."""
        kind = FastHttp2Connection if lane == "fast" else Http2Connection
        protocol, tape = kind(self.worker, **self.uvicorn), Tape()
        protocol.connection_made(tape)
        return protocol, tape

    def pass_time(self, protocol: Expiring, seconds: int) -> None:
        """Let seconds go by, with a look at the clock in each."""
        for _ in range(seconds):
            self.worker.beat()
            protocol.expire(self.worker.tick)


async def until(is_so: Callable[[], bool]) -> bool:
    """Let the loop run until something comes true, while patience lasts."""
    for _ in range(PATIENCE * 200):
        if is_so():
            return True
        await asyncio.sleep(0.005)
    return False
