"""The lock: what is written is read again, in one step, in one order, and whole."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest import lock as lock_module
from cdnserve.manifest.lock import (
    Lock,
    LockedFile,
    LockedLibrary,
    diagnose,
    parse_lock,
    read_lock,
    render_lock,
    unresolved,
    write_lock,
)
from cdnserve.manifest.model import Library, Manifest, Site


def expression(algorithm: str, text: str) -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, text.encode()).digest()).decode()}"


A, B = expression("sha384", "a"), expression("sha384", "b")
TARBALL = expression("sha512", "tarball")
LOCK = Lock(
    libraries={"jquery@3.7.1": LockedLibrary(TARBALL), "@a/b@1.0.0-rc.1": LockedLibrary(expression("sha256", "x"))},
    immutable={
        "npm/b.js": LockedFile(B),
        "npm/a.js": LockedFile(A, 1_700_000_000),
        'fonts/ü ".woff2': LockedFile(A, -1),
    },
)

WRITTEN = f"""{{
  "schema": 1,
  "libraries": {{
    "@a/b@1.0.0-rc.1": {{"integrity":"{expression("sha256", "x")}"}},
    "jquery@3.7.1": {{"integrity":"{TARBALL}"}}
  }},
  "immutable": {{
    "fonts/ü \\".woff2": {{"integrity":"{A}","modified":-1}},
    "npm/a.js": {{"integrity":"{A}","modified":1700000000}},
    "npm/b.js": {{"integrity":"{B}"}}
  }}
}}
"""


def test_a_lock_is_sorted_with_one_entry_a_line() -> None:
    assert WRITTEN == render_lock(LOCK).decode()


def test_a_lock_is_json() -> None:
    assert {"schema", "libraries", "immutable"} == set(json.loads(render_lock(LOCK)))


def test_an_untouched_lock_needs_no_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(lock_module, "diagnose")
    assert LOCK == parse_lock(render_lock(LOCK))


HASHES = st.binary(min_size=48, max_size=48).map(lambda digest: f"sha384-{base64.b64encode(digest).decode()}")
NAMES = st.text('ab"\\é ', min_size=1, max_size=4).filter(lambda name: "\\" not in name)
FILES = st.builds(LockedFile, HASHES, st.one_of(st.none(), st.integers(-62_135_596_800, 253_402_300_799)))
LIBRARIES = st.builds(
    LockedLibrary, st.binary(min_size=64, max_size=64).map(lambda d: f"sha512-{base64.b64encode(d).decode()}")
)


@given(
    st.dictionaries(st.sampled_from(["a@1.0.0", "@b/c@2.0.0", "integrity@1.0.0"]), LIBRARIES),
    st.dictionaries(st.one_of(NAMES, st.just("integrity")), FILES, max_size=5),
)
def test_what_is_written_is_read_again(libraries: dict[str, LockedLibrary], immutable: dict[str, LockedFile]) -> None:
    lock = Lock(libraries, immutable)
    assert lock == parse_lock(render_lock(lock))


@pytest.mark.parametrize(
    "reformatted",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="other line ends"),
        pytest.param(lambda text: json.dumps(json.loads(text)), id="one line"),
        pytest.param(lambda text: json.dumps(json.loads(text), indent=8, sort_keys=True), id="another order"),
    ],
)
def test_how_a_lock_is_formatted_is_no_matter(reformatted: object) -> None:
    assert callable(reformatted)
    assert LOCK == parse_lock(reformatted(WRITTEN).encode())


def test_both_sections_may_be_left_out() -> None:
    assert Lock() == parse_lock(b'{"schema": 1}')


# Files.


def test_an_absent_lock_is_an_empty_one(tmp_path: Path) -> None:
    assert Lock() == read_lock(tmp_path / "manifest.lock")


def test_a_written_lock_is_read_again(tmp_path: Path) -> None:
    write_lock(tmp_path / "manifest.lock", LOCK)
    assert LOCK == read_lock(tmp_path / "manifest.lock")
    assert ["manifest.lock"] == os.listdir(tmp_path)


def test_a_lock_that_would_not_change_is_not_touched(tmp_path: Path) -> None:
    """A server that watches the folder would build for ever."""
    path = tmp_path / "manifest.lock"
    write_lock(path, LOCK)
    before = path.stat()
    write_lock(path, LOCK)
    assert (before.st_ino, before.st_mtime_ns) == (path.stat().st_ino, path.stat().st_mtime_ns)


def test_a_lock_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "manifest.lock"
    write_lock(path, Lock())
    path.chmod(0o640)
    write_lock(path, LOCK)
    assert 0o640 == stat.S_IMODE(path.stat().st_mode)


def test_a_lock_behind_a_link_is_written_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "manifest.lock"
    link.symlink_to("elsewhere/real.lock")
    write_lock(link, LOCK)
    assert link.is_symlink()
    assert LOCK == read_lock(tmp_path / "elsewhere" / "real.lock")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_lock_that_can_not_be_written_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "manifest.lock"
    write_lock(path, LOCK)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, refuse)
    with pytest.raises(ConfigurationError) as caught:
        write_lock(path, Lock())
    (problem,) = caught.value.problems
    assert ("lock-unwritable", "No space left on device", str(path)) == (
        problem.reference,
        problem.message,
        problem.where,
    )
    assert LOCK == read_lock(path)
    assert ["manifest.lock"] == os.listdir(tmp_path)


def test_a_lock_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        write_lock(tmp_path / "nowhere" / "manifest.lock", LOCK)
    assert ["lock-unwritable"] == [problem.reference for problem in caught.value.problems]


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        read_lock(path)
    (problem,) = caught.value.problems
    assert problem.hint
    return problem.reference, problem.where


def test_a_folder_is_no_lock(tmp_path: Path) -> None:
    assert ("lock-unreadable", str(tmp_path)) == refusal(tmp_path)


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.lock")
    assert "lock-unreadable" == refusal(tmp_path / "manifest.lock")[0]


def test_a_loop_of_links_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "manifest.lock").symlink_to("manifest.lock")
    assert "lock-unreadable" == refusal(tmp_path / "manifest.lock")[0]


def test_a_broken_lock_names_its_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "manifest.lock").write_text('{\n  "schema": 2\n}', encoding="utf-8")
    assert ("lock-schema-unsupported", "manifest.lock:2") == refusal(tmp_path / "manifest.lock")


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
    pytest.param(lock('"a": {}\n\n"b": {}'), "lock-malformed", 4, id="a comma that is missing at the end of a line"),
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


ENTRY = LockedLibrary("sha512-" + "A" * 86 + "==")
PINS = ("x@1.10.0", "x@1.9.0", "@s/x@3.0.0", "x@2.0.0-rc.1", "x-y@1.0.0")
LOCK_REQUIREMENTS = Lock(dict.fromkeys(PINS, ENTRY))


def test_hosted_versions_are_those_of_the_lock_by_precedence() -> None:
    assert ["1.9.0", "1.10.0", "2.0.0-rc.1"] == LOCK_REQUIREMENTS.hosted("x")
    assert (["3.0.0"], []) == (LOCK_REQUIREMENTS.hosted("@s/x"), LOCK_REQUIREMENTS.hosted("y"))
    assert ["@s/x", "x", "x-y"] == LOCK_REQUIREMENTS.names


DEPENDENT = Lock(
    {
        "a@1.0.0": LockedLibrary(TARBALL),
        "b@1.0.0": LockedLibrary(TARBALL, ("a@1.0.0", "c@1.0.0")),
        "c@1.0.0": LockedLibrary(TARBALL, ("b@1.0.0",)),
        "d@1.0.0": LockedLibrary(TARBALL, ("a@1.0.0",)),
    }
)


def test_dependents_are_written_and_read() -> None:
    assert b'"d@1.0.0": {"integrity":"' + TARBALL.encode() + b'","dependents":["a@1.0.0"]}' in render_lock(DEPENDENT)
    assert DEPENDENT == parse_lock(render_lock(DEPENDENT)) == diagnose(render_lock(DEPENDENT), "manifest.lock")


def test_dependents_are_libraries() -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_lock(render_lock(Lock({"a@1.0.0": LockedLibrary(TARBALL, ("../b",))})))
    assert ["its dependents are not NAME@VERSION"] == [problem.message for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("gone", "wanted", "expected"),
    [
        pytest.param(set(), {"a@1.0.0"}, set("abcd"), id="nothing goes"),
        pytest.param({"a@1.0.0"}, set(), set(), id="what was there for one alone goes with it, in a circle, too"),
        pytest.param({"a@1.0.0"}, {"d@1.0.0"}, {"d"}, id="what is wanted stays"),
        pytest.param({"a@1.0.0"}, {"c@1.0.0"}, {"b", "c"}, id="and what it imports"),
        pytest.param({"b@1.0.0"}, {"a@1.0.0"}, set("abcd"), id="what others import stays"),
    ],
)
def test_what_stays(gone: set[str], wanted: set[str], expected: set[str]) -> None:
    assert {f"{name}@1.0.0" for name in expected} == DEPENDENT.left(gone, wanted)


def test_what_nothing_hosted_satisfies() -> None:
    x, y = Library("x", ("^1", "^3", "2.0.0")), Library("y", ("1.0.0",))
    manifest = Manifest(Site(), (), (x, y))
    assert [(x, "^3"), (x, "2.0.0"), (y, "1.0.0")] == list(unresolved(manifest, LOCK_REQUIREMENTS))


def test_exact_versions_need_nothing_of_npm() -> None:
    """Its ranges take longer to load than all the rest of a manifest."""
    code = (
        "import sys\n"
        "from cdnserve.manifest.reader import parse_manifest\n"
        "parse_manifest('schema = 1\\n[libraries]\\nx = \"1.0.0\"')\n"
        "print('nodesemver' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout
