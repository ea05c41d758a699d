"""The access log, one line for each response, combined or as JSON; and the events of the log on stderr.

A control character is always escaped, and pieces are whole lines, so that those of several workers don't mix.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from time import gmtime, strftime
from typing import Literal

from cdnserve.errors import Problem

AccessFormat = Literal["combined", "json"]

# What a pipe takes in one piece (POSIX PIPE_BUF), so that the lines of several workers don't mix.
_PIECE = 4096
_UNSAFE = re.compile(r'[^\x20-\x7e]|["\\]')


@dataclass(frozen=True, slots=True)
class LoggedExchange:
    """One request and its response, as they are logged; texts are as they came.

    `octets` counts the content that was sent; `cut` says that it was broken off.
    """

    client: str
    request_line: str
    status: int
    octets: int
    referer: str = ""
    user_agent: str = ""
    cut: bool = False


def logged_exchange(
    client: str, line: bytes, fields: Iterable[tuple[bytes, bytes]], status: int, octets: int, *, cut: bool = False
) -> LoggedExchange:
    """Return an exchange as it is logged, of the octets of a request line and of fields with names in lower case."""
    said = dict(fields)
    texts = (line, said.get(b"referer", b""), said.get(b"user-agent", b""))
    request, referer, agent = (text.decode("latin-1") for text in texts)
    return LoggedExchange(client, request, status, octets, referer, agent, cut)


class AccessLog:
    """Lines on their way to `write`; they wait for a piece to fill, and for no longer than the next `beat`."""

    def __init__(self, form: AccessFormat, write: Callable[[bytes], object]) -> None:
        self._form = form
        self._write = write
        self._waiting: list[bytes] = []
        self._size = 0
        self.beat()

    def record(self, exchange: LoggedExchange) -> None:
        """Note one exchange."""
        self.note(self.client(exchange.client), self.entry(exchange))

    def entry(self, exchange: LoggedExchange) -> bytes:
        """Write what an exchange's line says behind client and time; it may be kept for the next alike."""
        return (_combined if self._form == "combined" else _json)(exchange).encode("ascii") + b"\n"

    def client(self, name: str) -> bytes:
        """Write a client as a line begins with it; it may be kept."""
        text = f"{_quoted(name)} - - " if self._form == "combined" else f'{{"client": {json.dumps(name)}, '
        return text.encode("ascii")

    def note(self, client: bytes, entry: bytes) -> None:
        """Note one exchange whose parts were written before."""
        line = client + self._time + entry
        self._size += len(line)
        if self._size > _PIECE:
            self.flush()
            self._size = len(line)
        self._waiting.append(line)

    def beat(self) -> None:
        """Begin a new second: write what waits."""
        self.flush()
        form = "[%d/%b/%Y:%H:%M:%S +0000] " if self._form == "combined" else '"time": "%Y-%m-%dT%H:%M:%SZ", '
        self._time = strftime(form, gmtime()).encode("ascii")

    def flush(self) -> None:
        """Write what waits; where nobody takes it, it is lost, and the server serves on."""
        if self._waiting:
            with suppress(OSError):
                self._write(b"".join(self._waiting))
            self._waiting.clear()
            self._size = 0


def _combined(exchange: LoggedExchange) -> str:
    request, referer, agent = map(_quoted, (exchange.request_line, exchange.referer, exchange.user_agent))
    line = f'"{request}" {exchange.status} {exchange.octets} "{referer}" "{agent}"'
    return f"{line} cut" if exchange.cut else line


def _json(exchange: LoggedExchange) -> str:
    members: dict[str, object] = {
        "request": exchange.request_line,
        "status": exchange.status,
        "octets": exchange.octets,
        "referer": exchange.referer,
        "user_agent": exchange.user_agent,
    }
    if exchange.cut:
        members["cut"] = True
    return json.dumps(members).removeprefix("{")


def _quoted(text: str) -> str:
    return _UNSAFE.sub(_escape, text) or "-"


def _escape(match: re.Match[str]) -> str:
    # What was decoded as latin-1 has one octet a character.
    return f"\\x{ord(match[0]):02x}"


START = "start"
ADMIN = "admin"
BUILD = "build"
ENCODING = "encoding"
REFUSED = "refused"
RECOVERED = "recovered"
WAITING = "waiting"
SWAP = "swap"
CERTIFICATE = "certificate"
CERTIFICATE_REFUSED = "certificate-refused"
WORKER_REPLACED = "worker-replaced"
SHUTDOWN_DELAY = "shutdown-delay"
DRAIN_BEGIN = "drain-begin"
DRAIN_CUT = "drain-cut"
DRAIN_END = "drain-end"
DESCRIPTORS = "descriptors"
STORE_LOST = "store-lost"
STORE_BACK = "store-back"


def event(name: str, **facts: object) -> dict[str, object]:
    """Return what a logger takes as `extra`: the event's name and its facts, all of which JSON can hold.

    >>> event("swap", before=1, now=2)
    {'event': 'swap', 'facts': {'before': 1, 'now': 2}}
    """
    return {"event": name, "facts": facts}


def refusal(problems: Iterable[Problem]) -> dict[str, object]:
    """Return the event of a build that was refused: how many problems there are, and their ids."""
    ids = [problem.reference for problem in problems]
    return event(REFUSED, problems=len(ids), ids=sorted(set(ids)))
