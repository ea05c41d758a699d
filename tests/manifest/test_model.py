"""Matching: the first rule that matches decides, and some paths no rule can publish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.manifest.editor import revise
from cdnserve.manifest.model import Library, Revision, Rule, RuleMatcher, is_unlisted
from cdnserve.rules.caching import REVALIDATE
from cdnserve.rules.cors import ANY


def rule(*paths: str, excepts: tuple[str, ...] = ()) -> Rule:
    return Rule(paths, excepts, ANY, REVALIDATE, "sandbox", line=1)


RULES = [
    rule("npm/**", "fonts/*.woff2", excepts=("**/*.map", "npm/private/**")),
    rule("**/*.map"),
    rule("*"),
]

FOUND = [
    pytest.param("npm/a@1.0.0/a.js", 0, id="the first rule"),
    pytest.param("fonts/a.woff2", 0, id="the second glob of a rule"),
    pytest.param("npm/a@1.0.0/a.js.map", 1, id="an exception is left to a later rule"),
    pytest.param("readme.txt", 2, id="the last rule"),
    pytest.param("NPM/a.js", None, id="upper and lower case differ"),
    pytest.param("npm/private/a.js", None, id="an exception that no later rule takes"),
    pytest.param("fonts/sub/a.woff2", None, id="no rule"),
]


@pytest.mark.parametrize(("path", "expected"), FOUND)
def test_the_first_rule_that_matches_decides(path: str, expected: int | None) -> None:
    assert expected == RuleMatcher(RULES).find(path)


def test_without_rules_nothing_is_public() -> None:
    assert RuleMatcher([]).find("a.js") is None


UNLISTED = [
    pytest.param("manifest.toml", id="the manifest"),
    pytest.param("manifest.lock", id="the lock"),
    pytest.param("Manifest.TOML", id="the manifest, where the file system ignores case"),
    pytest.param(".htpasswd", id="a dot-file"),
    pytest.param("npm/.env", id="a dot-file in a folder"),
    pytest.param(".git/config", id="a file in a dot-folder"),
    pytest.param("npm/.git/config", id="a file in a dot-folder in a folder"),
    pytest.param(".well-known/.secret", id="a dot-file in .well-known"),
    pytest.param(".well-known/", id="the folder .well-known"),
    pytest.param(".well-known", id="a file that is named .well-known"),
    pytest.param(".well-known/.well-known/a", id="a second .well-known"),
    pytest.param("npm/.well-known/a", id=".well-known that is not in the root"),
    pytest.param("-/health", id="the server's own"),
    pytest.param("", id="the root"),
    pytest.param("/npm/a.js", id="a leading slash"),
    pytest.param("npm/", id="a folder"),
    pytest.param("npm//a.js", id="an empty segment"),
    pytest.param("npm/../manifest.toml", id="a parent"),
    pytest.param("./a.js", id="a dot segment"),
    pytest.param("npm\\a.js", id="a backslash"),
    pytest.param("a.js\x00", id="NUL"),
    pytest.param("a\n.js", id="a newline"),
    pytest.param("a\x7f.js", id="DEL"),
    pytest.param("a\udcff.js", id="an octet that is not UTF-8"),
]


@pytest.mark.parametrize("path", UNLISTED)
def test_is_never_public_whatever_a_rule_says(path: str) -> None:
    assert is_unlisted(path)
    assert RuleMatcher([rule("**", "-/**", ".git/**", ".*", "manifest.toml")]).find(path) is None


LISTED = [
    pytest.param("a.js", id="a file"),
    pytest.param("a..js", id="dots in a name"),
    pytest.param("a./b", id="a dot at the end of a name"),
    pytest.param("-", id="a file that is named -"),
    pytest.param("a/-/b", id="- below the root"),
    pytest.param("-a/b", id="a folder that begins with -"),
    pytest.param("npm/manifest.toml", id="another manifest.toml"),
    pytest.param("npm/manifest.lock", id="another manifest.lock"),
    pytest.param(".well-known/security.txt", id=".well-known"),
    pytest.param(".well-known/a/b", id="below .well-known"),
    pytest.param("fonts/Größe 1.woff2", id="spaces and Unicode"),
]


@pytest.mark.parametrize("path", LISTED)
def test_may_be_public(path: str) -> None:
    assert not is_unlisted(path)
    assert RuleMatcher([rule("**")]).find(path) == 0


def listed_by_its_definition(path: str) -> bool:
    segments = path.removeprefix(".well-known/").split("/")
    return (
        all(segment and not segment.startswith(".") for segment in segments)
        and not any(character < " " or character in "\\\x7f" for character in path)
        and not path.startswith("-/")
        and path.lower() not in ("manifest.toml", "manifest.lock")
    )


@given(
    st.one_of(
        st.text("a./-\\", max_size=8),
        st.sampled_from([".well-known/", "-/", "manifest.toml"]).flatmap(
            lambda p: st.text("a./", max_size=4).map(p.__add__)
        ),
    )
)
def test_unlisted_agrees_with_its_definition(path: str) -> None:
    assert listed_by_its_definition(path) is not is_unlisted(path)


@pytest.mark.parametrize(
    ("entry", "revision", "expected"),
    [
        pytest.param(None, Revision("x", added=("1",)), ("1",), id="a new entry"),
        pytest.param(("1",), Revision("x", added=("1", "2")), ("1", "2"), id="what is there already is not repeated"),
        pytest.param(("1", "2"), Revision("x", {"1": ""}), ("2",), id="one is dropped"),
        pytest.param(("1",), Revision("x", {"1": ""}), None, id="the last one is dropped"),
        pytest.param(("1", "2"), Revision("x", {"1": "3"}), ("3", "2"), id="one is replaced in its place"),
        pytest.param(("1", "2"), Revision("x", {"1": "2"}), ("2",), id="one becomes the other"),
        pytest.param(("1",), Revision("x", {"7": "8"}), ("1",), id="what a person has removed meanwhile stays removed"),
        pytest.param(None, Revision("x", {"1": "2"}), None, id="an entry that a person has removed stays removed"),
    ],
)
def test_an_entry_is_revised(
    entry: tuple[str, ...] | None, revision: Revision, expected: tuple[str, ...] | None
) -> None:
    revised = revision.revised(Library("x", entry, ("a",)) if entry else None)
    assert expected == (revised.versions if revised else None)
    assert not (revised and entry) or revised.files == ("a",)


def test_only_a_new_entry_takes_its_globs() -> None:
    revision = Revision("x", added=("2",), files=("b",))
    new, old = revision.revised(None), revision.revised(Library("x", ("1",), ("a",)))
    assert (("b",), ("a",)) == (new and new.files, old and old.files)


@pytest.mark.parametrize(
    ("text", "revision", "expected"),
    [
        pytest.param(
            '[libraries]\nx = [\n  "1", # one\n  "2", # two\n]\n',
            Revision("x", {"1": ""}),
            '[libraries]\nx = [\n  "2", # two\n]\n',
            id="a line goes",
        ),
        pytest.param('[libraries]\nx = "1" # one\n', Revision("x", {"1": ""}), "[libraries]\n", id="an entry goes"),
        pytest.param(
            '[libraries."@a/b"]\nversion = "^3" # why\n',
            Revision("@a/b", {"^3": "^4"}),
            '[libraries."@a/b"]\nversion = "^4" # why\n',
            id="in a table of its own",
        ),
        pytest.param("schema = 1\n", Revision("x", {"1": ""}), "schema = 1\n", id="nothing to do"),
    ],
)
def test_a_revision_is_written(text: str, revision: Revision, expected: str) -> None:
    assert expected == revise(text, revision)
