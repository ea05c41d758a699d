"""The demo library in public/: made as its scripts say, whole, and published as its manifest says."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import brotli
import pytest
import zstandard
from fontTools.ttLib import TTFont

from cdnserve.manifest.model import RuleMatcher
from cdnserve.manifest.reader import read_manifest
from scripts import make_demo_font, make_demo_script

PUBLIC = Path(__file__).parent.parent / "public"
DEMO = PUBLIC / "demo/1.0.0"
TEXTS = sorted(
    file.relative_to(PUBLIC).as_posix()
    for folder in ("demo", "partners")
    for file in (PUBLIC / folder).rglob("*")
    if file.is_file() and file.suffix != ".woff2"
)
REFERENCES = {
    ".css": r'url\("([^"]+)"\)',
    ".js": r'(?:\bfrom "|\bimport\("|//# sourceMappingURL=)([^"\s]+)',
}


def text(name: str) -> str:
    """Read a file of the demo library."""
    return (DEMO / name).read_text(encoding="utf-8")


def test_the_font_is_what_its_script_draws() -> None:
    """Drawn again, on any day, it is the same to the byte."""
    assert (DEMO / "cdnserve-demo.woff2").read_bytes() == make_demo_font.font()


def test_the_font_has_the_characters_that_the_stylesheet_promises() -> None:
    """`unicode-range` names what the font draws, no more and no less."""
    ranges = re.search(r"unicode-range: ([^;]+);", text("demo.css"))
    assert ranges
    promised: set[int] = set()
    for item in ranges[1].replace("U+", "").split(", "):
        first, _, last = item.partition("-")
        promised |= set(range(int(first, 16), int(last or first, 16) + 1))
    font = TTFont(BytesIO((DEMO / "cdnserve-demo.woff2").read_bytes()))
    assert "woff2" == font.flavor
    assert promised == set(font.getBestCmap())


def test_the_minified_script_and_its_map_are_what_their_script_makes() -> None:
    """Made again from greet.js they are the same."""
    for name, expected in make_demo_script.make(text("greet.js")).items():
        assert expected == text(name)


def decoded(mappings: str) -> list[tuple[int, int, int, int]]:
    """Decode a source map's mappings: rows of line and column in the script, line and column in its source."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    rows = []
    source, source_line, source_column = 0, 0, 0
    for line, segments in enumerate(mappings.split(";")):
        column = 0
        for segment in filter(None, segments.split(",")):
            fields: list[int] = []
            value = shift = 0
            for digit in map(digits.index, segment):
                value |= (digit & 31) << shift
                shift += 5
                if digit < 32:
                    fields.append(-(value >> 1) if value & 1 else value >> 1)
                    value = shift = 0
            assert 4 == len(fields)
            column, source = column + fields[0], source + fields[1]
            source_line, source_column = source_line + fields[2], source_column + fields[3]
            assert 0 == source
            rows.append((line, column, source_line, source_column))
    return rows


def test_the_source_map_leads_back_to_the_source() -> None:
    """Decoded as ECMA-426 says, every mapped piece of the script stands at the named place of its source."""
    document = json.loads(text("greet.min.js.map"))
    assert 3 == document["version"]
    assert ["greet.js"] == document["sources"]
    script, source = text("greet.min.js").splitlines(), text("greet.js").splitlines()
    rows = decoded(document["mappings"])
    assert len(rows) > 100
    for (line, column, source_line, source_column), (following_line, end, *_) in pairwise([*rows, (1, None, 0, 0)]):
        assert 1 == line == following_line
        piece = script[line][column:end].rstrip()
        assert piece
        assert source[source_line].startswith(piece, source_column)


def references(name: str) -> list[str]:
    """Find what a script or stylesheet loads, leaving out what its comments say."""
    code = re.sub(r"/\*.*?\*/", "", text(name), flags=re.DOTALL)
    return re.findall(REFERENCES[Path(name).suffix], code)


def test_what_a_file_refers_to_is_there() -> None:
    """A module imports, a stylesheet has a font, a script a source map: relative names of files in the same folder."""
    names = sorted(file.name for file in DEMO.iterdir() if file.suffix in REFERENCES)
    assert {
        "demo.css": ["cdnserve-demo.woff2"],
        "greet.js": [],
        "greet.min.js": ["greet.min.js.map"],
        "module.js": ["./sibling.js"],
        "sibling.js": [],
    } == {name: references(name) for name in names}
    for name in names:
        assert all((DEMO / reference).is_file() for reference in references(name))


@pytest.mark.parametrize("path", TEXTS)
def test_a_content_coding_is_worth_it(path: str) -> None:
    """Every text is large enough that each content coding saves the 5 % that a release asks for."""
    content = (PUBLIC / path).read_bytes()
    codings = (brotli.compress(content), gzip.compress(content), zstandard.compress(content))
    assert max(map(len, codings)) <= 0.95 * len(content)


def test_the_manifest_publishes_the_demo_and_nothing_else() -> None:
    """One rule for every origin, one with an allow-list, and a file that stays unlisted."""
    manifest = read_manifest(PUBLIC / "manifest.toml")
    matcher = RuleMatcher(manifest.rules)
    assert ["any", "partners"] == [rule.cors.name for rule in manifest.rules]
    assert ["immutable", "revalidate"] == [rule.cache.name for rule in manifest.rules]
    assert {"demo": 0, "partners": 1} == {path.split("/")[0]: matcher.find(path) for path in TEXTS}
    assert 0 == matcher.find("demo/1.0.0/cdnserve-demo.woff2")
    assert (PUBLIC / "drafts/notes.txt").is_file()
    assert matcher.find("drafts/notes.txt") is None


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_minified_script_greets_like_its_source(tmp_path: Path) -> None:
    """Run side by side, both say the same at every hour, and refuse the same hours."""
    program = """
        const say = (file) => {
          delete globalThis.greet;
          require(file);
          const at = (hour) => { try { return greet("Ada", hour); } catch (error) { return String(error); } };
          return [greet.version, ...[-1, 0, 4, 5, 11, 12, 17, 18, 22, 23, 24, NaN].map(at)];
        };
        console.log(JSON.stringify(process.argv.slice(1).map(say)));
    """
    files = [str(DEMO / name) for name in ("greet.js", "greet.min.js")]
    run = subprocess.run(["node", "-e", program, *files], cwd=tmp_path, check=True, capture_output=True, text=True)
    source, script = json.loads(run.stdout)
    assert source == script
    assert "1.0.0" == source[0]
    assert source[1].startswith("RangeError")
    assert "Good night, Ada!" == source[2]
    assert "Good evening, Ada!" == source[8]
