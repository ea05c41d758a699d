"""What `serve` says when it listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.cli.welcome import prepare
from cdnserve.release import Store, build

URL = "http://127.0.0.1:8000"


def lines(folder: Path, files: dict[str, str], rules: str, url: str = URL) -> list[str]:
    """Build files under rules, and give what is said."""
    root = folder / "public"
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "manifest.toml").write_text(f"schema = 1\n{rules}")
    store = Store(folder / "state")
    build(root, folder / "state")
    return ["".join(text for text, _ in line) for line in prepare(Path("public"), store, store.load()).lines(url)]


ANY = '[[publish]]\npath = "**"\ncors = "any"\n'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"a.css": "a", "z/b.js": "b", "x.woff2": "c"}, f'<script src="{URL}/z/b.js"', id="a script"),
        pytest.param({"a.woff2": "a", "z/b.css": "b"}, f'<link rel="stylesheet" href="{URL}/z/b.css"', id="a style"),
        pytest.param({"a.png": "a", "z/b.woff2": "b"}, '<link rel="preload" as="font"', id="a font"),
        pytest.param({"a.json": "{}", "b.png": "b"}, f'<img src="{URL}/b.png"', id="an image"),
        pytest.param({"x/a.js": "a", "b.js": "b"}, f'<script src="{URL}/b.js"', id="the nearest"),
        pytest.param({"a.js": "export {}"}, '<script type="module"', id="a module"),
    ],
)
def test_the_best_file_is_tried(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    assert f"to try: {expected}" in lines(tmp_path, files, ANY)[2]


def test_what_not_every_origin_may_read_is_not_tried(tmp_path: Path) -> None:
    said = lines(tmp_path, {"a.js": "a"}, '[[publish]]\npath = "**"\n')
    assert ["listening on http://127.0.0.1:8000", "release 1: 1 public file, watching public for changes"] == said


def test_nothing_public_leads_to_the_manifest(tmp_path: Path) -> None:
    said = lines(tmp_path, {"a.js": "a"}, "")
    assert "nothing is public yet: add a [[publish]] rule to public/manifest.toml" == said[-1]
    assert not any("to try" in line for line in said)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("http://0.0.0.0:80", "http://127.0.0.1:80/a.js", id="all IPv4 interfaces"),
        pytest.param("http://[::]:80", "http://[::1]:80/a.js", id="all interfaces"),
        pytest.param("http://192.0.2.1:80", "http://192.0.2.1:80/a.js", id="one interface"),
    ],
)
def test_the_address_to_try_is_one_that_browsers_open(tmp_path: Path, url: str, expected: str) -> None:
    said = lines(tmp_path, {"a.js": "a"}, ANY, url)
    assert f"listening on {url}" == said[0]
    assert f'"{expected}"' in said[2]
