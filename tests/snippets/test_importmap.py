"""Import maps: names for scripts, integrity by URL, and JSON that HTML can hold."""

from __future__ import annotations

import json
from dataclasses import replace

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.markup.tag import Kind
from cdnserve.snippets.importmap import import_map, importmap
from cdnserve.snippets.subject import Subject
from tests.snippets.subjects import ALL, DEFAULT, SITE, hashes, subject


def at(path: str, kind: Kind = "module") -> Subject:
    """Make a subject of a public path."""
    return replace(subject(kind, f"{SITE}/{path}"), name=path)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param(["demo/1.0.0/greet.mjs"], ["greet"], id="a file name without its ending"),
        pytest.param(["a/one.min.js"], ["one"], id="without .min either"),
        pytest.param(["npm/vue@3.5.0/dist/vue.mjs"], ["vue"], id="a library's only file is the library"),
        pytest.param(["npm/@scope/x@1.0.0/i.mjs"], ["@scope/x"], id="a scoped library"),
        pytest.param(
            ["npm/lit@3.0.0/index.js", "npm/lit@3.0.0/html.js"],
            ["lit/index.js", "lit/html.js"],
            id="several files of a library have their paths",
        ),
        pytest.param(
            ["npm/a@1.0.0/i.js", "npm/a@2.0.0/i.js"],
            ["npm/a@1.0.0/i.js", "npm/a@2.0.0/i.js"],
            id="two versions of one file are written out",
        ),
        pytest.param(["a/x.mjs", "b/x.mjs"], ["a/x.mjs", "b/x.mjs"], id="the same file name twice is written out"),
        pytest.param(["x.mjs", "x.js"], ["x.mjs", "x.js"], id="the same stem twice is written out"),
        pytest.param(["a/.mjs"], ["a/.mjs"], id="a file without a stem is written out"),
        pytest.param(
            ["x/a.mjs", "v/i.js", "z/i.js", "npm/v@1.0.0/i.js", "npm/v@1.0.0/a.js"],
            ["a", "v/i.js", "z/i.js", "npm/v@1.0.0/i.js", "v/a.js"],
            id="a library's path that is another file's whole name gives way",
        ),
    ],
)
def test_specifiers(paths: list[str], expected: list[str]) -> None:
    imports = import_map([at(path) for path in paths], DEFAULT)["imports"]
    assert dict(zip(expected, [f"{SITE}/{path}" for path in paths], strict=True)) == imports


def test_urls_are_named_without_query_and_host() -> None:
    one = subject("module", "https://h.example/lib/one.mjs?v=1")
    assert {"one": "https://h.example/lib/one.mjs?v=1"} == import_map([one], DEFAULT)["imports"]


@given(st.lists(st.text(alphabet="ab@./-1", min_size=1, max_size=8), max_size=6, unique=True))
def test_no_script_is_lost(paths: list[str]) -> None:
    found = import_map([at(path) for path in paths], DEFAULT)
    assert sorted(f"{SITE}/{path}" for path in paths) == sorted(found["imports"].values())
    assert "" not in found["imports"]


def test_the_same_file_twice_is_one_entry() -> None:
    assert import_map([at("a.mjs")], DEFAULT) == import_map([at("a.mjs"), at("a.mjs")], DEFAULT)


@pytest.mark.parametrize(
    ("kind", "named", "checked"),
    [
        pytest.param("module", True, True, id="a module"),
        pytest.param("script", True, True, id="a script that was not recognized as a module"),
        pytest.param("json", False, True, id="JSON is checked when a module imports it"),
        pytest.param("style", False, True, id="a stylesheet is checked when a module imports it"),
        pytest.param("font", False, False, id="a font is never imported"),
        pytest.param("map", False, False, id="a source map is never imported"),
        pytest.param("", False, False, id="an unknown type is never imported"),
    ],
)
def test_what_stands_in_the_map(kind: Kind, named: bool, checked: bool) -> None:
    one = at("a.x", kind)
    found = import_map([one], DEFAULT)
    assert named == (one.url in found["imports"].values())
    assert ({one.url: hashes(one)[0]} if checked else {}) == found["integrity"]


def test_integrity_holds_every_algorithm_asked_for() -> None:
    one = at("a.mjs")
    assert {one.url: " ".join(hashes(one, ALL))} == import_map([one], ALL)["integrity"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://h.example/a.js", "https://h.example/a.js", id="absolute"),
        pytest.param("/a.js", "/a.js", id="from the root"),
        pytest.param("./a.js", "./a.js", id="relative"),
        pytest.param("../a.js", "../a.js", id="a folder up"),
        pytest.param("a.js", "./a.js", id="a bare name would be ignored as a key"),
    ],
)
def test_keys_are_url_like(url: str, expected: str) -> None:
    found = import_map([replace(subject("module"), url=url)], DEFAULT)
    assert [expected] == list(found["integrity"])
    assert [expected] == list(found["imports"].values())


def test_the_text_is_the_map_as_json() -> None:
    subjects = [at("a.mjs"), at("b.css", "style")]
    assert import_map(subjects, DEFAULT) == json.loads(importmap(subjects, DEFAULT))
    assert importmap(subjects, DEFAULT).isascii()


@given(st.text(), st.text(min_size=1))
def test_html_reads_the_json_back(name: str, url: str) -> None:
    """No name or URL ends the script element or opens a comment in it."""
    subjects = [replace(subject("module"), name=name or "x", url=f"/{url}")]
    text = importmap(subjects, DEFAULT)
    page = f'<script type="importmap">{text}</script><p>'
    script, paragraph = html5lib.parseFragment(page, treebuilder="dom", namespaceHTMLElements=False).childNodes
    assert ["script", "p"] == [script.tagName, paragraph.tagName]
    assert import_map(subjects, DEFAULT) == json.loads(script.firstChild.data)


@pytest.mark.parametrize("text", ["</script", "<!--", "<script", "-->", "&lt;", "]]>", "\u2028"])
def test_what_html_would_read_is_escaped(text: str) -> None:
    found = importmap([at(f"{text}.mjs")], DEFAULT)
    assert text not in found
    assert [text.rpartition("/")[2]] == list(json.loads(found)["imports"])
