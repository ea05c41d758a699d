"""Gathering: a timestamp proves something only once the clock has moved on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cdnserve.release.gather import gather, is_proof
from cdnserve.release.scan import scan
from cdnserve.release.writer import Silence, Writer

START = 1_000_000_000_500_000_001
PROOFS = [
    pytest.param(START - 20_000_000, True, id="one tick ago"),
    pytest.param(START - 19_999_999, False, id="less than a tick ago"),
    pytest.param(START, False, id="now"),
    pytest.param(START + 10**12, False, id="in the future, after the clock was set back"),
    pytest.param(1_000_000_000_000_000_000 - 10**9, False, id="whole seconds, less than two ago"),
    pytest.param(1_000_000_000_000_000_000 - 2 * 10**9, True, id="whole seconds, more than two ago"),
]


@pytest.mark.parametrize(("changed", "expected"), PROOFS)
def test_when_a_signature_proves_that_nothing_changed(changed: int, expected: bool) -> None:
    assert expected == is_proof((1, 0, 1, changed), START)


def test_a_date_that_people_set_proves_nothing_and_disproves_nothing() -> None:
    """An mtime of the year 2200 must not make every build read the file."""
    assert is_proof((1, 7 * 10**18, 1, START - 10**9), START)


def test_a_fresh_file_is_waited_for_and_then_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    root.mkdir()
    slept: list[float] = []
    real = time.sleep

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        real(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    with Writer(str(tmp_path / "state"), Silence()) as writer:
        (root / "a.js").write_bytes(b"x")
        tree = scan(str(root))
        gathered = gather(tree.names, tree, writer, {}, Silence())
        assert set() == gathered.doubtful
        assert max(slept, default=0) <= 0.02
        slept.clear()
        gather(tree.names, tree, writer, {}, Silence())
        assert [] == slept


def test_a_file_from_the_future_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays doubtful, and is read again each time until the clock has caught up."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.js").write_bytes(b"x")
    tree = scan(str(root))
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waited"))
    with Writer(str(tmp_path / "state"), Silence()) as writer:
        monkeypatch.setattr(writer, "clock", lambda: tree.facts[3] - 10**12)
        gathered = gather(tree.names, tree, writer, {}, Silence())
    assert {"a.js"} == gathered.doubtful
    assert {} == gathered.signatures(tree)


def test_a_file_that_goes_away_is_left_to_the_next_build(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.js").write_bytes(b"x")
    tree = scan(str(root))
    (root / "a.js").unlink()
    with Writer(str(tmp_path / "state"), Silence()) as writer:
        gathered = gather(tree.names, tree, writer, {}, Silence())
    assert ({}, [], {"a.js"}) == (gathered.contents, gathered.problems, gathered.doubtful)
