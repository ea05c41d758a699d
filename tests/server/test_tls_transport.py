"""TLS over a transport: what the protocol above and the client at the other end see, and in which order."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from contextlib import suppress

import pytest

from cdnserve.server.connection import LINGER_OCTETS, LINGER_SECONDS
from cdnserve.server.http2 import Http2Connection
from cdnserve.server.http2_fast import FastHttp2Connection
from cdnserve.server.http_asgi import AsgiConnection
from cdnserve.server.http_fast import FastConnection
from cdnserve.server.settings import ServerLimits
from cdnserve.server.tls_transport import TlsSession, TlsTransport
from tests.certificates import Identity, identity
from tests.server.conftest import Built
from tests.server.connections import Room, Tape

MEGABYTE = random.Random(5).randbytes(1 << 20)


class Above(asyncio.Protocol):
    """Notes what it gets; `on_data` may do something about it."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.deeds: list[str] = []
        self.on_data: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.deeds.append("made")

    def data_received(self, data: bytes) -> None:
        self.got.append(data)
        self.on_data()

    def eof_received(self) -> None:
        self.deeds.append("end")

    def connection_lost(self, exc: Exception | None) -> None:
        self.deeds.append("lost")

    def pause_writing(self) -> None:
        self.deeds.append("pause")

    def resume_writing(self) -> None:
        self.deeds.append("resume")


class Pair:
    """A client and a server that have shaken hands, with a tape between them."""

    def __init__(self, made: Identity, *, early: bytes = b"", protocol: asyncio.Protocol | None = None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate, made.key)
        session = TlsSession(context)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = made.client().wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        for _ in range(3):
            for end in (self.client, session.tls):
                with suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                self._incoming.write(session.outgoing.read())
                session.incoming.write(self._outgoing.read())
        if early:
            self.client.write(early)
            session.incoming.write(self._outgoing.read())
        self.tape, self.above = Tape(), Above()
        self.transport = TlsTransport(self.tape, session)
        self.transport.begin(protocol or self.above)

    def sealed(self, *pieces: bytes) -> bytes:
        """Return what the client sends for these, in records of their own."""
        for piece in pieces:
            self.client.write(piece)
        return self._outgoing.read()

    def ended(self) -> bytes:
        """Return the client's close_notify."""
        with pytest.raises(ssl.SSLWantReadError):
            self.client.unwrap()
        return self._outgoing.read()

    def opened(self) -> bytes:
        """Return what the client reads of all that was written; it ends with `<end>` where the server said so."""
        self._incoming.write(self.tape.written)
        self.tape.written = b""
        found = b""
        while True:
            try:
                piece = self.client.read(1 << 16)
            except ssl.SSLWantReadError:
                return found
            except ssl.SSLZeroReturnError:  # both ends have said that nothing follows
                piece = b""
            if not piece:
                return found + b"<end>"
            found += piece


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("tls"))


def story(steps: Callable[[], None], *then: Callable[[], None]) -> None:
    """Run steps in a loop, each in a turn of its own."""

    async def run() -> None:
        for step in (steps, *then):
            step()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(run())


def test_what_came_with_the_end_of_the_handshake_comes_first(made: Identity) -> None:
    def steps() -> None:
        pair = Pair(made, early=b"early")
        assert pair.above.deeds == ["made"]
        pair.transport.data_received(pair.sealed(b"late"))
        assert pair.above.got == [b"early", b"late"]

    story(steps)


@pytest.mark.parametrize("size", [1, 5, 100, 1 << 20])
def test_records_in_any_pieces(made: Identity, size: int) -> None:
    def steps() -> None:
        pair = Pair(made)
        octets = pair.sealed(b"one", b"two", MEGABYTE[:40_000], b"")
        for at in range(0, len(octets), size):
            pair.transport.data_received(octets[at : at + size])
        assert b"".join(pair.above.got) == b"onetwo" + MEGABYTE[:40_000]

    story(steps)


@pytest.mark.parametrize("size", [1, 16 * 1024, 16 * 1024 + 1, 1 << 20])
def test_writing_any_size(made: Identity, size: int) -> None:
    def steps() -> None:
        pair = Pair(made)
        pair.transport.write(MEGABYTE[:size])
        assert pair.opened() == MEGABYTE[:size]
        pair.transport.writelines((b"", b"head", memoryview(MEGABYTE)[:size], bytearray(b"end")))
        assert pair.opened() == b"head" + MEGABYTE[:size] + b"end"
        pair.transport.write(b"")
        assert pair.tape.written == b""

    story(steps)


def test_who_is_held_gets_the_rest_later_and_in_order(made: Identity) -> None:
    pairs: list[Pair] = []

    def steps() -> None:
        pair = Pair(made)
        pairs.append(pair)
        pair.above.on_data = pair.transport.pause_reading
        pair.transport.data_received(pair.sealed(b"one", b"two"))
        assert pair.above.got == [b"one"]
        pair.transport.data_received(pair.sealed(b"three"))
        assert (pair.above.got, pair.tape.deeds) == ([b"one"], ["pause"])
        pair.above.on_data = lambda: None
        pair.transport.resume_reading()
        # Not while the protocol is still about its own business.
        assert (pair.above.got, pair.tape.deeds) == ([b"one"], ["pause", "resume"])

    story(steps, lambda: None)
    assert pairs[0].above.got == [b"one", b"two", b"three"]


