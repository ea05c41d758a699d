"""Fonts: what they say of themselves, as fontTools reads it; and octets that are none."""

from __future__ import annotations

import io
import struct
from functools import cache

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.web.font import FontAxis, read_font

CHARACTERS = [*range(0x41, 0x5B), 0xE000, 0x1F600, 0x10FFFD]


@cache
def font(flavor: str | None = None, characters: tuple[int, ...] = tuple(CHARACTERS)) -> bytes:
    """Make a variable font with some characters."""
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", *(f"u{code:X}" for code in characters)]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(characters, names[1:], strict=True)))
    builder.setupGlyf({})
    builder.font["glyf"].glyphs = {name: _empty() for name in names}
    builder.setupHorizontalMetrics(dict.fromkeys(names, (500, 0)))
    builder.setupHorizontalHeader()
    builder.setupNameTable({"familyName": "Größe", "styleName": "Thin"})
    builder.setupFvar([("wght", 100, 400.5, 900, "Weight"), ("GRAD", -50, 0, 100, "Grade")], [])
    builder.setupOS2()
    builder.setupPost(keepGlyphNames=False)
    builder.font.flavor = flavor
    written = io.BytesIO()
    builder.save(written)
    return written.getvalue()


def _empty() -> object:
    from fontTools.ttLib.tables._g_l_y_f import Glyph  # noqa: PLC0415 - of the font that is made here

    return Glyph()


@pytest.mark.parametrize("flavor", [None, "woff", "woff2"])
def test_a_font_says_what_it_is(flavor: str | None) -> None:
    facts = read_font(font(flavor))
    assert facts is not None
    assert ("Größe", "Thin") == (facts.family, facts.style)
    assert (FontAxis("wght", "Weight", 100, 400.5, 900), FontAxis("GRAD", "Grade", -50, 0, 100)) == facts.axes
    assert ((0x41, 0x5A), (0xE000, 0xE000), (0x1F600, 0x1F600), (0x10FFFD, 0x10FFFD)) == facts.ranges
    assert sorted(TTFont(io.BytesIO(font(flavor))).getBestCmap()) == CHARACTERS
    assert len(CHARACTERS) == facts.characters


def test_a_small_font_has_the_old_kind_of_table() -> None:
    facts = read_font(font(None, (0x61, 0x62, 0x64)))
    assert facts is not None
    assert ((0x61, 0x62), (0x64, 0x64)) == facts.ranges


@pytest.mark.parametrize(
    "octets", [b"", b"wOF2", b"wOFF" + b"\xff" * 60, b"<svg/>", b"\0\1\0\0", b"wOF2" + b"\xff" * 400]
)
def test_what_is_no_font_has_no_facts(octets: bytes) -> None:
    assert read_font(octets) is None or read_font(octets).characters == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("flavor", [None, "woff", "woff2"])
@given(place=st.integers(0, 400), octets=st.binary(min_size=1, max_size=8), end=st.integers(0, 2000))
def test_a_damaged_font_harms_nothing(flavor: str | None, place: int, octets: bytes, end: int) -> None:
    whole = font(flavor)
    damaged = (whole[:place] + octets + whole[place + len(octets) :])[:end]
    facts = read_font(damaged)
    assert facts is None or facts.characters <= 1 << 16


def test_a_claim_of_all_of_unicode_many_times_is_cut() -> None:
    groups = struct.pack(">LLL", 0, 0x7FFFFFFF, 0) * 3000
    cmap = struct.pack(">HHHHL", 0, 1, 3, 10, 12) + struct.pack(">HHLLL", 12, 0, 16 + len(groups), 0, 3000) + groups
    octets = struct.pack(">4sHHHH", b"\0\1\0\0", 1, 0, 0, 0) + struct.pack(">4sLLL", b"cmap", 0, 28, len(cmap)) + cmap
    facts = read_font(octets)
    assert facts is not None
    assert 1 << 16 == facts.characters
