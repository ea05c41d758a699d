"""TLS handshakes (RFC 8446 §2): what a connection is until its keys are agreed on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass
from types import coroutine
from typing import Any, TypeVar, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from cdnserve.server.connection import Connection
from cdnserve.server.tls import CertificateFiles
from cdnserve.server.worker import Worker

# The clock of `Handshake.expire` is stricter.
_NEVER_SECONDS = 86_400.0

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class TlsContext:
    """What all handshakes of a worker share; `protocols` make connections, by what was negotiated (RFC 7301)."""

    worker: Worker
    certificate: CertificateFiles
    protocols: Mapping[str, Callable[..., asyncio.Protocol]]


class Handshake(asyncio.Protocol):
    """One connection that counts among the others, but can't be asked yet."""

    is_active = False

    def __init__(
        self,
        tls: TlsContext,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._tls = tls
        self._arguments = (config, server_state, app_state, _loop)
        self._connections = cast(set[Connection], server_state.connections)
        self._loop = _loop or asyncio.get_running_loop()
        self._began = tls.worker.tick
        self._early = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many connections: a refusal could only be read after a handshake."""
        self.transport = transport
        self._connections.add(self)
        limits = self._tls.worker.limits
        if len(self._connections) > limits.connections:
            self._give_up()
            self._tls.worker.meter.refuse()
            transport.abort()
            return
        started = self._loop.start_tls(
            transport,
            self,
            self._tls.certificate.context,
            server_side=True,
            ssl_handshake_timeout=_NEVER_SECONDS,
            # Runs while the last octets of a connection that is closed are still on their way.
            ssl_shutdown_timeout=limits.stall_seconds,
        )
        # Now, not in a later turn: until then what the client sends would be read as if there were no TLS.
        self._task = self._loop.create_task(self._hand_over(_begun(started)))

    async def _hand_over(self, started: Coroutine[Any, Any, asyncio.Transport | None]) -> None:
        try:
            transport = await started
        except OSError:  # it broke off, or there is nothing that both can
            transport = None
        if transport is None or transport.is_closing():
            self._give_up()
            return
        self._connections.discard(self)
        protocol = self._tls.protocols[_negotiated(transport)](*self._arguments)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._early and not transport.is_closing():
            protocol.data_received(self._early)

    def _give_up(self) -> None:
        self._connections.discard(self)
        self._tls.worker.meter.accept()

    def data_received(self, data: bytes) -> None:
        """Keep what came in one segment with the end of the handshake."""
        self._early += data

    def shutdown(self) -> None:
        """End: nothing was asked yet."""
        self.transport.abort()

    def expire(self, tick: int) -> None:
        """End the connection if the handshake takes too long."""
        if tick - self._began >= self._tls.worker.limits.head_seconds:
            self.transport.abort()


def _negotiated(transport: asyncio.Transport) -> str:
    # A client that says nothing of protocols wants the oldest (RFC 9112).
    return transport.get_extra_info("ssl_object").selected_alpn_protocol() or "http/1.1"


def _begun(steps: Coroutine[Any, Any, _Result]) -> Coroutine[Any, Any, _Result]:
    """Run a coroutine to where it first waits; the rest of it is for a task."""
    return _rest(steps, steps.send(None))


@coroutine
def _rest(steps: Coroutine[Any, Any, _Result], waits_for: Any) -> Generator[Any, Any, _Result]:  # noqa: ANN401
    try:
        while True:
            try:
                answer = yield waits_for
            except BaseException as error:  # the coroutine's own to handle
                waits_for = steps.throw(error)
            else:
                waits_for = steps.send(answer)
    except StopIteration as end:
        result: _Result = end.value
        return result
