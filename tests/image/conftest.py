"""An image for real: built without an engine, on a base that stands in for the one that the Dockerfile names."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.buildah import Buildah, make_base

TOOLS = ("buildah", "debootstrap", "setpriv", "unshare")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """Return a buildah with a store of its own, in which the base lies; skip where that can't be."""
    if os.environ.get("CDNSERVE_IMAGE_TEST") != "1":
        pytest.skip("takes minutes: run it with make image-test")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and {', '.join(TOOLS)}" + (f"; missing: {', '.join(missing)}" if missing else ""))
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount anything")
    folder = tmp_path_factory.mktemp("images")
    buildah = Buildah(folder)
    make_base(buildah, folder / "base")
    try:
        yield buildah
    finally:
        buildah.remove_all()


@pytest.fixture(scope="session")
def image(buildah: Buildah) -> str:
    """Build the project's image."""
    return buildah.build(ROOT, "cdnserve")
