"""HTTP/2 frames, octet by octet (RFC 9113 §4.1), right or wrong: most of what tests send no library would write."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from h2.errors import ErrorCodes

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# RFC 9113 §4.2: the largest that may be sent without asking.
LARGEST = 2**14
# The flags of §6; some bits mean something else in frames of another kind.
ACK, END_STREAM, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32


class Kind(IntEnum):
    """The kinds of frames (RFC 9113 §6), and one that nobody knows."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9
    UNKNOWN = 0xEE


class Setting(IntEnum):
    """The settings of RFC 9113 §6.5.2, and one that nobody knows."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    UNKNOWN = 0xEE


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that came."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """Return why a stream or the connection ended."""
        return int.from_bytes(self.payload[-4:] if self.kind == Kind.RST_STREAM else self.payload[4:8], "big")


def number(value: int, size: int = 4) -> bytes:
    """Write a number in network order."""
    return value.to_bytes(size, "big")


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Write any frame."""
    return number(len(payload), 3) + bytes((kind, flags)) + number(stream) + payload


def data(stream: int, content: bytes = b"test", flags: int = 0) -> bytes:
    """Write a DATA frame (§6.1)."""
    return frame(Kind.DATA, flags, stream, content)


def headers(stream: int, block: bytes, flags: int = END_STREAM | END_HEADERS) -> bytes:
    """Write a HEADERS frame (§6.2): the whole head of a whole request, if nothing else is said."""
    return frame(Kind.HEADERS, flags, stream, block)


def continuation(stream: int, block: bytes, flags: int = END_HEADERS) -> bytes:
    """Write a CONTINUATION frame (§6.10)."""
    return frame(Kind.CONTINUATION, flags, stream, block)


def priority(stream: int, on: int = 0, weight: int = 255) -> bytes:
    """Write a PRIORITY frame (§6.3)."""
    return frame(Kind.PRIORITY, 0, stream, number(on) + bytes((weight,)))


def reset(stream: int, code: int = ErrorCodes.CANCEL) -> bytes:
    """Write a RST_STREAM frame (§6.4)."""
    return frame(Kind.RST_STREAM, 0, stream, number(code))


def settings(*pairs: tuple[int, int]) -> bytes:
    """Write a SETTINGS frame (§6.5)."""
    return frame(Kind.SETTINGS, 0, 0, b"".join(number(name, 2) + number(value) for name, value in pairs))


def ping(payload: bytes, flags: int = 0) -> bytes:
    """Write a PING frame (§6.7)."""
    return frame(Kind.PING, flags, 0, payload)


def window(stream: int, increment: int) -> bytes:
    """Write a WINDOW_UPDATE frame (§6.9)."""
    return frame(Kind.WINDOW_UPDATE, 0, stream, number(increment))


def field(name: str, value: str) -> bytes:
    """Write a field without table and Huffman code (RFC 7541 §6.2.2)."""
    return b"\0" + b"".join(number(len(text), 1) + text.encode() for text in (name, value))


def head(method: str = "GET", path: str = "/any/tiny.txt") -> bytes:
    """Write the field section of a request (RFC 9113 §8.3.1)."""
    pseudo = ((":method", method), (":scheme", "https"), (":path", path), (":authority", "cdn.example.com"))
    return b"".join(field(name, value) for name, value in pseudo)
