"""Every regular expression takes linear time and means the same in each Python, and the checks of that can fail."""

from __future__ import annotations

import functools
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cdnserve
from cdnserve.cdns.products import PRODUCTS
from cdnserve.rules.globs import compile_glob
from tests import patterns
from tests.patterns import Found, Made, is_never_right, patterns_of, slow

MODULES = ["cdnserve", *(info.name for info in pkgutil.walk_packages(cdnserve.__path__, "cdnserve."))]


def segment(glob: str) -> re.Pattern[str]:
    """Return the regular expression of a glob's only segment."""
    pattern = getattr(compile_glob(glob).head[0], "__self__", None)
    assert isinstance(pattern, re.Pattern)
    return pattern


# What is made while the program runs, with examples.
EXAMPLES: dict[Made, list[re.Pattern[Any]]] = {
    Made(
        "cdnserve.files:remove_drafts",
        "f\"\\\\.(?:{'|'.join(map(re.escape, names))})\\\\.[0-9a-f]{{16}}\\\\.new\"",
    ): [re.compile(r"\.(?:current|manifest\.lock)\.[0-9a-f]{16}\.new")],
    Made("cdnserve.rules.globs:_segment", "_expression(part)"): [
        segment(glob) for glob in ("*a*a*a*b", "*[ab]*[!b-]*c", "a*?*?*?*b", "*a*")
    ],
    Made("cdnserve.markup.parser:charsUntil", "f'[{listed}]*' if opposite else f'[^{listed}]*'"): [
        re.compile("[ab]*"),
        re.compile("[^ab]*"),
    ],
    Made("cdnserve.cdns.products:product", "form"): [
        re.compile(form) for _, forms in PRODUCTS.values() for form, _, _ in forms
    ],
}


@functools.cache
def everything() -> tuple[list[Found], list[Made]]:
    """Return what `patterns_of` finds: not before a test wants it, for all processes of a run collect this module."""
    return patterns_of(cdnserve)


def patterns_in(module: str) -> Iterator[Found]:
    """Yield the patterns of a module, with the examples of those that it makes."""
    for found in everything()[0]:
        if module == found.module:
            yield found
    for made, examples in EXAMPLES.items():
        if module == made.module:
            for pattern in examples:
                yield Found(f"{made.where} {pattern.pattern!r}", pattern, frozenset({"match"}))


def test_every_pattern_is_found() -> None:
    """A pattern that is made while the program runs needs examples above."""
    found, made = everything()
    assert set(EXAMPLES) == set(made)
    assert {one.module for one in found} <= set(MODULES)
    assert {"fullmatch"} == next(one.methods for one in found if one.where == "cdnserve.rules.semver._SET")


@pytest.mark.parametrize("module", MODULES)
def test_no_pattern_takes_more_than_linear_time(module: str) -> None:
    """Four times the text, made from the pattern's own repeats, takes about four times as long."""
    assert [] == [told for found in patterns_in(module) if (told := slow(found))]


@pytest.mark.parametrize("module", MODULES)
def test_no_pattern_has_a_possessive_repeat_or_an_atomic_group(module: str) -> None:
    """CPython got them wrong until August 2023 (gh-106052, gh-100061): Debian 12 has such a version."""
    assert [] == [found.where for found in patterns_in(module) if is_never_right(found.pattern)]


@pytest.mark.parametrize(
    ("pattern", "way"),
    [
        pytest.param(r"(a+)+b", "match", id="a repeat in a repeat"),
        pytest.param(r"(a|aa)*c", "match", id="alternatives that match the same"),
        pytest.param(r" +(?:x +)? *y", "match", id="two runs of blanks side by side"),
        pytest.param(r" *(?:[<>]=?)? *v? *(?:1 *)?", "fullmatch", id="a range with blanks around what may be missing"),
        pytest.param(r"[a-f]*[0-9a]*x", "match", id="two sets that share a letter"),
        pytest.param(r"(?:x|\s+,?)*;", "match", id="what may be nothing between two repeats"),
        pytest.param(r"key:\s*(\S.*)?\s*\Z", "match", id="behind a text that must lead to it"),
        pytest.param(r"a+b", "search", id="a search that begins again at each letter"),
        pytest.param(r"<!--.*?-->", "sub", id="a search for an end that is missing"),
        pytest.param(rb" *\d* *\n", "fullmatch", id="octets"),
    ],
)
def test_a_slow_pattern_is_told(pattern: str | bytes, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PATIENCE", 0.5)  # no linear one takes that long for texts of these sizes
    assert not slow(Found("here", re.compile("a+b"), frozenset({"match"})))
    assert slow(Found("here", re.compile(pattern), frozenset({"finditer" if way == "sub" else way})))


WRITTEN = [
    pytest.param(
        "_OWN = re.compile('a+b')\ndef f(text):\n    return _OWN.sub('', text)", "_OWN", "finditer", id="held"
    ),
    pytest.param("_OWN = re.compile('a+b')\ndef f(text):\n    return _OWN.match(text)", "_OWN", "match", id="matched"),
    pytest.param("_ALL = {1: [re.compile('a+b')]}", "_ALL", "finditer search", id="in a table"),
    pytest.param("class Inner:\n    own = re.compile('a+b')", "Inner", "finditer search", id="in a class"),
    pytest.param("def f(text):\n    return re.split('a+b', text)", ":f", "finditer", id="in a call"),
    pytest.param(
        "_OWN = re.compile('a+b')\ndef f(text):\n    return g(_OWN)\ndef g(pattern):\n    return pattern.fullmatch('')",
        "_OWN",
        "fullmatch",
        id="handed on",
    ),
]


@pytest.mark.parametrize(("source", "name", "ways"), WRITTEN)
def test_a_pattern_is_found_however_it_is_written(
    tmp_path: Path, source: str, name: str, ways: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it is used for: a search is dear where a match is not."""
    found, made = patterns_of(written(tmp_path, {"m": f"import re\n{source}\n"}, monkeypatch))
    assert [] == made
    assert [(f"slowly.m{'' if ':' in name else '.'}{name}", "a+b", set(ways.split()))] == [
        (one.where, one.pattern.pattern, set(one.methods)) for one in found
    ]


@pytest.mark.parametrize("pattern", [r"a*+b", r"(?:a|b)++", r"x(?:y?+)", r"(?>a*)b", r"(?:(?>a)|b)"])
def test_a_possessive_repeat_is_told(pattern: str) -> None:
    assert is_never_right(re.compile(pattern))


def test_a_pattern_that_is_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing says what it may look like."""
    package = written(tmp_path, {"m": "import re\ndef f(a, text):\n    return re.match(a + 'x', text)\n"}, monkeypatch)
    assert ([], [Made("slowly.m:f", "a + 'x'")]) == patterns_of(package)


def written(folder: Path, sources: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Write and import a package with these modules."""
    (folder / "slowly").mkdir()
    (folder / "slowly/__init__.py").touch()
    for name, source in sources.items():
        (folder / f"slowly/{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "slowly"]:
        monkeypatch.delitem(sys.modules, name)
    __import__("slowly")
    return sys.modules["slowly"]
