"""Suggestions: what a 404 points to is near, public, and found without a look at all paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.origin.suggest import suggest

PATHS = sorted([
    "demo/greet.js",
    "demo/greet.min.js",
    "demo/sub/other.css",
    "npm/@scope/pkg@1.0.0/index.js",
    "npm/@scope/pkg@2.0.0/index.js",
    "npm/jquery@3.6.0/dist/jquery.js",
    "npm/jquery@3.6.0/dist/jquery.slim.js",
    "npm/jquery@3.7.1/dist/jquery.js",
    "npm/jquery@3.7.1-beta.1/dist/jquery.js",
    "npm/lib@1.0.0/a.js",
    "top.js",
])  # fmt: skip


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("demo/greet.min.jss", "Did you mean /demo/greet.min.js?", id="a letter too many"),
        pytest.param("demo/gret.js", "Did you mean /demo/greet.js?", id="a letter too few"),
        pytest.param("topp.js", "Did you mean /top.js?", id="in the root"),
        pytest.param(
            "npm/jquery@3.6.0/dist/jquery.slimm.js",
            "Did you mean /npm/jquery@3.6.0/dist/jquery.slim.js?",
            id="in a version",
        ),
        pytest.param(
            "npm/jquery@9.9.9/dist/jquery.js",
            "Hosted versions of jquery: 3.7.1, 3.7.1-beta.1, 3.6.0.",
            id="a version that isn't hosted",
        ),
        pytest.param(
            "npm/@scope/pkg@3/index.js", "Hosted versions of @scope/pkg: 2.0.0, 1.0.0.", id="a version of a scope"
        ),
        pytest.param("npm/jquery@/x.js", "Hosted versions of jquery: 3.7.1, 3.7.1-beta.1, 3.6.0.", id="no version"),
        pytest.param(
            "npm/jquery@3.6.0/jquery.slim.js",
            "Did you mean /npm/jquery@3.6.0/dist/jquery.slim.js?",
            id="in another folder of the version",
        ),
        pytest.param(
            "npm/jquery@3.7.1/zzz.js",
            "The nearest public file is /npm/jquery@3.7.1/dist/jquery.js.",
            id="the version is hosted, but nothing is like it",
        ),
        pytest.param(
            "npm/jquery@3.6.0/dist/zzz.css",
            "The nearest public file is /npm/jquery@3.6.0/dist/jquery.js.",
            id="nor of its kind",
        ),
        pytest.param(
            "npm/lib@1.0.0",
            "It is a folder of 1 public file, such as /npm/lib@1.0.0/a.js.",
            id="the folder of a version",
        ),
        pytest.param("npm", "It is a folder of 7 public files, such as /npm/@scope/pkg@1.0.0/index.js.", id="a folder"),
        pytest.param("npm/unknown@1/x.js", "", id="a library that isn't hosted"),
        pytest.param("npm/jquer@3/x.js", "", id="the beginning of a library's name"),
        pytest.param("npm/@scope/x.js", "", id="a scope without a version"),
        pytest.param("zzz/zzz.js", "", id="nothing near"),
        pytest.param("demo/" + "greet.js" * 9, "", id="a name that is too long to compare"),
        pytest.param("", "", id="nothing"),
        pytest.param("@", "", id="a sign"),
    ],
)
def test_what_a_missing_path_leads_to(path: str, words: str) -> None:
    assert words == suggest(path, PATHS)


def test_no_more_than_ten_versions_are_named() -> None:
    paths = sorted(f"npm/a@1.{minor}.0/a.js" for minor in range(50))
    versions = suggest("npm/a@2/a.js", paths).removeprefix("Hosted versions of a: ").removesuffix(".").split(", ")
    assert len(versions) == 10
    assert all(f"npm/a@{version}/a.js" in paths for version in versions)


def test_versions_are_named_by_precedence_and_before_what_is_none() -> None:
    names = ("2.0.0", "10.0.0", "10.0.0-rc.1", "latest", "next")
    words = suggest("lib@3/a.js", sorted(f"lib@{name}/b.js" for name in names))
    assert words == "Hosted versions of lib: 10.0.0, 10.0.0-rc.1, 2.0.0, next, latest."


def test_of_files_of_the_same_name_the_highest_is_meant() -> None:
    paths = sorted(f"lib@1.0.0/{folder}/a.js" for folder in ("distribution/modules", "distribution", "sources"))
    assert suggest("lib@1.0.0/a.js", paths) == "Did you mean /lib@1.0.0/distribution/a.js?"


def test_a_long_name_beside_is_not_compared() -> None:
    assert suggest("a/b", ["a/" + "b" * 65]) == ""


class Counted(Sequence[str]):
    """Paths that count how often one is looked at."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        self.looks = 0

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        found = self.paths[at]
        self.looks += len(found) if isinstance(found, list) else 1
        return found


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("f/file50000.jss", id="in a folder of a hundred thousand files"),
        pytest.param("npm/lib@9/a.js", id="a library of a hundred thousand versions"),
        pytest.param("f/", id="a folder"),
        pytest.param("zzz", id="after all paths"),
        pytest.param("a@b/" * 10_000 + "x", id="a path of ten thousand versions"),
    ],
)
def test_a_few_of_many_paths_are_looked_at(path: str) -> None:
    """A look is bounded by a few bisections, whatever is asked and however much is public."""
    files = [f"f/file{number:06}.js" for number in range(100_000)]
    versions = [f"npm/lib@1.{number:06}/a.js" for number in range(100_000)]
    paths = Counted(files + versions)
    suggest(path, paths)
    assert paths.looks < 1_000


names = st.text(alphabet="ab@/.0-", min_size=1, max_size=12)


@given(st.text() | names, st.lists(names, max_size=20).map(sorted))
def test_only_public_paths_are_named(path: str, paths: list[str]) -> None:
    words = suggest(path, paths)
    if words.startswith("Did you mean /"):
        assert words.removeprefix("Did you mean /").removesuffix("?") in paths
    elif words.startswith("It is a folder of "):
        assert words.partition(", such as /")[2].removesuffix(".") in paths
    elif words:
        library, _, listed = words.removeprefix("Hosted versions of ").removesuffix(".").partition(": ")
        assert any(f"{library}@" in public for public in paths)
        assert all(any(f"@{version}" in public for public in paths) for version in listed.split(", "))


@given(names, st.lists(names, max_size=20).map(sorted))
def test_a_path_that_is_public_is_nearest_to_itself(path: str, others: list[str]) -> None:
    if not path.endswith("/") and not any(other.startswith(f"{path}/") for other in others):
        assert suggest(path, sorted([*others, path])) == f"Did you mean /{path}?"
