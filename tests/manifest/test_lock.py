"""The lock: what is written is read again, in one step, in one order, and whole."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.manifest import lock_diagnosis
from cdnserve.manifest.lock import Lock, LockedFile, LockedLibrary, parse_lock, read_lock, render_lock, write_lock


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
    monkeypatch.delattr(lock_diagnosis, "diagnose")
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
