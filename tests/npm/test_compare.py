"""A library's folder compared with a fresh one, and with its tarball."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from cdnserve.npm.compare import Comparison, compare_folders, compare_tarball, first_difference
from cdnserve.npm.settings import DownloadLimits
from tests.npm.registry import packed

FILES = {"package.json": "{}", "d/a.js": "a" * 200_000, "d/empty": ""}


def _write(folder: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)


CASES = [
    pytest.param({}, Comparison(), id="the same"),
    pytest.param({"d/a.js": None}, Comparison(absent=("d/a.js",)), id="a file too few"),
    pytest.param({"d/a.js": "a" * 200_001}, Comparison(changed=("d/a.js",)), id="an octet too many"),
    pytest.param({"d/a.js": "a" * 199_999}, Comparison(changed=("d/a.js",)), id="an octet too few"),
    pytest.param({"d/a.js": "a" * 199_999 + "b"}, Comparison(changed=("d/a.js",)), id="another octet"),
    pytest.param({"d/empty": "x"}, Comparison(changed=("d/empty",)), id="something instead of nothing"),
    pytest.param({"e/b.js": "b"}, Comparison(extra=("e/b.js",)), id="a file too many"),
    pytest.param(
        {"package.json": "[]", "d/a.js": None, "b": "", "a": ""},
        Comparison(("d/a.js",), ("package.json",), ("a", "b")),
        id="all at once",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_both_ways_see_the_same(tmp_path: Path, changes: dict[str, str | None], expected: Comparison) -> None:
    _write(tmp_path / "fresh", FILES)
    here = {path: content for path, content in {**FILES, **changes}.items() if content is not None}
    _write(tmp_path / "here", here)
    assert expected == compare_folders(tmp_path / "fresh", tmp_path / "here")
    assert expected == _by_tarball(tmp_path / "here")
    assert bool(changes) is bool(expected)


def _by_tarball(folder: Path) -> Comparison:
    return compare_tarball(io.BytesIO(packed(FILES)), folder, lambda path: True, DownloadLimits())


def test_what_is_not_kept_is_extra(tmp_path: Path) -> None:
    _write(tmp_path, FILES)
    compared = compare_tarball(io.BytesIO(packed(FILES)), tmp_path, lambda path: path != "d/a.js", DownloadLimits())
    assert Comparison(extra=("d/a.js",)) == compared


@pytest.mark.parametrize("kind", ["link", "fifo", "folder link"])
def test_what_is_no_file_differs(tmp_path: Path, kind: str) -> None:
    _write(tmp_path / "fresh", FILES)
    _write(tmp_path / "here", {path: text for path, text in FILES.items() if path != "d/empty"})
    if kind == "fifo":
        os.mkfifo(tmp_path / "here" / "d" / "empty")
    else:
        (tmp_path / "here" / "d" / "empty").symlink_to(tmp_path / "fresh" / ("d/empty" if kind == "link" else "d"))
    expected = Comparison(changed=("d/empty",))
    assert expected == compare_folders(tmp_path / "fresh", tmp_path / "here")
    assert expected == _by_tarball(tmp_path / "here")


def test_what_may_not_be_read_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, FILES)
    real = os.open

    def refuse(path: Path, *rest: int) -> int:
        if Path(path).name == "a.js":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    assert Comparison(changed=("d/a.js",)) == _by_tarball(tmp_path)


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        pytest.param(Comparison(), "", id="nothing"),
        pytest.param(Comparison(("a",), (), ()), "a is missing", id="one"),
        pytest.param(Comparison(("a", "b"), ("c",), ("d",)), "c differs, and 3 more", id="several"),
    ],
)
def test_the_first_difference(comparison: Comparison, expected: str) -> None:
    assert expected == first_difference(comparison)
