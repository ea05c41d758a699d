"""Seals: a key that lies outside of the cache, and counts only where nobody else can have it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cdnserve.npm.seal import Seal, find_seal
from cdnserve.npm.settings import NpmSettings


def _settings(tmp_path: Path, state: str = "", home: str | None = None) -> NpmSettings:
    return NpmSettings({"XDG_STATE_HOME": state}, Path(home) if home else tmp_path, tmp_path)


def test_a_key_is_made_once(tmp_path: Path) -> None:
    settings = [_settings(tmp_path), _settings(tmp_path), _settings(tmp_path, str(tmp_path / "other"))]
    first, again, other = [seal("x", b"content") for seal in map(find_seal, settings) if seal]
    assert first == again != other
    key = tmp_path / ".local/state/cdnserve/key"
    assert (0o600, 32) == (stat.S_IMODE(key.stat().st_mode), key.stat().st_size)
    assert [key] == list(key.parent.iterdir())
    assert (tmp_path / "other/cdnserve/key").is_file()


def test_content_and_purpose_decide() -> None:
    seal = Seal(b"k" * 32)
    seals = {seal("x", b"a"), seal("x", b"b"), seal("y", b"a"), Seal(b"l" * 32)("x", b"a")}
    assert 4 == len(seals)


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        pytest.param(b"k" * 32, 0o644, id="others can read it"),
        pytest.param(b"k" * 32, 0o620, id="others can write it"),
        pytest.param(b"k" * 31, 0o600, id="too short"),
        pytest.param(b"k" * 33, 0o600, id="too long"),
    ],
)
def test_a_key_that_is_none_is_left_alone(tmp_path: Path, content: bytes, mode: int) -> None:
    key = tmp_path / ".local/state/cdnserve/key"
    key.parent.mkdir(parents=True)
    key.write_bytes(content)
    key.chmod(mode)
    assert find_seal(_settings(tmp_path)) is None
    assert content == key.read_bytes()


def test_a_link_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"k" * 32)
    (tmp_path / "elsewhere").chmod(0o600)
    key = tmp_path / ".local/state/cdnserve/key"
    key.parent.mkdir(parents=True)
    key.symlink_to(tmp_path / "elsewhere")
    assert find_seal(_settings(tmp_path)) is None


def test_nowhere_to_keep_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert find_seal(_settings(tmp_path, str(tmp_path / "file"))) is None
    assert find_seal(_settings(tmp_path, "relative", home="~")) is None
