"""HTTP/1.1 on the wire (RFC 9112), as a judge: exact bytes out, exactly one well-framed response in.

Never repairs, retries or follows anything; what a lenient client would forgive raises `FramingError`.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import pytest

Text = str | bytes
Field = tuple[Text, Text]

LIMIT = 64 * 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t\x20-\x7e]*)")
_TEXT = rb"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?"
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:" + _TEXT + rb")?)[ \t]*")


class FramingError(AssertionError):
    """What came back is not one response as RFC 9112 frames it."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response; `fields` in their order on the wire, names exactly as they were sent."""

    status: int
    reason: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, in order."""
        return tuple(value for key, value in self.fields if key.lower() == name.lower())

    def get(self, name: str) -> str | None:
        """Return the only value of a field, `None` where it is absent."""
        values = self.all(name)
        if len(values) > 1:
            raise FramingError(f"{name} comes {len(values)} times: {values}")
        return values[0] if values else None

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise FramingError(f"{self.status} without {name}: {self.fields}")
        return value

    def members(self, name: str) -> frozenset[str]:
        """Return the members of a list field, in lower case (RFC 9110 §5.6.1)."""
        listed = ",".join(self.all(name)).split(",")
        return frozenset(member.strip().lower() for member in listed if member.strip())

    def text(self) -> str:
        """Return the content as UTF-8 text."""
        return self.body.decode()

    def comparable(self, *without: str) -> tuple[int, dict[str, str], bytes]:
        """Return what two equal answers have in common: all but Date and the fields named."""
        left_out = {"date", *(name.lower() for name in without)}
        return self.status, {key: value for key, value in self.fields if key not in left_out}, self.body


def octets(text: Text) -> bytes:
    """Return the octets of a piece of a message; text stands for ISO 8859-1, as field values always did."""
    return text if isinstance(text, bytes) else text.encode("latin-1")


def message(
    method: Text,
    target: Text,
    fields: Iterable[Field] = (),
    *,
    host: Text | None = "cdn.example.com",
    version: str = "HTTP/1.1",
    body: bytes = b"",
) -> bytes:
    """Write a request, with `Host` first unless it is `None`; nothing is checked, nothing is added.

    >>> message("GET", "/a", [("Range", "bytes=0-1")])
    b'GET /a HTTP/1.1\\r\\nHost: cdn.example.com\\r\\nRange: bytes=0-1\\r\\n\\r\\n'
    """
    lines = [b" ".join((octets(method), octets(target), octets(version)))]
    lines += [] if host is None else [b"Host: " + octets(host)]
    lines += [octets(name) + b": " + octets(value) for name, value in fields]
    return b"\r\n".join([*lines, b"", body])


def parse_head(head: bytes) -> Response:
    """Read a status line and field lines; the content is empty."""
    first, *lines = head.split(b"\r\n")
    status_line = _STATUS_LINE.fullmatch(first)
    if not status_line:
        raise FramingError(f"status line {first!r}")
    fields = []
    for line in lines:
        field = _FIELD_LINE.fullmatch(line)
        if not field:
            raise FramingError(f"field line {line!r}")
        fields.append((field[1].decode("ascii"), field[2].decode("latin-1")))
    return Response(int(status_line[1]), status_line[2].decode("ascii"), tuple(fields), b"")


def content_length(head: Response, method: str) -> int:
    """Return how many octets of content follow a head (RFC 9112 §6.3), refusing what this server never needs."""
    if head.all("transfer-encoding"):
        raise FramingError("every length is known, yet there is a Transfer-Encoding")
    stated = head.get("content-length")
    if stated is not None and not re.fullmatch(r"0|[1-9][0-9]*", stated):
        raise FramingError(f"Content-Length {stated!r}")
    if head.status == 204 or head.status < 200:
        if stated is not None:
            raise FramingError(f"{head.status} with Content-Length (RFC 9110 §8.6)")
        return 0
    if method == "HEAD" or head.status == 304:
        return 0
    if stated is None:
        raise FramingError(f"{head.status} without Content-Length: {head.fields}")
    return int(stated)


class Connection:
    """One connection, over TLS if there is a context; every octet must belong to a response that was asked for."""

    def __init__(self, address: tuple[str, int], timeout: float = 20, context: ssl.SSLContext | None = None) -> None:
        self._socket = socket.create_connection(address, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self._socket = context.wrap_socket(self._socket, server_hostname=address[0])
        self._buffer = b""
        self.open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; closing twice does no harm."""
        self.open = False
        self._socket.close()

    def exchange(self, request: bytes, method: str = "GET") -> Response:
        """Send one request and read its response; stray octets before it are an error."""
        if self._buffer:
            raise FramingError(f"octets that nobody asked for: {self._buffer[:80]!r}")
        self.send(request)
        return self.receive(method)

    def wait(self) -> None:
        """Wait until a response begins, and leave it to be read."""
        self._socket.recv(1, socket.MSG_PEEK)

    def send(self, data: bytes) -> None:
        """Send octets as they are."""
        self._socket.sendall(data)

    def receive(self, method: str = "GET") -> Response:
        """Read exactly one final response to a request with this method."""
        head = parse_head(self._until(b"\r\n\r\n"))
        if head.status < 200:
            raise FramingError(f"an interim {head.status} that no request expected")
        body = self._exactly(content_length(head, method))
        self.open = self.open and "close" not in head.members("connection")
        return Response(head.status, head.reason, head.fields, body)

    def drain(self) -> bytes:
        """Read until the server closes; gives the octets after the last response."""
        while data := self._receive():
            self._buffer += data
        left, self._buffer, self.open = self._buffer, b"", False
        return left

    def finish(self) -> None:
        """Say that no request follows (half-close)."""
        if isinstance(self._socket, ssl.SSLSocket):
            pytest.skip("under TLS both directions end at once")
        self._socket.shutdown(socket.SHUT_WR)

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if len(self._buffer) > LIMIT:
                raise FramingError("a head of more than 64 KiB")
            self._more()
        head, _, self._buffer = self._buffer.partition(mark)
        return head

    def _exactly(self, length: int) -> bytes:
        pieces, missing = [self._buffer], length - len(self._buffer)
        while missing > 0:
            pieces.append(self._receive() or self._cut())
            missing -= len(pieces[-1])
        received = b"".join(pieces)
        self._buffer = received[length:]
        return received[:length]

    def _more(self) -> None:
        self._buffer += self._receive() or self._cut()

    def _cut(self) -> bytes:
        self.open = False
        raise FramingError(f"the connection ended in the middle of a response, after {self._buffer[:200]!r}")

    def _receive(self) -> bytes:
        return self._socket.recv(1 << 18)
