"""Tarballs kept for the next command."""

from __future__ import annotations

import dataclasses
import io
import os
from pathlib import Path

import pytest

from cdnserve.npm.cache import TarballCache, cache_folder
from cdnserve.npm.download import Measured
from tests.npm.registry import settings_for, sha512

DATA = b"data" * 1000
INTEGRITY = sha512(DATA)


def _sink() -> Measured:
    return Measured(io.BytesIO(), INTEGRITY)


def _keep(folder: Path, data: bytes = DATA, integrity: str = INTEGRITY) -> Path:
    cache = TarballCache(folder, 10**6)
    with cache.begun(integrity) as begun:
        assert begun
        sink = Measured(begun.file, integrity, begun.validator, begun.note)
        sink.restart('"1"')
        sink.write(data)
        cache.keep(begun, integrity)
    (entry,) = (folder / "tarballs").rglob("*.tgz")
    return entry


def _copied(folder: Path, limit: int = 10**6) -> bytes | None:
    sink = _sink()
    if not TarballCache(folder, limit).copy(INTEGRITY, sink):
        return None
    sink.file.seek(0)
    return sink.file.read()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, "home/.cache/cdnserve", id="the usual place"),
        pytest.param({"XDG_CACHE_HOME": "/var/cache"}, "/var/cache/cdnserve", id="where caches are"),
        pytest.param({"XDG_CACHE_HOME": "caches"}, "home/.cache/cdnserve", id="a relative place is not valid"),
        pytest.param({"CDNSERVE_CACHE": "/srv/c", "XDG_CACHE_HOME": "/var/cache"}, "/srv/c", id="a place of its own"),
        pytest.param({"CDNSERVE_CACHE": "c"}, "work/c", id="a relative place of its own"),
        pytest.param({"CDNSERVE_CACHE": "off"}, None, id="nowhere"),
        pytest.param({"CDNSERVE_CACHE": ""}, "home/.cache/cdnserve", id="nothing said"),
    ],
)
def test_where_tarballs_are_kept(tmp_path: Path, environment: dict[str, str], expected: str | None) -> None:
    found = cache_folder(settings_for(tmp_path, "", environment))
    assert (None if expected is None else tmp_path / expected) == found


def test_settings_turn_the_cache_off(tmp_path: Path) -> None:
    assert cache_folder(dataclasses.replace(settings_for(tmp_path), caches=False)) is None


def test_nobodys_home_has_no_cache(tmp_path: Path) -> None:
    assert cache_folder(dataclasses.replace(settings_for(tmp_path), home=Path("~"))) is None


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    _keep(tmp_path)
    assert DATA == _copied(tmp_path)
    assert [] == os.listdir(tmp_path / "begun")


def test_what_was_never_kept_is_not_found(tmp_path: Path) -> None:
    assert _copied(tmp_path) is None
    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(DATA[:-1], id="cut short"),
        pytest.param(DATA[:-1] + b"x", id="one octet is another"),
        pytest.param(DATA + b"x", id="more"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_damaged_is_not_given_and_removed(tmp_path: Path, damage: bytes) -> None:
    entry = _keep(tmp_path)
    entry.write_bytes(damage)
    assert _copied(tmp_path) is None
    assert not entry.exists()


def test_what_is_larger_than_any_tarball_may_be_is_not_read(tmp_path: Path) -> None:
    _keep(tmp_path)
    assert _copied(tmp_path, len(DATA) - 1) is None


def test_a_link_in_place_of_an_entry_is_not_followed(tmp_path: Path) -> None:
    entry = _keep(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    entry.rename(elsewhere)
    entry.symlink_to(elsewhere)
    assert _copied(tmp_path) is None
    assert DATA == elsewhere.read_bytes()


def test_a_pipe_in_place_of_an_entry_does_not_hang(tmp_path: Path) -> None:
    entry = _keep(tmp_path)
    entry.unlink()
    os.mkfifo(entry)
    assert _copied(tmp_path) is None


def test_what_was_begun_is_there_for_the_next(tmp_path: Path) -> None:
    cache = TarballCache(tmp_path, 10**6)
    with cache.begun(INTEGRITY) as begun:
        assert begun
        sink = Measured(begun.file, INTEGRITY, begun.validator, begun.note)
        sink.restart('"1"')
        sink.write(b"half")
    with cache.begun(INTEGRITY) as begun:
        assert begun
        assert (b"half", '"1"') == (begun.file.read(), begun.validator)


def test_what_has_no_entity_tag_is_not_continued(tmp_path: Path) -> None:
    cache = TarballCache(tmp_path, 10**6)
    for entity_tag in ('"1"', ""):
        with cache.begun(INTEGRITY) as begun:
            assert begun
            sink = Measured(begun.file, "", begun.validator, begun.note)
            sink.restart(entity_tag)
            sink.write(b"half")
    with cache.begun(INTEGRITY) as begun:
        assert begun
        assert "" == begun.validator


@pytest.mark.parametrize(
    "note", [pytest.param(b'"1"\r\nX: y', id="a field"), pytest.param(b"\xff" * 999, id="nonsense")]
)
def test_a_damaged_note_is_none(tmp_path: Path, note: bytes) -> None:
    cache = TarballCache(tmp_path, 10**6)
    with cache.begun(INTEGRITY) as begun:
        assert begun
        begun.file.write(b"half")
        begun.path.with_name(f"{begun.path.name}.etag").write_bytes(note)
    with cache.begun(INTEGRITY) as begun:
        assert begun
        assert "" == begun.validator


def test_a_note_is_not_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    with TarballCache(tmp_path, 10**6).begun(INTEGRITY) as begun:
        assert begun
        begun.path.with_name(f"{begun.path.name}.etag").symlink_to(victim)
        begun.note('"1"')
    assert "mine" == victim.read_text()


def test_what_began_with_nothing_leaves_nothing(tmp_path: Path) -> None:
    with TarballCache(tmp_path, 10**6).begun(INTEGRITY) as begun:
        assert begun
        begun.note('"1"')
    assert [] == os.listdir(tmp_path / "begun")


def test_only_one_command_continues(tmp_path: Path) -> None:
    with (
        TarballCache(tmp_path, 10**6).begun(INTEGRITY) as first,
        TarballCache(tmp_path, 10**6).begun(INTEGRITY) as second,
    ):
        assert first
        assert second is None


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_what_others_may_write_is_not_continued(tmp_path: Path, mode: int) -> None:
    cache = TarballCache(tmp_path, 10**6)
    with cache.begun(INTEGRITY) as begun:
        assert begun
        begun.file.write(b"half")
        begun.path.chmod(mode)
    with cache.begun(INTEGRITY) as begun:
        assert begun is None


def test_a_link_in_place_of_what_was_begun_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    cache = TarballCache(tmp_path, 10**6)
    with cache.begun(INTEGRITY) as begun:
        assert begun
        begun.file.write(b"half")
        begun.path.unlink()
        begun.path.symlink_to(victim)
    with cache.begun(INTEGRITY) as begun:
        assert begun is None
    assert "mine" == victim.read_text()


def test_a_place_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = TarballCache(tmp_path / "file" / "cache", 10**6)
    with cache.begun(INTEGRITY) as begun:
        assert begun is None
    assert not cache.copy(INTEGRITY, _sink())
