"""What the tests of libraries share: registries on loopback, and a root with a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.npm.registry import LocalRegistry, serving

MANIFEST = """\
schema = 1

[[publish]]  # everything
path = "npm/**"
cors = "any"
cache = "immutable"
"""


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    with serving() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[LocalRegistry]:
    """Another host, as far as origins go: another port."""
    with serving() as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / "manifest.toml").write_text(MANIFEST)
    return folder
