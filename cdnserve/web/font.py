"""What a font says of itself (OpenType 1.9: cmap, fvar, name; WOFF 1.0 and 2.0): read in bounded time and memory.

Nothing is drawn. A font that breaks a rule of its format has no facts, and browsers refuse it, too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cdnserve.decode import OversizeError, UndecodableError, decoded

LARGEST = 16 << 20
"""The octets of a font that is looked into, with and without compression."""
_MOST_TABLES = 128
_MOST_SEGMENTS = 1 << 15
_MOST_AXES = 32
_MOST_CHARACTERS = 1 << 16
_LONGEST_NAME = 200
# WOFF 2.0 §4.1: the tags that stand for themselves by a number, as far as somebody here wants them.
_KNOWN = {0: b"cmap", 5: b"name", 10: b"glyf", 11: b"loca", 47: b"fvar"}
_WANTED = (b"cmap", b"fvar", b"name")
_FAMILY, _STYLE, _PREFERRED_FAMILY, _PREFERRED_STYLE = 1, 2, 16, 17


@dataclass(frozen=True, slots=True)
class FontAxis:
    """An axis of a variable font; `tag` has four characters of ASCII."""

    tag: str
    name: str
    least: float
    default: float
    most: float


@dataclass(frozen=True, slots=True)
class FontFacts:
    """What a font says of itself: its name, its axes, and how it covers Unicode; `ranges` have first and last."""

    family: str
    style: str
    axes: tuple[FontAxis, ...]
    ranges: tuple[tuple[int, int], ...]

    @property
    def characters(self) -> int:
        """How many characters it has."""
        return sum(last - first + 1 for first, last in self.ranges)


def read_font(octets: bytes) -> FontFacts | None:
    """Return the facts of a TrueType, OpenType, WOFF or WOFF 2.0 font; `None` for what is no whole one."""
    try:
        tables = _tables(octets)
        names = _names(tables.get(b"name", b""))
        family = names.get(_PREFERRED_FAMILY) or names.get(_FAMILY, "")
        style = names.get(_PREFERRED_STYLE) or names.get(_STYLE, "")
        axes = tuple(_axes(tables.get(b"fvar", b""), names))
        return FontFacts(family, style, axes, _merged(_segments(tables.get(b"cmap", b""))))
    except (struct.error, IndexError, ValueError, UndecodableError, OversizeError):
        return None


def _tables(octets: bytes) -> Mapping[bytes, bytes]:
    if len(octets) > LARGEST:
        raise ValueError("too large")
    match octets[:4]:
        case b"wOF2":
            return _woff2(octets)
        case b"wOFF":
            return _woff(octets)
        case b"\0\1\0\0" | b"OTTO" | b"true":
            return _sfnt(octets)
        case _:
            raise ValueError("no font")


def _sfnt(octets: bytes) -> Mapping[bytes, bytes]:
    (count,) = struct.unpack_from(">H", octets, 4)
    found = {}
    for at in range(min(count, _MOST_TABLES)):
        tag, _, offset, length = struct.unpack_from(">4sLLL", octets, 12 + 16 * at)
        if tag in _WANTED:
            found[tag] = octets[offset : offset + length]
    return found


def _woff(octets: bytes) -> Mapping[bytes, bytes]:
    (count,) = struct.unpack_from(">H", octets, 12)
    found = {}
    for at in range(min(count, _MOST_TABLES)):
        tag, offset, packed, length, _ = struct.unpack_from(">4sLLLL", octets, 44 + 20 * at)
        if tag in _WANTED:
            content = octets[offset : offset + packed]
            found[tag] = decoded([content], "deflate", min(length, LARGEST)) if packed < length else content
    return found


def _woff2(octets: bytes) -> Mapping[bytes, bytes]:
    count, _, _, packed = struct.unpack_from(">HHLL", octets, 12)
    place, at, offset = {}, 48, 0
    for _ in range(min(count, _MOST_TABLES)):
        flags, at = octets[at], at + 1
        tag = _KNOWN.get(flags & 63, b"")
        if flags & 63 == 63:
            tag, at = octets[at : at + 4], at + 4
        length, at = _base128(octets, at)
        # §5: only glyf and loca are transformed as version 0, all others are not.
        if (flags >> 6 != 3) if tag in (b"glyf", b"loca") else flags >> 6:
            length, at = _base128(octets, at)
        place[tag] = slice(offset, offset + length)
        offset += length
    whole = decoded([octets[at : at + packed]], "br", LARGEST)
    return {tag: whole[place[tag]] for tag in _WANTED if tag in place}


def _base128(octets: bytes, at: int) -> tuple[int, int]:
    """Read a UIntBase128 (WOFF 2.0 §4.1), and return where it ends."""
    number = 0
    for place in range(at, at + 5):
        number = number << 7 | octets[place] & 127
        if octets[place] < 128:
            return number, place + 1
    raise ValueError("no number")


def _names(table: bytes) -> Mapping[int, str]:
    """Return the names in English, by their number; those of Windows, which are UTF-16."""
    if not table:
        return {}
    _, count, start = struct.unpack_from(">HHH", table)
    found: dict[int, str] = {}
    for at in range(min(count, 4096, (len(table) - 6) // 12)):
        platform, _, language, number, length, offset = struct.unpack_from(">6H", table, 6 + 12 * at)
        if platform == 3 and language == 0x409:
            text = table[start + offset : start + offset + min(length, 2 * _LONGEST_NAME)]
            found[number] = text.decode("utf-16-be", "replace")
    return found


def _axes(table: bytes, names: Mapping[int, str]) -> Iterator[FontAxis]:
    if not table:
        return
    offset, _, count, size = struct.unpack_from(">4H", table, 4)
    for at in range(min(count, _MOST_AXES)):
        tag, *numbers, _, number = struct.unpack_from(">4s3lHH", table, offset + at * size)
        least, default, most = (value / 65536 for value in numbers)
        # Of a hidden axis, and one that goes nowhere, nobody has to know.
        if tag.isalnum() and least < most:
            yield FontAxis(tag.decode("ascii"), names.get(number) or tag.decode("ascii"), least, default, most)


def _segments(table: bytes) -> Iterator[tuple[int, int]]:
    """Yield the ranges of characters of the subtable that says most: format 12, else 4."""
    if not table:
        return
    (count,) = struct.unpack_from(">H", table, 2)
    found = {}
    for at in range(min(count, 64)):
        platform, encoding, offset = struct.unpack_from(">HHL", table, 4 + 8 * at)
        (form,) = struct.unpack_from(">H", table, offset)
        if platform == 0 or (platform == 3 and encoding in (1, 10)):
            found[form] = offset
    if 12 in found:
        yield from _groups(table, found[12])
    elif 4 in found:
        yield from _deltas(table, found[4])


def _groups(table: bytes, offset: int) -> Iterator[tuple[int, int]]:
    (count,) = struct.unpack_from(">L", table, offset + 12)
    for at in range(min(count, _MOST_SEGMENTS)):
        first, last, _ = struct.unpack_from(">LLL", table, offset + 16 + 12 * at)
        yield first, last


def _deltas(table: bytes, offset: int) -> Iterator[tuple[int, int]]:
    (twice,) = struct.unpack_from(">H", table, offset + 6)
    count = min(twice // 2, _MOST_SEGMENTS)
    lasts = struct.unpack_from(f">{count}H", table, offset + 14)
    firsts = struct.unpack_from(f">{count}H", table, offset + 16 + twice)
    yield from zip(firsts, lasts, strict=True)


def _merged(segments: Iterator[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return ranges in order, without those that are upside down, as many as there is room for."""
    merged: list[tuple[int, int]] = []
    left = _MOST_CHARACTERS
    # U+FFFF is how a subtable of format 4 ends.
    for first, last in sorted(
        (first, min(last, 0x10FFFF)) for first, last in segments if first < 0xFFFF or last > 0xFFFF
    ):
        begin = max(first, merged[-1][1] + 1) if merged else first
        end = min(last, begin + left - 1)
        if begin > end:
            continue
        if merged and begin == merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
        left -= end - begin + 1
    return tuple(merged)
