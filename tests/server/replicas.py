"""Stores for replicas: what a build left in a state folder, as objects, and representations to be fetched."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path

from cdnserve.release.catalog import Representation
from tests.fake_s3 import FakeS3

NAMES = ("blobs", "releases", "current")


def as_item(octets: bytes) -> Representation:
    """Return a representation of these octets."""
    return Representation("identity", len(octets), hashlib.sha256(octets).digest())


def upload(fake: FakeS3, state: Path, written: float = 0.0) -> None:
    """Put a state folder into a store, as if it had been written at a time."""
    for path in state.rglob("*"):
        name = path.relative_to(state).as_posix()
        if path.is_file() and name.partition("/")[0] in NAMES:
            fake.objects[f"prefix/{name}"] = path.read_bytes(), written or time.time()


def as_store(state: Path, folder: Path) -> str:
    """Copy a state folder into a store that is a folder; return its URL."""
    folder.mkdir(parents=True)
    for name in NAMES:
        (shutil.copytree if (state / name).is_dir() else shutil.copy)(state / name, folder / name)
    return folder.as_uri()
