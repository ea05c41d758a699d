"""Globs: what they match, that a hostile path costs no more than its length, and which ones are refused."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdnserve.rules.globs import LONGEST, Glob, Segment, as_glob, compile_glob, glob_problems, matches

MATCHES = [
    pytest.param("**", "a.js", True, id="everything is everything in the root"),
    pytest.param("**", "a/b/c.js", True, id="everything is everything below"),
    pytest.param("npm/**", "npm/a/b.js", True, id="a folder is all below it"),
    pytest.param("npm/**", "npm", False, id="a folder is not a file of its name"),
    pytest.param("npm/**", "npmx/a.js", False, id="a folder is not another that begins alike"),
    pytest.param("npm/**", "x/npm/a.js", False, id="a glob begins at the root"),
    pytest.param("*.js", "a.js", True, id="a star is part of a name"),
    pytest.param("*.js", ".js", True, id="a star may be nothing"),
    pytest.param("*.js", "a/b.js", False, id="a star does not cross a slash"),
    pytest.param("*/*", "a", False, id="a star alone is a whole segment"),
    pytest.param("**/*.js", "b.js", True, id="leading ** may be nothing"),
    pytest.param("**/*.js", "a/a/b.js", True, id="leading ** may be several"),
    pytest.param("a/**/b", "a/b", True, id="** between may be nothing"),
    pytest.param("a/**/b", "a/x/y/b", True, id="** between may be several"),
    pytest.param("a/**/b", "a/x/bb", False, id="** is whole segments only"),
    pytest.param("a/**/a", "a", False, id="one segment is not two"),
    pytest.param("**/a/**/a/**/b", "a/x/a/b", True, id="several ** in order"),
    pytest.param("**/a/**/a/**/b", "a/x/b", False, id="several ** need all their runs"),
    pytest.param("**/a/b/**/b/c", "a/b/c", False, id="runs do not overlap"),
    pytest.param("**/**/a", "a", True, id="** twice is ** once"),
    pytest.param("?.js", "a.js", True, id="a question mark is one character"),
    pytest.param("?.js", "ab.js", False, id="a question mark is not two"),
    pytest.param("a?b", "a/b", False, id="a question mark is no slash"),
    pytest.param("v[0-9].js", "v7.js", True, id="brackets hold a range"),
    pytest.param("v[!0-9].js", "v7.js", False, id="an exclamation mark negates"),
    pytest.param("v[!0-9].js", "vx.js", True, id="what is not in the range"),
    pytest.param("[]]", "]", True, id="a bracket may hold a bracket"),
    pytest.param("A.js", "a.js", False, id="upper and lower case differ"),
    pytest.param("a.js", "a.js\n", False, id="a newline is no end"),
    pytest.param("*.js", "a\n.js", True, id="a newline is a character"),
    pytest.param("a+b(1).js", "a+b(1).js", True, id="only four characters are special"),
    pytest.param("fonts/*.woff2", "fonts/Größe.woff2", True, id="names are Unicode"),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), MATCHES)
def test_matches(pattern: str, path: str, expected: bool) -> None:
    assert expected == matches(pattern, path)


def naive(pattern: list[str], path: list[str]) -> bool:
    """Match by trying everything, as the words of the definition say."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        least = 1 if len(pattern) == 1 else 0
        return any(naive(pattern[1:], path[skip:]) for skip in range(least, len(path) + 1))
    return bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and naive(pattern[1:], path[1:])


names = st.text("ab*?", min_size=1, max_size=3).filter(lambda name: "**" not in name)
patterns = st.lists(st.one_of(st.just("**"), names), min_size=1, max_size=6)
paths = st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=7)


@given(patterns, paths)
@example(["**", "a", "**", "a", "b"], ["a", "a", "a", "b"])
@example(["a", "**"], ["a"])
def test_agrees_with_a_naive_matcher(pattern: list[str], path: list[str]) -> None:
    assert naive(pattern, path) == matches("/".join(pattern), "/".join(path))


@given(st.text("ab/*?[]!-^", max_size=12), paths)
def test_a_glob_that_is_accepted_matches_without_a_warning(pattern: str, path: list[str]) -> None:
    """Python warns of sets that it reads differently one day; warnings are errors here."""
    if not any(glob_problems(pattern)):
        assert naive(pattern.split("/"), path) == matches(pattern, "/".join(path))


def counted(glob: Glob, calls: list[str]) -> Glob:
    """Return a glob that notes each segment that it compares."""

    def noting(segment: Segment) -> Segment:
        def compare(text: str) -> object:
            calls.append(text)
            return segment(text)

        return compare

    runs = [tuple(map(noting, run)) for run in (glob.head, *glob.middle, glob.tail or ())]
    return Glob(glob.prefix, glob.is_folder, runs[0], tuple(runs[1:-1]), runs[-1] if glob.tail is not None else None)


