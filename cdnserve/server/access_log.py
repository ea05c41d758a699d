"""The access log: one line for each response, in the combined form of web servers or as JSON.

Never writes a raw control character, and never tears a line: pieces are whole lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from time import gmtime, strftime, struct_time
from typing import Literal

AccessFormat = Literal["combined", "json"]

# What a pipe takes in one piece (POSIX PIPE_BUF), so that the lines of several workers don't mix.
_PIECE = 4096
_UNSAFE = re.compile(r'[^\x20-\x7e]|["\\]')


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, as they are logged; texts are as they came, `octets` counts content."""

    client: str
    request_line: str
    status: int
    octets: int
    referer: str = ""
    user_agent: str = ""


class AccessLog:
    """Lines on their way to `write`; they wait for a piece to fill, and for no longer than the next `beat`."""

    def __init__(self, form: AccessFormat, write: Callable[[bytes], object]) -> None:
        self._format = _combined if form == "combined" else _json
        self._write = write
        self._waiting = bytearray()
        self._now = gmtime()

    def record(self, exchange: Exchange) -> None:
        """Note one exchange."""
        line = self._format(exchange, self._now).encode("ascii") + b"\n"
        if len(self._waiting) + len(line) > _PIECE:
            self.flush()
        self._waiting += line

    def beat(self) -> None:
        """Begin a new second: write what waits."""
        self.flush()
        self._now = gmtime()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._write(bytes(self._waiting))
            self._waiting.clear()


def _combined(exchange: Exchange, now: struct_time) -> str:
    time = strftime("%d/%b/%Y:%H:%M:%S +0000", now)
    quoted = (exchange.request_line, exchange.referer, exchange.user_agent)
    request, referer, agent = (_UNSAFE.sub(_escape, text) or "-" for text in quoted)
    return (
        f'{exchange.client or "-"} - - [{time}] "{request}" {exchange.status} {exchange.octets} "{referer}" "{agent}"'
    )


def _json(exchange: Exchange, now: struct_time) -> str:
    return json.dumps(
        {
            "time": strftime("%Y-%m-%dT%H:%M:%SZ", now),
            "client": exchange.client,
            "request": exchange.request_line,
            "status": exchange.status,
            "octets": exchange.octets,
            "referer": exchange.referer,
            "user_agent": exchange.user_agent,
        }
    )


def _escape(match: re.Match[str]) -> str:
    # What was decoded as latin-1 has one octet a character.
    return f"\\x{ord(match[0]):02x}"
