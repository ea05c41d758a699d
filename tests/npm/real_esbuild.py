"""The real esbuild, for tests of what is made with it: fetched once from the registry that this machine asks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.npm.esbuild import VERSION, EsbuildFinder
from cdnserve.npm.fetch import Session
from cdnserve.npm.settings import NpmSettings

REQUIRED = "CDNSERVE_REQUIRE_REGISTRY"
ABSENT = {"esbuild-missing", "registry-unknown", "registry-unreachable"}


def folder_with_esbuild(folder: Path) -> Path:
    """Return a folder for the PATH that has esbuild; skip where none can be had, unless it is required."""
    settings = NpmSettings({**os.environ, "CDNSERVE_CACHE": str(folder / "cache")}, Path.home(), Path.cwd())
    try:
        with Session(settings) as session:
            found = EsbuildFinder(session, folder).find(VERSION)
    except ConfigurationError as error:
        if os.environ.get(REQUIRED) or not ABSENT.issuperset(problem.reference for problem in error.problems):
            raise
        pytest.skip(f"no esbuild can be had: {error}")
    place = folder / "bin"
    place.mkdir()
    (place / "esbuild").symlink_to(found.program)
    return place
