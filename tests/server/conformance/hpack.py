"""Compressed heads (RFC 7541): how a field may be written, and what is no compressed head.

Whoever takes a field in asks for the first two octets of a file, and gets 206.
"""

from __future__ import annotations

from h2.errors import ErrorCodes
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from tests.server.http2_frames import head, headers, number
from tests.server.http2_peer import Step, Table, answered, connection_error

_GET = head()
# RFC 7541 Appendix A.
_ACCEPT_ENCODING_GZIP, _RANGE_INDEX, _STATIC_SIZE = 16, 50, 61
_NEW = _STATIC_SIZE + 1  # the youngest entry of the dynamic table


def _plain(text: bytes) -> bytes:
    return number(len(text), 1) + text


def _huffman(text: bytes) -> bytes:
    coded = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(text)
    return number(len(coded) | 0x80, 1) + coded


def _integer(value: int, prefix: int, pattern: int) -> bytes:
    """Write an integer with a prefix of so many bits (RFC 7541 §5.1), below a pattern."""
    most = 2**prefix - 1
    if value < most:
        return number(pattern | value, 1)
    octets, value = number(pattern | most, 1), value - most
    while value >= 128:
        octets, value = octets + number(value % 128 + 128, 1), value // 128
    return octets + number(value, 1)


def _indexed(index: int) -> bytes:
    return _integer(index, 7, 0x80)


def _resized(size: int) -> bytes:
    return _integer(size, 5, 0x20)


_NAME, _VALUE = b"range", b"bytes=0-1"
_COMPRESSION = connection_error(ErrorCodes.COMPRESSION_ERROR)
# Pattern and prefix of each way to write a literal (RFC 7541 §6.2), and its name; the first is remembered.
_LITERALS = (
    ("6.2.1", "with incremental indexing", 0x40, 6),
    ("6.2.2", "without indexing", 0, 4),
    ("6.2.3", "never indexed", 0x10, 4),
)


def _literals() -> Table:
    """Write the field in each way; then ask for the table's youngest entry."""
    cases: Table = {}
    for section, how, pattern, prefix in _LITERALS:
        then = answered(3, 206) if section == "6.2.1" else _COMPRESSION
        for coding, coded in (("", _plain), (" and Huffman code", _huffman)):
            for naming, name in (
                ("an indexed name", _integer(_RANGE_INDEX, prefix, pattern)),
                ("a new name", number(pattern, 1) + coded(_NAME)),
            ):
                key = (f"generic/5/{len(cases) + 2}", f"HPACK {section}", f"{how}, {naming}{coding}")
                first, second = headers(1, _GET + name + coded(_VALUE)), headers(3, _GET + _indexed(_NEW))
                cases[key] = (first, answered(1, 206), second, then)
    return cases


def _wrong(block: bytes) -> tuple[Step, ...]:
    return headers(1, block), _COMPRESSION


def _value(octets: bytes) -> bytes:
    """Write a field with a value in Huffman code as it stands (RFC 7541 §5.2)."""
    return b"\0" + _plain(b"x") + number(len(octets) | 0x80, 1) + octets


CASES: Table = {
    ("generic/5/1", "HPACK 6.1", "an indexed field"): (
        headers(1, head(path="/any/app.js") + _indexed(_ACCEPT_ENCODING_GZIP)),
        answered(1, 200, (b"content-encoding", b"gzip")),
    ),
    **_literals(),
    ("generic/5/14", "HPACK 6.3", "a size update"): (headers(1, _resized(0) + _GET), answered(1)),
    ("generic/5/15", "HPACK 4.2", "two size updates"): (headers(1, _resized(0) + _resized(4096) + _GET), answered(1)),
    ("hpack/2.3.3/1", "HPACK 2.3.3", "an index beyond the tables"): _wrong(_GET + _indexed(_NEW)),
    ("hpack/2.3.3/2", "HPACK 2.3.3", "a name beyond the tables"): _wrong(_GET + _integer(_NEW, 6, 0x40) + b"\0"),
    ("hpack/4.2/1", "HPACK 4.2", "a size update behind a field"): _wrong(_GET + _resized(1)),
    # In that code (Appendix B) `test` is 49 50 9, what is left of an octet has to be ones, and thirty ones are the end.
    ("hpack/5.2/1", "HPACK 5.2", "padding of more than 7 bits"): _wrong(_GET + _value(b"\x49\x50\x9f\xff")),
    ("hpack/5.2/2", "HPACK 5.2", "padding of zeros"): _wrong(_GET + _value(b"\x49\x50\x90")),
    ("hpack/5.2/3", "HPACK 5.2", "the end of strings inside of one"): _wrong(_GET + _value(b"\xff\xff\xff\xfd\x3f")),
    ("hpack/6.1/1", "HPACK 6.1", "index 0"): _wrong(_GET + _indexed(0)),
    ("hpack/6.3/1", "HPACK 6.3", "a table larger than allowed"): _wrong(_resized(4097) + _GET),
}
