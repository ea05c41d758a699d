"""Manifests and locks take time by their size, however wrong they are, and have one that is too large."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import parse_lock, read_lock
from cdnserve.manifest.reader import inspect_manifest, inspect_text
from tests.patterns import grows

SIZES = (400, 1600)


def many(line: str, before: str = "", after: str = "", between: str = "\n") -> Callable[[int], str]:
    """Return a function that repeats a line; `%d` is its number."""
    return lambda count: before + between.join(line.replace("%d", str(number)) for number in range(count)) + after


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(many("k%d = 1"), id="keys that nobody knows"),
        pytest.param(many("<<<<<<< a"), id="conflict markers"),
        pytest.param(many("[[publish]]\npath = 'a//%d'\ncors = 'x'"), id="rules"),
        pytest.param(many("[cors.p%d]\nallow-origins = ['https://a%d.example.com/']"), id="policies"),
        pytest.param(many("'a//%d'", "[[publish]]\npath = [", "]", ",\n"), id="elements of a list"),
        pytest.param(many("'A %d' = '1.x.y'", "[libraries]\n"), id="libraries"),
        pytest.param(many("a", after=" = 1", between="."), id="a key with many dots"),
        pytest.param(many("'a'", "[", "]\nb = 1", between=" . "), id="a table with many dots"),
        pytest.param(many("{a=", "a = "), id="tables in tables"),
        pytest.param(many("\\n", 'schema = """'), id="a text without an end"),
        pytest.param(many("# a", "schema = 2\n"), id="comments"),
    ],
)
def test_a_manifest(text: Callable[[int], str]) -> None:
    def read(manifest: str) -> None:
        with pytest.raises(ConfigurationError):
            inspect_text(manifest)

    assert not grows(read, text, SIZES)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(many('"/k%d": {"integrity": "x"}', '{"schema": 1, "immutable": {', "}}", ",\n"), id="bad names"),
        pytest.param(many('"a": {"integrity": "x"}', '{"schema": 1, "immutable": {', "}}", ",\n"), id="one name"),
        pytest.param(many('"k%d": 1', '{"schema": 1, ', "}", ",\n"), id="keys that nobody knows"),
        pytest.param(many("<<<<<<< a"), id="conflict markers"),
        pytest.param(many(">>>>>>> a"), id="ends of conflict markers"),
        pytest.param(many('\\"', '{"', "", ""), id="a text without an end"),
        pytest.param(many("[", '{"schema": ', "", ""), id="lists in lists"),
    ],
)
def test_a_lock(text: Callable[[int], str]) -> None:
    def read(lock: str) -> None:
        with pytest.raises(ConfigurationError):
            parse_lock(lock.encode())

    assert not grows(read, text, SIZES)


@pytest.mark.parametrize(
    ("read", "size", "reference"),
    [(inspect_manifest, 2**20, "manifest-unreadable"), (read_lock, 2**28, "lock-unreadable")],
)
def test_one_that_is_too_large_is_not_read(
    read: Callable[[Path], object], size: int, reference: str, tmp_path: Path
) -> None:
    """A file with a hole stands for it: nothing of it is looked at."""
    file = tmp_path / "large"
    with file.open("wb") as hole:
        hole.truncate(size + 1)
    with pytest.raises(ConfigurationError) as error:
        read(file)
    assert [(reference, f"{size + 1} octets")] == [(one.reference, one.value) for one in error.value.problems]
