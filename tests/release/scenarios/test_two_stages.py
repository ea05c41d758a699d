"""Two stages: a release of what is cheap comes first; the dear codings follow in one that never hides a newer one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from cdnserve.files import lock
from cdnserve.release import encode as encode_module
from cdnserve.release import make as make_module
from cdnserve.release.build import build, look
from cdnserve.release.encode import EncodingStoppedError, Job, Result, encode_all
from cdnserve.release.gc import GcOptions, collect
from cdnserve.release.history import roll_back
from cdnserve.release.make import encode_rest
from cdnserve.release.store import Store
from cdnserve.release.writer import Built, Silence, Writer
from tests.release.roots import SCRIPT, plant, public_bytes

FILES: dict[str, bytes | str] = {
    "npm/lib@1.0.0/a.js": SCRIPT,
    "npm/lib@1.0.0/a.js.map": SCRIPT + b"map",
    "page.css": SCRIPT + b"css",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root of which nothing counts as little."""
    monkeypatch.setattr(make_module, "_AT_ONCE", 0)
    return plant(tmp_path / "root", FILES)


@pytest.fixture
def state(root: Path) -> Path:
    return root / ".cdnserve"


def first(root: Path, state: Path) -> Built:
    return build(root, state, quick=True, seen=look(root, state))


def rest(state: Path, stopped: Event | None = None) -> bool:
    return encode_rest(str(state), stopped or Event(), Silence())


def codings(state: Path, path: str = "page.css") -> dict[str, bytes]:
    return {item.coding: item.sha256 for item in Store(state).load().assets[path].representations}


def test_the_first_release_has_what_is_cheap_and_the_second_one_the_rest(root: Path, state: Path) -> None:
    """What the first one has stays as it is, with its entity tags."""
    assert Built(1, True, complete=False) == first(root, state)
    before = codings(state)
    assert {"identity", "gzip"} == before.keys()
    assert {"identity"} == codings(state, "npm/lib@1.0.0/a.js.map").keys()
    assert Built(1, False, complete=False) == first(root, state)
    assert rest(state)
    assert Built(2, True) == first(root, state)
    assert {"identity", "gzip", "br"} == codings(state).keys()
    assert before == {coding: name for coding, name in codings(state).items() if coding != "br"}
    assert FILES == public_bytes(state)
    assert not rest(state)
    assert Built(2, False) == first(root, state) == build(root, state)


def test_a_build_waits_for_all(root: Path, state: Path, tmp_path: Path) -> None:
    """In one release where there is none yet, and both ways come to the same codings."""
    first(root, state)
    assert Built(2, True) == build(root, state)
    other = tmp_path / "other"
    assert Built(1, True) == build(root, other)
    assert Store(other).load().assets == Store(state).load().assets


def test_where_there_is_little_to_do_there_is_one_stage(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_module, "_AT_ONCE", 1 << 20)
    assert Built(1, True) == first(root, state)
    assert {"identity", "gzip", "br"} == codings(state).keys()


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something done while the second stage encodes, once it has made a coding."""

    def have(done: Callable[[], object]) -> None:
        def encode(state: str, jobs: list[Job], **how: object) -> Iterator[list[Result]]:
            monkeypatch.setattr(make_module, "encode_all", encode_all)
            for number, batch in enumerate(encode_all(state, jobs)):
                yield batch
                if not number:
                    done()

        monkeypatch.setattr(make_module, "encode_all", encode)

    return have


During = Callable[[Callable[[], object]], None]


def test_what_changes_meanwhile_is_released_and_stays(root: Path, state: Path, during: During) -> None:
    """By this process or another one: the second stage keeps no build waiting."""
    first(root, state)
    new: dict[str, bytes | str] = {"page.css": SCRIPT + b"newer", "new.js": SCRIPT + b"new"}

    def change() -> None:
        plant(root, new)
        assert Built(2, True, complete=False) == first(root, state)

    during(change)
    assert rest(state)
    assert Built(2, False, complete=False) == first(root, state)
    assert FILES | new == public_bytes(state)
    assert rest(state)
    assert Built(3, True) == first(root, state)
    assert FILES | new == public_bytes(state)
    assert {"identity", "gzip", "br"} == codings(state, "new.js").keys()


def test_a_rollback_meanwhile_stays(root: Path, state: Path, during: During) -> None:
    build(root, state)
    plant(root, {"page.css": SCRIPT + b"newer"})
    assert not first(root, state).complete
    during(lambda: roll_back(root, state))
    assert rest(state)
    built = first(root, state)
    assert (1, False) == (built.number, built.changed)
    assert FILES == public_bytes(state)
    assert not rest(state)


def test_a_rollback_passes_over_a_release_of_the_same_files(root: Path, state: Path) -> None:
    first(root, state)
    plant(root, {"page.css": "other"})
    first(root, state)
    rest(state)
    assert 3 == first(root, state).number
    assert 1 == roll_back(root, state).number


def test_a_release_that_only_lacks_codings_is_not_among_the_newest(root: Path, state: Path) -> None:
    build(root, state)
    plant(root, {"page.css": SCRIPT + b"newer"})
    first(root, state)
    rest(state)
    assert 3 == first(root, state).number
    done = collect(state, GcOptions(2, grace=0))
    assert ((2,), {1: "among the newest", 3: "current"}) == (done.releases, done.kept)


def test_one_process_at_a_time_does_it(root: Path, state: Path) -> None:
    first(root, state)
    descriptor = os.open(state / "encoding.lock", os.O_RDWR | os.O_CREAT)
    try:
        assert lock(descriptor)
        assert not rest(state)
    finally:
        os.close(descriptor)
    assert rest(state)


def test_what_was_encoded_before_it_was_stopped_is_kept(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch, during: During
) -> None:
    """A build that comes next goes on from there."""
    monkeypatch.setattr(encode_module, "_BATCH", 1)
    first(root, state)

    def stop() -> None:
        raise EncodingStoppedError

    during(stop)
    with pytest.raises(EncodingStoppedError):
        rest(state)
    encoded: list[Job] = []

    def note(state: str, jobs: list[Job], **how: object) -> Iterator[list[Result]]:
        encoded.extend(jobs)
        return encode_all(state, jobs)

    monkeypatch.setattr(make_module, "encode_all", note)
    assert Built(2, True) == build(root, state)
    assert 3 == len(encoded)  # of four


def test_it_ends_when_it_is_stopped(root: Path, state: Path) -> None:
    first(root, state)
    stopped = Event()
    stopped.set()
    with pytest.raises(EncodingStoppedError):
        rest(state, stopped)
    assert [] == os.listdir(state / "drafts")


def test_neither_stage_removes_what_the_other_is_writing(root: Path, state: Path, during: During) -> None:
    """What killed ones left goes with the next of its kind."""
    first(root, state)
    ours, theirs = state / f"drafts/{'0' * 32}.beside", state / f"drafts/{'0' * 32}.part"
    ours.touch()
    with Writer(str(state), Silence()):
        assert ours.exists()
    theirs.touch()
    assert rest(state)
    assert (False, True) == (ours.exists(), theirs.exists())