def test_close_waits_for_the_other_end_and_drops_what_comes(made: Identity) -> None:
    def steps() -> None:
        pair = Pair(made)
        pair.above.on_data = pair.transport.close
        late = pair.sealed(b"one", b"two")
        pair.transport.data_received(late)
        assert pair.above.got == [b"one"]
        assert pair.opened() == b"<end>"
        assert pair.tape.deeds == ["write_eof", "resume"]
        assert pair.transport.is_closing()
        pair.transport.write(b"too late")
        pair.transport.writelines([b"too late"])
        assert pair.tape.written == b""
        pair.transport.data_received(bytes(LINGER_OCTETS))
        assert "abort" not in pair.tape.deeds
        pair.transport.data_received(b"one too many")
        assert pair.tape.deeds[-1] == "abort"
        pair.transport.connection_lost(None)
        assert pair.above.deeds == ["made", "lost"]

    story(steps)


@pytest.mark.parametrize("kind", [FastConnection, AsgiConnection, FastHttp2Connection, Http2Connection])
def test_who_takes_the_last_octets_slowly_gets_them_and_who_never_closes_is_cut(
    built: Built, made: Identity, kind: Callable[..., FastConnection]
) -> None:
    """The protocol looks at the clock, and at how much waits: nobody is cut who takes something now and then."""

    async def run() -> None:
        room = Room(built, ServerLimits(stall_seconds=3))
        protocol = kind(room.worker, **room.uvicorn)
        pair = Pair(made, protocol=protocol)
        room.pass_time(protocol, 5)
        pair.transport.close()
        pair.transport.close()
        for pair.tape.unsent in range(9, 0, -1):
            room.pass_time(protocol, 2)
            assert "abort" not in pair.tape.deeds
        pair.tape.unsent = 0
        room.pass_time(protocol, LINGER_SECONDS + 1)
        assert pair.tape.deeds[-1] == "abort"

    asyncio.run(run())


def test_the_other_end_closes(made: Identity) -> None:
    """Both ends have said so then: nothing more is waited for."""

    def steps() -> None:
        pair = Pair(made)
        pair.transport.data_received(pair.sealed(b"last") + pair.ended())
        assert (pair.above.got, pair.above.deeds) == ([b"last"], ["made", "end"])
        assert pair.tape.deeds == ["close"]
        assert pair.opened() == b"<end>"

    story(steps)


def test_the_other_end_breaks_off(made: Identity) -> None:
    """Without a close_notify (RFC 8446 §6.1): what has come of a request is no request."""

    def steps() -> None:
        pair = Pair(made)
        pair.transport.data_received(pair.sealed(b"half a record")[:-3])
        assert not pair.transport.eof_received()
        assert (pair.above.got, pair.above.deeds) == ([], ["made", "end"])
        assert pair.opened() == b"<end>"

    story(steps)


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"\x17\x03\x03\x00\x20" + bytes(32)])
def test_what_is_no_record_ends_it_with_an_alert(made: Identity, octets: bytes) -> None:
    def steps() -> None:
        pair = Pair(made)
        pair.transport.data_received(pair.sealed(b"good") + octets)
        assert pair.above.got == [b"good"]
        assert pair.tape.deeds == ["close"]
        assert pair.transport.is_closing()
        with pytest.raises(ssl.SSLError, match="ALERT"):
            pair.opened()

    story(steps)


def test_what_the_transport_below_says_reaches_the_protocol(made: Identity) -> None:
    def steps() -> None:
        pair = Pair(made)
        pair.transport.pause_writing()
        pair.transport.resume_writing()
        pair.tape.unsent = 7
        assert pair.transport.get_write_buffer_size() == 7
        pair.transport.set_write_buffer_limits(9)
        assert pair.tape.limits == [9]
        assert pair.transport.get_extra_info("peername") == ("127.0.0.1", 1)
        assert isinstance(pair.transport.get_extra_info("sslcontext"), ssl.SSLContext)
        assert pair.transport.get_extra_info("ssl_object").version() == "TLSv1.3"
        assert not pair.transport.can_write_eof()
        pair.transport.abort()
        pair.transport.connection_lost(None)
        assert pair.above.deeds == ["made", "pause", "resume", "lost"]
        assert pair.tape.deeds == ["abort"]

    story(steps)


def test_another_protocol_takes_over(made: Identity) -> None:
    def steps() -> None:
        pair, other = Pair(made), Above()
        pair.above.on_data = lambda: pair.transport.set_protocol(other)
        pair.transport.data_received(pair.sealed(b"one", b"two"))
        assert (pair.above.got, other.got) == ([b"one"], [b"two"])
        assert pair.transport.get_protocol() is other

    story(steps)
