"""`docs/integrity.md`: every example in it is what the program writes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.snippets.subject import Options, Subject, of_response
from cdnserve.snippets.tags import FORMATS
from tests.snippets.subjects import SITE

DOCUMENT = Path(__file__).parents[3] / "docs" / "integrity.md"
EXAMPLE = re.compile(r"<!-- example: ([a-z-]+) -->\n+```\w*\n(.*?)\n```\n", re.DOTALL)


def demo(name: str, content: bytes) -> Subject:
    """Make the subject of a file of the document's library."""
    path = f"demo/1.0.0/{name}"
    return replace(of_response(f"{SITE}/{path}", content), name=path)


CLASSIC = demo("greet.js", b"greet()\n")
MODULE = demo("greet.mjs", b'import "./names.mjs"\n')
NAMES = demo("names.mjs", b"export const names = []\n")
STYLE = demo("greet.css", b"p { color: teal }\n")
FONT = demo("greet.woff2", b"wOF2")
IMAGE = demo("logo.png", b"\x89PNG")
DATA = demo("names.json", b"[]\n")

DEFAULT, TWO = Options(), Options(("sha256", "sha384"))
EXAMPLES = {
    "script": FORMATS["html"]([CLASSIC], DEFAULT),
    "two-algorithms": FORMATS["html"]([CLASSIC], TWO),
    "html": FORMATS["html"]([MODULE, STYLE, FONT, IMAGE], DEFAULT),
    "fetch": FORMATS["html"]([DATA], DEFAULT),
    "importmap": FORMATS["importmap"]([MODULE, NAMES], DEFAULT),
    "csp": FORMATS["csp"]([CLASSIC, STYLE], DEFAULT),
    "hash": FORMATS["hash"]([CLASSIC, STYLE], DEFAULT),
    "json": FORMATS["json"]([CLASSIC], DEFAULT),
}


def test_every_example_is_in_the_document_once() -> None:
    assert sorted(EXAMPLES) == sorted(name for name, _ in EXAMPLE.findall(DOCUMENT.read_text("utf-8")))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_document_shows_what_the_program_writes(name: str) -> None:
    assert EXAMPLES[name] == dict(EXAMPLE.findall(DOCUMENT.read_text("utf-8")))[name]


def test_every_format_is_described() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert [] == [name for name in FORMATS if f"### `{name}`" not in text]
