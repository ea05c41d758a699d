"""A client of HTTP/2 that sends any octets over TLS, and what it may expect then (RFC 9113)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from h2.errors import ErrorCodes
from hpack import Decoder

from tests.server.http2_frames import ACK, END_STREAM, PREFACE, Frame, Kind, frame, ping, settings

# What goes behind something wrong: whoever answers it has found nothing wrong.
_FENCE = b"the rest"


class Peer:
    """A connection, and the frames that came on it."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, timeout: float) -> None:
        plain = socket.create_connection(address, timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        self._unsent = self._unread = b""
        self.came: list[Frame] = []
        self.decoder = Decoder()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def send(self, octets: bytes) -> None:
        """Send octets, in one piece with others, before the next frame is read."""
        self._unsent += octets

    def shake_hands(self) -> None:
        """Exchange prefaces, and what acknowledges them (§3.4)."""
        self.send(PREFACE + settings())
        first_is_settings(self)
        self.send(frame(Kind.SETTINGS, ACK))
        acknowledged(self)

    def next(self) -> Frame | None:
        """Read a frame; None where the connection has ended."""
        try:
            octets, self._unsent = self._unsent, b""
            self._socket.sendall(octets)
            while len(self._unread) < self._size():
                more = self._socket.recv(1 << 16)
                if not more:
                    return None
                self._unread += more
        except (ConnectionError, ssl.SSLEOFError):
            return None
        size = self._size()
        octets, self._unread = self._unread[:size], self._unread[size:]
        self.came.append(Frame(octets[3], octets[4], int.from_bytes(octets[5:9], "big"), octets[9:]))
        return self.came[-1]

    def _size(self) -> int:
        """Return the size of the frame that is read next: of its head, as long as that is not there."""
        return 9 + int.from_bytes(self._unread[:3], "big") if len(self._unread) >= 9 else 9

    def expect(self, is_expected: Callable[[Frame], bool], *, is_patient: bool = True) -> Frame:
        """Read until a frame that is expected; neither an error may come before, nor, without patience, the fence."""
        while (got := self.next()) is not None:
            if is_expected(got):
                return got
            assert got.kind not in {Kind.GOAWAY, Kind.RST_STREAM}, f"refused: {self.came}"
            assert is_patient or got.payload != _FENCE, f"accepted: {self.came}"
        raise AssertionError(f"the connection ended: {self.came}")

    def expect_end(self) -> None:
        """Read until the connection has ended."""
        while self.next() is not None:
            pass


# Octets are sent, checks expect something. A table has steps by number in h2spec, section, and what they are about.
Check = Callable[[Peer], object]
Step = bytes | Check
Table = dict[tuple[str, str, str], tuple[Step, ...]]


def first_is_settings(peer: Peer) -> None:
    """Expect the server's preface (§3.4)."""
    got = peer.next()
    assert got is not None
    assert (Kind.SETTINGS, 0) == (got.kind, got.flags)


def acknowledged(peer: Peer) -> None:
    """Expect that settings are acknowledged (§6.5.3)."""
    peer.expect(lambda got: got.kind == Kind.SETTINGS and bool(got.flags & ACK))


def pong(payload: bytes) -> Check:
    """Expect the answer to a PING (§6.7)."""
    return lambda peer: peer.expect(lambda got: (got.kind, got.flags, got.payload) == (Kind.PING, ACK, payload))


def only_pong(payload: bytes) -> Check:
    """Expect the answer to a PING, and to no other."""

    def check(peer: Peer) -> None:
        assert Frame(Kind.PING, ACK, 0, payload) == peer.expect(lambda got: got.kind == Kind.PING)

    return check


def answered(stream: int, status: int = 200, *fields: tuple[bytes, bytes]) -> Check:
    """Expect the head of a response (§8.1), and fields in it."""

    def check(peer: Peer) -> None:
        got = peer.expect(lambda got: (got.kind, got.stream) == (Kind.HEADERS, stream))
        assert {(b":status", b"%d" % status), *fields} <= set(peer.decoder.decode(got.payload, raw=True))

    return check


def ended(stream: int) -> Check:
    """Expect the end of a response."""
    return lambda peer: peer.expect(lambda got: got.stream == stream and bool(got.flags & END_STREAM))


def content(stream: int, size: int) -> Check:
    """Expect a DATA frame, and so much in it (§6.9)."""

    def check(peer: Peer) -> None:
        assert size == len(peer.expect(lambda got: (got.kind, got.stream) == (Kind.DATA, stream)).payload)

    return check


def connection_error(*codes: ErrorCodes) -> Check:
    """Expect GOAWAY with one of these codes, and the end of the connection (§5.4.1)."""

    def check(peer: Peer) -> None:
        peer.send(ping(_FENCE))
        assert peer.expect(lambda got: got.kind == Kind.GOAWAY, is_patient=False).code in codes
        peer.expect_end()

    return check


def stream_error(stream: int, *codes: ErrorCodes) -> Check:
    """Expect RST_STREAM with one of these codes, after which the connection goes on, or a connection error (§5.4)."""
    ends = ((Kind.RST_STREAM, stream), (Kind.GOAWAY, 0))

    def check(peer: Peer) -> None:
        peer.send(ping(_FENCE))
        got = peer.expect(lambda got: (got.kind, got.stream) in ends, is_patient=False)
        assert got.code in codes
        if got.kind == Kind.GOAWAY:
            peer.expect_end()
        else:
            peer.expect(lambda got: got.payload == _FENCE)

    return check


def closed(peer: Peer) -> None:
    """Expect the end of the connection, whatever is said of it."""
    peer.expect_end()
