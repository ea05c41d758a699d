"""Control-C and kill -9 at any step leave the root as it was, or whole; at the latest after the next command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cdnserve.manifest.lock import Lock, LockedFile, LockedLibrary, read_lock, render_lock, write_lock
from cdnserve.npm.add import add
from cdnserve.npm.settings import NpmSettings
from tests.npm.bundles.roots import archive_of
from tests.npm.conftest import MANIFEST
from tests.npm.killed import ARCHIVE, LIMITS
from tests.npm.registry import LocalRegistry, packed

HERE = Path(__file__).parents[3]


@pytest.fixture
def root(place: Path, registry: LocalRegistry) -> Path:
    """A root with two libraries, of which there are newer versions."""
    root = place / "public"
    root.mkdir()
    (root / "manifest.toml").write_text(MANIFEST)
    settings = NpmSettings({}, place, place, registry.url, LIMITS)
    for name in ("x", "@s/y"):
        registry.publish(name, "1.0.0", packed({"package.json": "{}", "d/a.js": f"{name} 1", "d/b.js": "b"}))
    add(root, ["x", "@s/y@~1.0.0"], settings)
    for name, version in (("x", "2.0.0"), ("@s/y", "1.0.1"), ("@s/z", "1.0.0")):
        registry.publish(name, version, packed({"package.json": "{}", "d/a.js": f"{name} {version}"}))
    lock = read_lock(root / "manifest.lock")
    write_lock(root / "manifest.lock", Lock(lock.libraries, {"npm/x@1.0.0/d/a.js": LockedFile(_A)}))
    return root


_A = "sha384-" + "A" * 64
ARRIVING = {
    "manifest.toml": b'schema = 1\n\n[[publish]]\npath = ["npm/**", "app/**", "fonts/**", "top.js"]\n',
    "manifest.lock": render_lock(Lock({"z@1.0.0": LockedLibrary("sha512-" + "A" * 86 + "==")})),
    "app/a.js": b"new",
    "app/1/b.js": b"b",
    "fonts/1/f.woff2": b"f",
    "top.js": b"t",
    "npm/z@1.0.0/d/z.js": b"z",
}


def _stopped(root: Path, registry: LocalRegistry, command: str, how: str) -> list[dict[str, object]]:
    program = [sys.executable, "-m", "tests.npm.killed", str(root), registry.url, command, how]
    done = subprocess.run(program, cwd=HERE, capture_output=True, text=True, check=False)
    assert ("", 0) == (done.stderr, done.returncode)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("how", ["kill", "interrupt"])
@pytest.mark.parametrize(
    ("command", "least"), [("add", 40), ("remove", 25), ("update", 40), ("sync", 30), ("import", 40)]
)
def test_a_command_that_is_stopped_at_any_step(
    root: Path, registry: LocalRegistry, command: str, least: int, how: str
) -> None:
    lock = read_lock(root / "manifest.lock")
    write_lock(root / "manifest.lock", Lock(lock.libraries))
    if command == "sync":
        shutil.rmtree(root / "npm" / "x@1.0.0")
        (root / "npm" / "@s" / "y@1.0.0" / "d" / "a.js").unlink()
        (root / "npm" / "@s" / "y@1.0.0" / "d" / "b.js").unlink()
        (root / "npm" / "old@1.0.0").mkdir()
        (root / "npm" / "old@1.0.0" / "a.js").write_text("old")
    if command == "import":
        (root / "app").mkdir()
        (root / "app" / "a.js").write_text("old")
        (root.with_name(ARCHIVE)).write_bytes(archive_of(ARRIVING))
    seen = _stopped(root, registry, command, how)
    assert len(seen) >= least
    assert [] == [one for one in seen if not one["whole"] or one["outcome"] == "neither"]
    assert {"before", "after"} == {one["outcome"] for one in seen}
    if how == "interrupt":
        # Who is told to stop leaves nothing to the next one.
        assert [] == [one for one in seen if not one["at_once"]]
