"""The admin port: health, readiness and metrics on a listener and with a connection limit of their own.

Never serves a file, and goes on answering while the public port drains or is full.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import cast

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from cdnserve.server.asgi import read_request, send_reply
from cdnserve.server.endpoints import Own
from cdnserve.server.http_asgi import AsgiLane
from cdnserve.server.live import Live
from cdnserve.server.settings import Expiring, sweep
from cdnserve.server.worker import Lane


class Admin:
    """The admin listener of one process."""

    def __init__(self, own: Own, live: Live, listener: socket.socket) -> None:
        self._own = own
        # A lane of its own: what is asked here is in no log, and no number but its own connections'.
        self._lane = Lane(live)
        self._listener = listener
        self._state = ServerState()

    async def start(self) -> None:
        """Begin to listen."""
        limits = self._lane.limits
        config = uvicorn.Config(
            self._serve,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=limits.idle_seconds,
        )
        config.load()
        loop = asyncio.get_running_loop()

        def connect() -> AsgiLane:
            return AsgiLane(self._lane, config, self._state, {}, loop)

        self._server = await loop.create_server(connect, sock=self._listener)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_reply(send, await self._own.admin(read_request(scope)))

    def beat(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Begin a new second; `headers` are those of every response."""
        self._state.default_headers = headers
        self._lane.beat()
        # Every connection here is of the ASGI lane.
        sweep(cast(Iterable[Expiring], self._state.connections), self._lane.tick)

    def end(self) -> None:
        """Listen no more, and wait for nobody."""
        self._server.close()
        for connection in tuple(self._state.connections):
            cast(AsgiLane, connection).transport.abort()
