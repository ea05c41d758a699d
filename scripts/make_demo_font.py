"""The demo library's font: a pixel alphabet, drawn below and written as WOFF2 with fontTools.

Never depends on the day or the machine: the same drawing gives the same bytes, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

TARGET = Path(__file__).parent.parent / "public/demo/1.0.0/cdnserve-demo.woff2"
PIXEL, ROWS, BELOW = 100, 9, 2  # font units a pixel; rows of a drawing; those below the baseline
WIDTH, ASCENT, DESCENT = 6 * PIXEL, (ROWS - BELOW) * PIXEL, BELOW * PIXEL
PIXELS_PER_EM = 10
BORN = 2_082_844_800  # 1970-01-01, in the head table's seconds since 1904

Point = tuple[int, int]

ALPHABET = """
a     b     c     d     e     f     g     h     i
..... #.... ..... ....# ..... ...## ..... #.... ..#..
..... #.... ..... ....# ..... ..#.. ..... #.... .....
.###. ####. .###. .#### .###. .###. .#### ####. .##..
....# #...# #.... #...# #...# ..#.. #...# #...# ..#..
.#### #...# #.... #...# ##### ..#.. #...# #...# ..#..
#...# #...# #.... #...# #.... ..#.. #...# #...# ..#..
.#### ####. .#### .#### .#### ..#.. .#### #...# .###.
..... ..... ..... ..... ..... ..... ....# ..... .....
..... ..... ..... ..... ..... ..... .###. ..... .....

j     k     l     m     n     o     p     q     r
...#. #.... .##.. ..... ..... ..... ..... ..... .....
..... #.... ..#.. ..... ..... ..... ..... ..... .....
..##. #..#. ..#.. ####. ####. .###. ####. .#### #.##.
...#. #.#.. ..#.. #.#.# #...# #...# #...# #...# ##..#
...#. ##... ..#.. #.#.# #...# #...# #...# #...# #....
...#. #.#.. ..#.. #.#.# #...# #...# #...# #...# #....
...#. #..#. .###. #.#.# #...# .###. ####. .#### #....
...#. ..... ..... ..... ..... ..... #.... ....# .....
.##.. ..... ..... ..... ..... ..... #.... ....# .....

s     t     u     v     w     x     y     z     .
..... ..#.. ..... ..... ..... ..... ..... ..... .....
..... ..#.. ..... ..... ..... ..... ..... ..... .....
.#### .###. #...# #...# #...# #...# #...# ##### .....
#.... ..#.. #...# #...# #.#.# .#.#. #...# ...#. .....
.###. ..#.. #...# #...# #.#.# ..#.. #...# ..#.. .....
....# ..#.. #...# .#.#. #.#.# .#.#. #...# .#... .##..
####. ...## .#### ..#.. .#.#. #...# .#### ##### .##..
..... ..... ..... ..... ..... ..... ....# ..... .....
..... ..... ..... ..... ..... ..... .###. ..... .....
"""


def drawings() -> dict[str, frozenset[Point]]:
    """Read the alphabet: each letter's filled pixels, as (column, row) counted from the left and the baseline."""
    letters = {}
    for band in ALPHABET.strip().split("\n\n"):
        names, *rows = (line.split() for line in band.splitlines())
        for name, drawing in zip(names, zip(*rows, strict=True), strict=True):
            letters[name] = frozenset(filled(drawing))
    return letters


def filled(drawing: Sequence[str]) -> Iterator[Point]:
    """Yield the pixels with ink."""
    for height, row in zip(range(ROWS - BELOW - 1, -BELOW - 1, -1), drawing, strict=True):
        yield from ((column, height) for column, ink in enumerate(row) if ink == "#")


def edges(pixels: frozenset[Point]) -> set[tuple[Point, Point]]:
    """Return the sides of pixels that border on empty ones, each with the ink on its right."""
    sides = set()
    for x, y in pixels:
        for (dx, dy), start, end in (
            ((-1, 0), (x, y), (x, y + 1)),
            ((0, 1), (x, y + 1), (x + 1, y + 1)),
            ((1, 0), (x + 1, y + 1), (x + 1, y)),
            ((0, -1), (x + 1, y), (x, y)),
        ):
            if (x + dx, y + dy) not in pixels:
                sides.add((start, end))
    return sides


def contours(pixels: frozenset[Point]) -> Iterator[list[Point]]:
    """Yield the closed outlines around the ink; pixels that touch at a corner only stay apart."""
    left = edges(pixels)
    while left:
        start, here = min(left)
        left.remove((start, here))
        outline, came = [start], (here[0] - start[0], here[1] - start[1])
        while here != outline[0]:
            x, y = here
            right, ahead, back = (came[1], -came[0]), came, (-came[1], came[0])
            turn = next(step for step in (right, ahead, back) if (here, (x + step[0], y + step[1])) in left)
            if turn != ahead:
                outline.append(here)
            came, following = turn, (x + turn[0], y + turn[1])
            left.remove((here, following))
            here = following
        yield outline


def glyph(pixels: frozenset[Point]) -> object:
    """Draw one letter as a TrueType glyph."""
    pen = TTGlyphPen(None)
    for first, *rest in contours(pixels):
        pen.moveTo((first[0] * PIXEL, first[1] * PIXEL))
        for x, y in rest:
            pen.lineTo((x * PIXEL, y * PIXEL))
        pen.closePath()
    return pen.glyph()


def font() -> bytes:
    """Build the font and give its WOFF2 bytes."""
    box = frozenset((x, y) for x in range(5) for y in range(7) if x in (0, 4) or y in (0, 6))
    letters = drawings()
    named = {character: "period" if character == "." else character for character in letters}
    outlines = {".notdef": box, "space": frozenset[Point](), **{named[key]: ink for key, ink in letters.items()}}

    builder = FontBuilder(PIXELS_PER_EM * PIXEL, isTTF=True)
    builder.setupGlyphOrder(list(outlines))
    builder.setupCharacterMap({ord(" "): "space", **{ord(key): name for key, name in named.items()}})
    builder.setupGlyf({name: glyph(pixels) for name, pixels in outlines.items()})
    builder.setupHorizontalMetrics({name: (WIDTH, left_side(pixels)) for name, pixels in outlines.items()})
    builder.setupHorizontalHeader(ascent=ASCENT, descent=-DESCENT)
    builder.setupOS2(
        sTypoAscender=ASCENT, sTypoDescender=-DESCENT, usWinAscent=ASCENT, usWinDescent=DESCENT, sxHeight=5 * PIXEL
    )
    builder.setupNameTable(
        {
            "familyName": "cdnserve demo",
            "styleName": "Regular",
            "uniqueFontIdentifier": "cdnserve demo 1.0.0",
            "fullName": "cdnserve demo",
            "psName": "cdnserve-demo",
            "version": "Version 1.000",
            "licenseDescription": "MIT",
        }
    )
    builder.setupPost(isFixedPitch=1)
    builder.updateHead(created=BORN, modified=BORN)
    builder.font.recalcTimestamp = False
    builder.font.flavor = "woff2"
    file = BytesIO()
    builder.save(file)
    return file.getvalue()


def left_side(pixels: frozenset[Point]) -> int:
    """Return the space to the left of the ink, in font units."""
    return min((x for x, _ in pixels), default=0) * PIXEL


if __name__ == "__main__":
    TARGET.write_bytes(font())
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")
