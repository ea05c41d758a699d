"""Revisions: how an entry changes, whatever it says by then."""

from __future__ import annotations

import pytest

from cdnserve.manifest.edit import revise
from cdnserve.manifest.revising import Revision
from cdnserve.manifest.values import Library


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