@pytest.mark.parametrize(
    "pattern",
    [
        "**/a/**/a/**/a/**/a/**/c",
        "**/*/**/*/**/*/**/c",
        "**/a/a/a/a/b/**",
        "**/*a*/**/*a*/**/b/**/c",
        "a/**/a/**/a/b/c",
        "*/*/*/*",
    ],
)
@pytest.mark.parametrize("path", ["a/" * 2_000 + "b", "a/" * 2_000 + "c", "b/" * 2_000 + "c"])
def test_compares_each_segment_at_most_once_for_each_of_the_globs(pattern: str, path: str) -> None:
    """The bound is the product of both numbers of segments, however many `**` there are."""
    calls: list[str] = []
    glob = compile_glob(pattern)
    assert glob.matches(path) == counted(glob, calls).matches(path)
    assert len(calls) <= len(path.split("/")) * len(pattern.split("/"))


def test_a_folder_needs_no_split() -> None:
    """The commonest glob of all looks at the beginning of a path alone."""
    calls: list[str] = []
    assert counted(compile_glob("npm/**"), calls).matches("npm/" + "a/" * 2_000 + "b")
    assert calls == []


REFUSED = [
    pytest.param("", "for every file, write **", id="empty"),
    pytest.param("/npm/**", "write npm/**", id="leading slash"),
    pytest.param("/", "write **", id="only a slash"),
    pytest.param("npm/", "to publish all that is in the folder, write npm/**", id="trailing slash"),
    pytest.param("npm//x", "a glob is a path, not a URL", id="empty segment"),
    pytest.param("https://cdn.example/x", "a glob is a path, not a URL", id="a URL"),
    pytest.param("../x", "write the path from the root", id="parent"),
    pytest.param("a/./b", "write the path from the root", id="dot segment"),
    pytest.param("a\\b", "separate folders with /", id="backslash"),
    pytest.param("a/{b,c}", 'write a list: ["a/**", "b/**"]', id="braces"),
    pytest.param("a}", 'write a list: ["a/**", "b/**"]', id="closing brace"),
    pytest.param("a**", "write **/*.js, or * for one segment", id="** after a letter"),
    pytest.param("**.js", "write **/*.js, or * for one segment", id="** before a letter"),
    pytest.param("***", "write **/*.js, or * for one segment", id="three stars"),
    pytest.param("a[b", "for the character itself, write [[]", id="open bracket"),
    pytest.param("a[b/c]", "for the character itself, write [[]", id="bracket across a slash"),
    pytest.param("a[]", "for the character itself, write [[]", id="empty bracket"),
    pytest.param("a[!]", "for the character itself, write [[]", id="empty negated bracket"),
    pytest.param("a[^b]", "write [!b]", id="caret"),
    pytest.param("a[z-a]", "write the smaller one first", id="backward range"),
    pytest.param("!npm/**", 'write except = ["npm/**"]', id="negation"),
    pytest.param(" npm/**", "write npm/**", id="leading space"),
    pytest.param("npm/** ", "write npm/**", id="trailing space"),
    pytest.param("a\tb", "", id="control character"),
    pytest.param("a\ud800b", "", id="lone surrogate"),
    pytest.param("a" * (LONGEST + 1), "", id="too long"),
]


@pytest.mark.parametrize(("pattern", "hint"), REFUSED)
def test_refuses_what_would_match_nothing_or_something_else(pattern: str, hint: str) -> None:
    assert [("glob-invalid", hint)] == [(problem.reference, problem.hint) for problem in glob_problems(pattern)]


@pytest.mark.parametrize("pattern", [row.values[0] for row in MATCHES] + ["[!]]", "[a-]", "[[]", "a" * LONGEST])
def test_accepts_what_matches(pattern: str) -> None:
    assert not any(glob_problems(pattern))


def test_tells_each_bad_segment_once() -> None:
    problems: Iterator[str] = (problem.message for problem in glob_problems("../a**/../[b"))
    assert [
        "a glob can't have a segment ..",
        "** stands only for whole segments",
        "a bracket is not closed",
    ] == list(problems)


@pytest.mark.parametrize("path", ["a.js", "x/[id].js", "a*b?.js", "a{b}.js", "!a.js", " a.js ", "a**/b.js"])
def test_a_path_is_written_as_a_glob(path: str) -> None:
    glob = as_glob(path)
    assert [] == list(glob_problems(glob))
    assert matches(glob, path)
    assert not matches(glob, f"other/{path}")
