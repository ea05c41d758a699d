"""HTTP/1.1 and HTTP/2 on the wire (RFC 9112, 9113): a reply as octets, a target as a path, and how llhttp is asked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import cast

import httptools

from cdnserve.origin.message import Reply
from cdnserve.origin.text_replies import Line, text_reply
from cdnserve.rules.caching import NO_STORE

CLOSE, KEEP_ALIVE = b"connection: close\r\n", b"connection: keep-alive\r\n"


@cache
def status_line(status: int) -> bytes:
    """Return the status line of a response (RFC 9112 §4)."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode("ascii")


# RFC 7541 appendix A: where the static table has the names of our fields, and whole statuses.
_STATIC_NAMES = {
    b":status": 8,
    b"accept-ranges": 18,
    b"access-control-allow-origin": 20,
    b"allow": 22,
    b"cache-control": 24,
    b"content-encoding": 26,
    b"content-length": 28,
    b"content-range": 30,
    b"content-type": 31,
    b"date": 33,
    b"etag": 34,
    b"last-modified": 44,
    b"location": 46,
    b"vary": 59,
}
_STATIC_STATUSES = {200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14}


def field_line(name: bytes, value: bytes) -> bytes:
    """Return a field as HPACK writes it without the dynamic table (RFC 7541 §6.2.2): the same on each connection."""
    place = _STATIC_NAMES.get(name, 0)
    return _integer(place, 4) + (b"" if place else _string(name)) + _string(value)


def _string(octets: bytes) -> bytes:
    return _integer(len(octets), 7) + octets


def _integer(number: int, bits: int) -> bytes:
    """Write an integer (RFC 7541 §5.1) whose first octet has so many bits for it; the others are zero."""
    most = (1 << bits) - 1
    if number < most:
        return bytes([number])
    octets, number = bytearray([most]), number - most
    while number >= 128:
        octets.append(number & 127 | 128)
        number >>= 7
    return bytes(octets) + bytes([number])


@cache
def _status_field(status: int) -> bytes:
    place = _STATIC_STATUSES.get(status)
    return bytes([128 | place]) if place else field_line(b":status", b"%d" % status)


class Opening:
    """How each response of one status begins: its status line and Date; `fields` are those two in HTTP/2."""

    __slots__ = ("fields", "octets", "status")

    def __init__(self, status: int, date: bytes) -> None:
        self.status = status
        self.renew(date)

    def renew(self, date: bytes) -> None:
        """Take a new Date, as a whole header line."""
        self.octets = status_line(self.status) + date
        name, _, value = date.rstrip().partition(b": ")
        self.fields = _status_field(self.status) + (field_line(name, value) if name else b"")


class Openings(dict[int, Opening]):
    """The opening of every status that has been answered, renewed once a second."""

    def __init__(self) -> None:
        super().__init__()
        self.date = b""

    def __missing__(self, status: int) -> Opening:
        opening = self[status] = Opening(status, self.date)
        return opening

    def renew(self, date: bytes) -> None:
        """Take a new Date, as a whole header line."""
        self.date = date
        for opening in self.values():
            opening.renew(date)


# Last responses of either lane to a connection that it then closes.
TOO_MANY = Line(503, NO_STORE, "There are too many connections.")
HEAD_TOO_LARGE = Line(431, NO_STORE, "The request's head is too large.")
HEAD_TOO_SLOW = Line(408, NO_STORE, "The request took too long.")
VERSION_UNKNOWN = Line(505, NO_STORE, "The versions here are HTTP/1.1 and HTTP/1.0.")
MALFORMED = Line(400, NO_STORE, "The request is malformed.")


def is_spoken(line: bytes, version: str) -> bool:
    """Return whether the version in a request line, as llhttp reads it, is one of ours; else 505 (RFC 9110 §15.6.6).

    >>> [is_spoken(b"GET / HTTP/" + version.encode(), version) for version in ("0.9", "1.0", "1.2", "2.0")]
    [False, True, True, False]
    """
    # RFC 9110 §2.5: a higher minor version is answered as the highest one that we speak. llhttp speaks RTSP, too.
    return version.startswith("1.") and b" HTTP/" in line


def persists(version: str, fields: Iterable[tuple[bytes, bytes]], *, by_llhttp: bool) -> bool:
    """Return whether a connection goes on after a request (RFC 9112 §9.3); names of fields are in lower case.

    >>> values = (b"Keep-Alive, x", b"close, keep-alive", b"x")
    >>> [persists("1.0", [(b"connection", value)], by_llhttp=True) for value in values]
    [True, False, False]
    """
    if version != "1.0" or not by_llhttp:
        return by_llhttp
    # "close" wins, and Proxy-Connection (Appendix C.2.2) is no Connection: llhttp thinks otherwise of both.
    lines = (value for name, value in fields if name == b"connection")
    options = {option.strip() for line in lines for option in line.lower().split(b",")}
    return b"keep-alive" in options and b"close" not in options


def connection_line(version: str, *, close: bool) -> bytes:
    """Return the Connection line of a response, empty where it would say what holds anyway (RFC 9112 §9.3)."""
    return CLOSE if close else KEEP_ALIVE if version == "1.0" else b""


def head_after_date(reply: Reply, connection: bytes) -> bytes:
    """Return a response's head from behind its Date to the empty line; `connection` is a header line or empty."""
    return b"".join(b"%b: %b\r\n" % header for header in reply.headers) + connection + b"\r\n"


def target_path(method: bytes, target: bytes) -> bytes:
    """Return the path of a request target that llhttp accepted, without its query (RFC 9112 §3.2)."""
    if method == b"CONNECT":
        return b"*"  # authority-form: there is no path, and no method of ours
    path: bytes | None = httptools.parse_url(target).path
    # §3.2.4: absolute-form with an empty path is the server as a whole to OPTIONS, else the root.
    return path or (b"*" if method == b"OPTIONS" else b"/")


def refusal(line: Line, date: bytes) -> bytes:
    """Return a whole response for a connection that is closed after it; `date` is a header line or empty."""
    reply = text_reply(line)
    return status_line(reply.status) + date + head_after_date(reply, CLOSE) + cast(bytes, reply.body)


def new_parser(callbacks: object) -> httptools.HttpRequestParser:
    """Make llhttp's parser as both lanes ask it."""
    parser = httptools.HttpRequestParser(callbacks)
    # Octets after a request that closes the connection are not ours to judge; nor is which versions we speak llhttp's.
    parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_version=True)
    return parser


class Acceptance:
    """What llhttp says of the octets that it was fed, without a call for each field."""

    __slots__ = ("complete", "has_content")

    def __init__(self) -> None:
        self.complete = 0
        self.has_content = False

    def take(self) -> bool:
        """Return whether the next head is a whole message, and count it as taken."""
        if self.has_content or not self.complete:
            return False
        self.complete -= 1
        return True

    def on_message_complete(self) -> None:
        """Count a message that is whole."""
        self.complete += 1

    def on_body(self, _: bytes) -> None:
        """Note that a message has content."""
        self.has_content = True

    def on_chunk_header(self) -> None:
        """Note that a message has content, be it of no octets."""
        self.has_content = True
