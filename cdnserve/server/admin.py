"""The admin port: health, readiness and metrics on a listener, and with a connection limit, of their own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import cast

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from cdnserve.server.asgi import read_request, send_reply
from cdnserve.server.connection import Expiring, sweep
from cdnserve.server.endpoints import Endpoints
from cdnserve.server.http_asgi import AsgiConnection
from cdnserve.server.live import Live
from cdnserve.server.worker import Worker


class Admin:
    """The admin listener of one process."""

    def __init__(self, endpoints: Endpoints, live: Live, listener: socket.socket) -> None:
        self._endpoints = endpoints
        # A worker of its own: what is asked here is in no log, and counts nowhere.
        self._worker = Worker(live)
        self._listener = listener
        self._state = ServerState()

    async def start(self) -> None:
        """Begin to listen."""
        limits = self._worker.limits
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

        def connect() -> AsgiConnection:
            return AsgiConnection(self._worker, config=config, server_state=self._state, app_state={})

        self._server = await asyncio.get_running_loop().create_server(connect, sock=self._listener)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_reply(send, await self._endpoints.admin(read_request(scope)))

    def beat(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Begin a new second; `headers` are those of every response."""
        self._state.default_headers = headers
        self._worker.beat()
        # Every connection here is of the ASGI edge.
        sweep(cast(Iterable[Expiring], self._state.connections), self._worker.tick)

    def end(self) -> None:
        """Listen no more, and wait for nobody."""
        self._server.close()
        for connection in tuple(self._state.connections):
            cast(AsgiConnection, connection).transport.abort()
