"""A client of HTTP/2 without a network, in the loop of the server's end; it gives no window back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded
from h2.settings import SettingCodes

from cdnserve.server.access_log import AccessLog
from cdnserve.server.settings import ServerLimits
from tests.server.conftest import Built
from tests.server.connections import Room, until

LIMITS = ServerLimits(head=2000, idle_seconds=9, stall_seconds=5)
Field = tuple[str, str]


class Client:
    """The other end of a connection, in the same loop."""

    def __init__(
        self, room: Room, lane: str, window: int = 2**30, settings: int | None = None, is_patient: bool = True
    ) -> None:
        self.protocol, self.tape = room.http2(lane)
        self.h2 = H2Connection(H2Configuration(validate_outbound_headers=False, header_encoding=None))
        self.h2.initiate_connection()
        self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window if settings is None else settings})
        if window > 65_535:
            self.h2.increment_flow_control_window(window - 65_535)
        self.events: list[Event] = []
        if is_patient:
            self.give()

    def give(self, octets: bytes = b"") -> None:
        """Deliver what waits, or octets; then read what was written, without giving any window back."""
        self.protocol.data_received(octets or self.h2.data_to_send())
        self.take()

    def take(self) -> None:
        """Read what was written."""
        written, self.tape.written = self.tape.written, b""
        if written:
            self.events += self.h2.receive_data(written)

    def ask(self, path: str, *fields: Field, method: str = "GET") -> int:
        """Send a request; gives its stream."""
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "https"), (":authority", "cdn.example.com"), (":path", path)]
        self.h2.send_headers(stream, [*head, *fields], end_stream=True)
        return stream

    def of(self, kind: type[Event], stream: int | None = None) -> list[Any]:
        """Return the events of a kind, of one stream or all."""
        return [e for e in self.events if isinstance(e, kind) and stream in (None, getattr(e, "stream_id", None))]

    def content(self, stream: int) -> bytes:
        """Return what came of a stream's content."""
        return b"".join(event.data for event in self.of(DataReceived, stream))

    async def until(self, is_so: Callable[[], bool]) -> bool:
        """Read until something is so."""

        def look() -> bool:
            self.take()
            return is_so()

        return await until(look)

    async def response(self, stream: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Wait for a whole response; gives its fields but for Date, and its content."""
        assert await self.until(lambda: bool(self.of(StreamEnded, stream)))
        (head,) = self.of(ResponseReceived, stream)
        return [field for field in head.headers if field[0] != b"date"], self.content(stream)


@asynccontextmanager
async def room_of(place: Built, log: AccessLog | None = None) -> AsyncIterator[Room]:
    """Run a worker while a block does."""
    room = Room(place, LIMITS, log)
    async with room.serving():
        yield room
        # What is under way gives its file back.
        for connection in tuple(room.state.connections):
            cast(Any, connection).connection_lost(None)
        assert await until(lambda: not room.state.tasks)


def play(place: Built, story: Callable[[Room], Awaitable[None]], log: AccessLog | None = None) -> None:
    """Run a story in a worker."""

    async def run() -> None:
        async with room_of(place, log) as room:
            await story(room)

    asyncio.run(run())
