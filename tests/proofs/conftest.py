"""A root whose files go each of the ways that a server has, and the load that is put on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.server import tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Files of all sizes: from memory, from the page cache, and 16 MB."""
    return tree.write(tmp_path / "public")


@pytest.fixture
def h2load() -> None:
    """Skip where h2load is missing; where CDNSERVE_REQUIRE_H2LOAD is set its absence is a failure."""
    if not shutil.which("h2load"):
        if os.environ.get("CDNSERVE_REQUIRE_H2LOAD"):
            pytest.fail("h2load is missing: install Debian's nghttp2-client")
        pytest.skip("h2load is missing: Debian has it in nghttp2-client")
