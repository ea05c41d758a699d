"""The diagnosis of a lock: whatever a merge, an editor or a crash did to it is told, with its line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.lock import parse_lock, render_lock
from cdnserve.manifest.lock_diagnosis import diagnose
from tests.manifest.test_lock import LOCK, TARBALL, WRITTEN, A, B


def problems_of(text: str | bytes) -> tuple[Problem, ...]:
    try:
        parse_lock(text if isinstance(text, bytes) else text.encode())
    except ConfigurationError as error:
        return error.problems
    return ()


def lock(libraries: str = "", immutable: str = "", schema: str = '"schema": 1') -> str:
    """Write a lock whose libraries begin on line 4, and whose immutable files begin on line 7."""
    return f'{{\n{schema},\n"libraries": {{\n{libraries}\n}},\n"immutable": {{\n{immutable}\n}}\n}}\n'


def library(integrity: str) -> str:
    return lock(f'"a@1.0.0": {{"integrity": "{integrity}"}}')


def file(entry: str) -> str:
    return lock("", f'"a.js": {entry}')


TOUCHED = [
    pytest.param("", "lock-malformed", 1, id="empty"),
    pytest.param(WRITTEN[:300], "lock-malformed", 8, id="half written"),
    pytest.param(WRITTEN.replace("sha512", '"sha512'), "lock-malformed", 5, id="a quote too many"),
    pytest.param('{\n"schema": 1, }', "lock-malformed", 2, id="a comma too many"),
    pytest.param("schema = 1", "lock-malformed", 1, id="TOML"),
    pytest.param("[]", "lock-entry-invalid", 0, id="an array"),
    pytest.param(lock(schema='"schema": 2'), "lock-schema-unsupported", 2, id="a newer schema"),
    pytest.param(lock(schema='"schema": "1"'), "lock-schema-unsupported", 2, id="a schema in quotes"),
    pytest.param(lock(schema='"schema": true'), "lock-schema-unsupported", 2, id="a schema that is a truth"),
    pytest.param(lock(schema='"schema": [1]'), "lock-schema-unsupported", 2, id="a schema that is an array"),
    pytest.param('{"libraries": {}}', "lock-schema-unsupported", 0, id="no schema"),
    pytest.param(lock(schema='"schema": 1,\n"fonts": {}'), "lock-entry-invalid", 3, id="another section"),
    pytest.param(
        lock(schema=f'"schema": 1,\n"libraries": {{"a@1.0.0": {{"integrity": "{TARBALL}"}}}}'),
        "lock-duplicate",
        4,
        id="a section twice",
    ),
    pytest.param('{"schema": 1,\n"libraries": []}', "lock-entry-invalid", 2, id="a section that is an array"),
    pytest.param(lock('"a@1.0.0": "x"'), "lock-entry-invalid", 4, id="an entry that is a string"),
    pytest.param(lock('"a@1.0.0": {}'), "lock-entry-invalid", 4, id="an entry without integrity"),
    pytest.param(lock('"a@1.0.0": {"integrity": 5}'), "lock-entry-invalid", 4, id="integrity that is a number"),
    pytest.param(
        lock(f'"a@1.0.0": {{"integrity": "{TARBALL}", "x": 1}}'), "lock-entry-invalid", 4, id="a key too many"
    ),
    pytest.param(lock(f'"a": {{"integrity": "{TARBALL}"}}'), "lock-name-invalid", 4, id="a library without version"),
    pytest.param(
        lock(f'"a@^1.0.0": {{"integrity": "{TARBALL}"}}'), "lock-name-invalid", 4, id="a library with a range"
    ),
    pytest.param(
        lock(f'"../a@1.0.0": {{"integrity": "{TARBALL}"}}'), "lock-name-invalid", 4, id="a library that is a path"
    ),
    pytest.param(
        lock("", f'"../a.js": {{"integrity": "{A}"}}'), "lock-name-invalid", 7, id="a path that is not normal"
    ),
    pytest.param(lock("", f'".env": {{"integrity": "{A}"}}'), "lock-name-invalid", 7, id="a path that is never public"),
    pytest.param(library(""), "lock-integrity-invalid", 4, id="empty integrity"),
    pytest.param(library(TARBALL[:-4]), "lock-integrity-invalid", 4, id="integrity cut short"),
    pytest.param(
        library(TARBALL.replace("sha512", "SHA512")), "lock-integrity-invalid", 4, id="an algorithm in upper case"
    ),
    pytest.param(library(TARBALL.replace("sha512", "sha384")), "lock-integrity-invalid", 4, id="another algorithm"),
    pytest.param(library("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="), "lock-integrity-invalid", 4, id="SHA-1"),
    pytest.param(library(f"{TARBALL} {TARBALL}"), "lock-integrity-invalid", 4, id="two hash expressions"),
    pytest.param(library(TARBALL[:-3] + "B=="), "lock-integrity-invalid", 4, id="bits after the end"),
    pytest.param(file(f'{{"integrity": "{TARBALL}"}}'), "lock-integrity-invalid", 7, id="a file by sha512"),
    pytest.param(
        file(f'{{"integrity": "{A}", "modified": 1.5}}'), "lock-entry-invalid", 7, id="a fraction of a second"
    ),
    pytest.param(
        file(f'{{"integrity": "{A}", "modified": true}}'), "lock-entry-invalid", 7, id="a date that is a truth"
    ),
    pytest.param(file(f'{{"integrity": "{A}", "modified": "x"}}'), "lock-entry-invalid", 7, id="a date in words"),
    pytest.param(
        file(f'{{"integrity": "{A}", "modified": 253402300800}}'), "lock-integrity-invalid", 7, id="the year 10000"
    ),
    pytest.param(file(f'{{"integrity": "{A}",\n"integrity": "{B}"}}'), "lock-duplicate", 7, id="integrity twice"),
    pytest.param(
        lock("", f'"a.js": {{"integrity": "{A}"}},\n"a.js": {{"integrity": "{B}"}}'),
        "lock-duplicate",
        8,
        id="a file twice",
    ),
    pytest.param('{"schema": ' + "9" * 5_000 + "}", "lock-malformed", 0, id="a number of too many digits"),
    pytest.param('{"a": ' + "[" * 100_000, "lock-malformed", 0, id="nested too deep"),
    pytest.param(b'{\n"schema": 1,\n"\xff": 1}', "lock-malformed", 3, id="not UTF-8"),
    pytest.param(b"\xef\xbb\xbf" + WRITTEN.encode(), "lock-malformed", 1, id="a byte order mark"),
]


def test_a_slip_is_mended_and_a_half_is_fetched_again() -> None:
    """A comma too few is what keeping both sides of a merge most often leaves."""
    slip = WRITTEN.replace('"},\n', '"}\n', 1)
    assert slip != WRITTEN
    assert "comma" in problems_of(slip)[0].hint
    assert "comma" not in problems_of(WRITTEN[:300])[0].hint


@pytest.mark.parametrize(("text", "reference", "line"), TOUCHED)
def test_is_told_with_its_line(text: str | bytes, reference: str, line: int) -> None:
    """A line of 0 stands for the whole file, where no line is more to blame than another."""
    (problem,) = problems_of(text)
    where = f"manifest.lock:{line}" if line else "manifest.lock"
    assert (reference, where) == (problem.reference, problem.where)
    assert problem.hint


@pytest.mark.parametrize("length", [WRITTEN.index('"immutable"'), WRITTEN.index(TARBALL) + 9])
def test_a_half_written_lock_is_called_so(length: int) -> None:
    (problem,) = problems_of(WRITTEN[:length])
    assert "not JSON: the file ends too early" == problem.message


CONFLICT = WRITTEN.replace(
    '    "npm/b.js"',
    '<<<<<<< HEAD\n    "npm/b.js": {},\n||||||| base\n=======\n    "npm/c.js": {},\n>>>>>>> theirs\n    "npm/b.js"',
)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_merge_conflict_is_told_once(newline: str) -> None:
    (problem,) = problems_of(CONFLICT.replace("\n", newline))
    assert ("lock-conflict", "manifest.lock:10", "<<<<<<< HEAD") == (problem.reference, problem.where, problem.value)


def test_what_is_left_of_a_conflict_is_told() -> None:
    text = CONFLICT.replace("<<<<<<< HEAD\n", "").replace("||||||| base\n", "")
    assert [("lock-conflict", "manifest.lock:11"), ("lock-conflict", "manifest.lock:13")] == [
        (problem.reference, problem.where) for problem in problems_of(text)
    ]


def test_all_problems_are_told() -> None:
    text = lock('"a": {},\n"b@1.0.0": 5', '"c.js": {"integrity": "x"}', schema='"schema": 9')
    assert [
        ("lock-schema-unsupported", "manifest.lock:2"),
        ("lock-name-invalid", "manifest.lock:4"),
        ("lock-entry-invalid", "manifest.lock:4"),
        ("lock-entry-invalid", "manifest.lock:5"),
        ("lock-integrity-invalid", "manifest.lock:8"),
    ] == [(problem.reference, problem.where) for problem in problems_of(text)]


def test_a_slow_reading_is_the_same_as_a_quick_one() -> None:
    assert LOCK == diagnose(render_lock(LOCK), "manifest.lock")


@given(st.data())
def test_any_slip_in_a_lock_is_a_lock_or_told_about(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(WRITTEN)))
    end = data.draw(st.integers(start, min(len(WRITTEN), start + 12)))
    inserted = data.draw(
        st.one_of(st.text(max_size=3), st.sampled_from(["{}", "[]", "null", "1", '"\\ud800"', "\n=======\n"]))
    )
    problems = problems_of((WRITTEN[:start] + inserted + WRITTEN[end:]).encode())
    assert all(problem.where.startswith("manifest.lock") for problem in problems)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just(A)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["schema", "libraries", "immutable", "integrity", "modified", "a@1.0.0", "a.js"]), inner
        ),
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_is_a_lock_or_told_about(value: object) -> None:
    assert all(problem.where.startswith("manifest.lock") for problem in problems_of(json.dumps(value)))


@given(st.binary(max_size=40))
def test_any_octets_are_a_lock_or_told_about(octets: bytes) -> None:
    assert problems_of(octets)
