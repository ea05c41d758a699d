"""Kinds: what a page would use a file as."""

from __future__ import annotations

import pytest

from cdnserve.markup.tag import Kind, kind_of
from cdnserve.rules.media_types import media_type


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.js", "script"),
        ("a.cjs", "script"),
        ("a.mjs", "module"),
        ("a.css", "style"),
        ("a.woff2", "font"),
        ("a.woff", "font"),
        ("a.ttf", "font"),
        ("a.eot", "font"),
        ("a.png", "image"),
        ("a.svg", "image"),
        ("a.mp3", "audio"),
        ("a.webm", "video"),
        ("a.vtt", "track"),
        ("a.json", "json"),
        ("a.webmanifest", "json"),
        ("a.js.map", "map"),
        ("a.wasm", ""),
        ("a.html", ""),
        ("README.md", ""),
        ("no-ending", ""),
    ],
)
def test_kind_of_a_published_path(path: str, expected: Kind) -> None:
    assert expected == kind_of(path, media_type(path))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("application/javascript", "script", id="the old name of JavaScript"),
        pytest.param("TEXT/JavaScript ; charset=utf-8", "script", id="case and parameters do not matter"),
        pytest.param("application/x-font-woff", "font", id="an old name of a font"),
        pytest.param("application/ld+json", "json", id="a +json suffix"),
        pytest.param("text/html", "", id="a page is no subresource"),
        pytest.param("", "", id="an empty media type"),
    ],
)
def test_kind_of_a_response_follows_its_media_type(given: str, expected: Kind) -> None:
    assert expected == kind_of("https://h.example/download", given)


@pytest.mark.parametrize(
    ("path", "source", "module", "expected"),
    [
        pytest.param("a.js", "export {}", None, "module", id="the source shows it"),
        pytest.param("a.js", "export {}", False, "script", id="the caller overrules the source"),
        pytest.param("a.js", "greet()", True, "module", id="the caller overrules a plain source"),
        pytest.param("a.mjs", "greet()", None, "module", id="the name is enough"),
        pytest.param("a.mjs", "greet()", False, "script", id="the caller overrules the name"),
    ],
)
def test_what_makes_a_module(path: str, source: str, module: bool | None, expected: Kind) -> None:
    assert expected == kind_of(path, "text/javascript", source, module=module)


def test_only_javascript_can_be_a_module() -> None:
    assert "style" == kind_of("a.css", "text/css", "export {}", module=True)
