"""The npm registry that this machine is configured for, asked for what people use.

Skips where none is configured or reachable; these tests are marked, and bounded to three packages.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.libraries import Settings, add, sync
from tests.libraries.conftest import MANIFEST

pytestmark = pytest.mark.network

SPECS = ("jquery@3.7.1", "bootstrap@5.3.3", "@fontsource/inter@5.1.0")
ABSENT = {"registry-unknown", "registry-unreachable"}


def _settings() -> Settings:
    return Settings(os.environ, Path.home(), Path.cwd())


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the three packages, fetched once."""
    root = tmp_path_factory.mktemp("public")
    (root / "manifest.toml").write_text(MANIFEST)
    try:
        added = add(root, SPECS, _settings())
    except ConfigurationError as error:
        if ABSENT.issuperset(problem.reference for problem in error.problems):
            pytest.skip(f"no npm registry can be asked: {error}")
        raise
    assert SPECS == tuple(f"{one.library.name}@{one.library.version}" for one in added.libraries)
    assert [] == [warning for warning in added.warnings if warning.reference != "registry-plain-http"]
    return root


@pytest.mark.parametrize(
    ("path", "published"),
    [
        pytest.param(
            "npm/jquery@3.7.1/dist/jquery.min.js",
            "sha256-/JqT3SQfawRcv/BIHPThkBvs0OEvtFFmqPF/lYI/Cxo=",
            id="jQuery's script",
        ),
        pytest.param(
            "npm/bootstrap@5.3.3/dist/css/bootstrap.min.css",
            "sha384-QWTKZyjpPEjISv5WaRU9OFeRpok6YctnYmDr5pNlyT2bRjXh0JMhjY6hW+ALEwIH",
            id="Bootstrap's stylesheet",
        ),
        pytest.param(
            "npm/bootstrap@5.3.3/dist/js/bootstrap.bundle.min.js",
            "sha384-YvpcrYf0tY3lHB60NNkmXc5s9fDVZLESaAA55NDzOxhy9GkcIdslK1eN7N6jIeHz",
            id="Bootstrap's script",
        ),
    ],
)
def test_the_integrity_that_the_projects_publish(real: Path, path: str, published: str) -> None:
    algorithm = published.partition("-")[0]
    digest = hashlib.new(algorithm, (real / path).read_bytes()).digest()
    assert published == f"{algorithm}-{base64.b64encode(digest).decode()}"


def test_a_font_has_its_licence(real: Path) -> None:
    folder = real / "npm/@fontsource/inter@5.1.0"
    assert (folder / "LICENSE").is_file()
    assert b"wOF2" == (folder / "files/inter-latin-400-normal.woff2").read_bytes()[:4]


@pytest.mark.parametrize("spec", SPECS)
def test_every_file_equals_what_npm_packs(real: Path, tmp_path: Path, spec: str) -> None:
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed, and is what to compare with")
    subprocess.run([npm, "pack", spec, "--silent"], cwd=tmp_path, check=True, capture_output=True, timeout=300)
    (packed,) = tmp_path.glob("*.tgz")
    expected: dict[str, tuple[bytes, int]] = {}
    with tarfile.open(packed) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content:
                expected[member.name.partition("/")[2]] = (content.read(), int(member.mtime))
    folder = real / "npm" / spec
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert expected == {name: (path.read_bytes(), int(path.stat().st_mtime)) for name, path in files.items()}


def test_the_lock_has_what_npm_would_lock(real: Path) -> None:
    lock = (real / "manifest.lock").read_text()
    # From the lock files of the world: the tarball of jquery 3.7.1.
    assert "sha512-m4avr8yL8kmFN8psrbFFFmB/If14iN5o9nw/NgnnM+kybDJpRsAynV2BsfpTYrTRysYUdADVD7CkUUizgkpLfg==" in lock
    assert "://" not in lock


def test_what_is_deleted_is_restored_to_the_octet(real: Path, tmp_path: Path) -> None:
    root = tmp_path / "public"
    shutil.copytree(real, root)
    shutil.rmtree(root / "npm")
    synced = sync(root, _settings())
    assert 3 == len(synced.restored)
    for path in (real / "npm").rglob("*"):
        again = root / path.relative_to(real)
        assert path.is_dir() or (path.read_bytes(), path.stat().st_mtime) == (again.read_bytes(), again.stat().st_mtime)


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        pytest.param("jquery@99.99.99", "version-not-found", id="no such version"),
        pytest.param("@fontsource/no-such-font-at-all@1.0.0", "library-not-found", id="no such package"),
    ],
)
def test_what_does_not_exist_is_told(real: Path, spec: str, reference: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        add(real, [spec], _settings())
    assert [reference] == [problem.reference for problem in raised.value.problems]
