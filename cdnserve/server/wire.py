"""The wire (RFC 9112): a reply as octets, and a request target as a path.

Never decides a status but where no request could be read at all.
"""

from __future__ import annotations

import re
from asyncio import WriteTransport
from functools import cache
from http import HTTPStatus
from typing import cast

import httptools

from cdnserve.origin import Reply
from cdnserve.origin.options import ALLOW, METHOD_UNKNOWN
from cdnserve.origin.replies import Line, text_reply
from cdnserve.rules.caching import NO_STORE

CLOSE = b"connection: close\r\n"


@cache
def status_line(status: int) -> bytes:
    """Give the status line of a response (RFC 9112 §4)."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode("ascii")


class Opening:
    """How each response of one status begins: its status line and Date."""

    __slots__ = ("octets", "status")

    def __init__(self, status: int, date: bytes) -> None:
        self.status = status
        self.renew(date)

    def renew(self, date: bytes) -> None:
        """Take a new Date, as a whole header line."""
        self.octets = status_line(self.status) + date


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


# What either lane says to a connection that it then closes.
TOO_MANY = Line(503, NO_STORE, "There are too many connections.")
HEAD_TOO_LARGE = Line(431, NO_STORE, "The request's head is too large.")
HEAD_TOO_SLOW = Line(408, NO_STORE, "The request took too long.")
VERSION_UNKNOWN = Line(505, NO_STORE, "The versions here are HTTP/1.1 and HTTP/1.0.")
_MALFORMED = Line(400, NO_STORE, "The request is malformed.")


def version_refused(version: str) -> Reply | None:
    """Refuse a version that llhttp reads but we don't speak (RFC 9110 §15.6.6); its connection is closed."""
    if version in ("1.0", "1.1"):
        return None
    return text_reply(VERSION_UNKNOWN)


def head_after_date(reply: Reply, *, close: bool) -> bytes:
    """Give a response's head from behind its Date to the empty line."""
    lines = b"".join(b"%b: %b\r\n" % header for header in reply.headers)
    return lines + (CLOSE if close else b"") + b"\r\n"


def target_path(method: bytes, target: bytes) -> bytes:
    """Give the path of a request target that llhttp accepted, without its query (RFC 9112 §3.2)."""
    if method == b"CONNECT":
        return b"*"  # authority-form: there is no path, and no method of ours
    path: bytes | None = httptools.parse_url(target).path
    # §3.2.4: absolute-form with an empty path is the server as a whole to OPTIONS, else the root.
    return path or (b"*" if method == b"OPTIONS" else b"/")


# The rest of a method may still be on its way.
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}(?: |\Z)")


def refusal(line: Line, date: bytes) -> bytes:
    """Give a whole response for a connection that is closed after it; `date` is a header line or empty."""
    return _refusal(text_reply(line), date)


def part(transport: WriteTransport, response: bytes) -> None:
    """Send a last response and say that nothing follows; who reads on drops what comes, for a while.

    Closing at once, with octets that were not read, could cost the client the answer (RFC 9112 §9.6).
    """
    transport.write(response)
    if transport.can_write_eof():
        transport.write_eof()
    else:
        # TLS ends both ways at once; its own end, too, reads and drops what comes.
        transport.close()


def malformed(error: Exception, data: bytes, date: bytes) -> bytes:
    """Give the response to octets that llhttp refused with this error."""
    if isinstance(error, httptools.HttpParserInvalidMethodError) and _TOKEN.match(data.lstrip(b"\r\n")):
        return _refusal(text_reply(METHOD_UNKNOWN, (ALLOW,)), date)
    return refusal(_MALFORMED, date)


def _refusal(reply: Reply, date: bytes) -> bytes:
    return status_line(reply.status) + date + head_after_date(reply, close=True) + cast(bytes, reply.body)
