"""Content of an asset, as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.release import Store, build
from cdnserve.release.content import read_text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"let a = '\xc3\xbc';\r\n", "let a = 'ü';\r\n", id="UTF-8, line ends as they are"),
        pytest.param(b"\xff", "\ufffd", id="not UTF-8"),
        pytest.param(b"", "", id="nothing"),
    ],
)
def test_the_text_is_that_of_the_released_file(tmp_path: Path, content: bytes, expected: str) -> None:
    """Also when the file has been changed since."""
    root = tmp_path / "public"
    root.mkdir()
    (root / "manifest.toml").write_text('schema = 1\n[[publish]]\npath = "**"\n')
    (root / "a.js").write_bytes(content)
    build(root, tmp_path / "state")
    (root / "a.js").write_text("changed")
    store = Store(tmp_path / "state")
    assert expected == read_text(store, store.load().assets["a.js"])
