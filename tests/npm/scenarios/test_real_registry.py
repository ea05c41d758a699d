"""The npm registry that this machine is configured for, asked for what people use.

Skips where none is configured or reachable, unless CDNSERVE_REQUIRE_REGISTRY is set; marked, and bounded to these few.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.npm.add import add
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.sync import sync
from tests.npm.conftest import MANIFEST

pytestmark = pytest.mark.network

SPECS = (
    "jquery@3.7.1",
    "bootstrap@5.3.3",
    "vue@3.5.13",
    "react@18.3.1",
    "d3@7.9.0",
    "three@0.170.0",
    "htmx.org@1.9.12",
    "alpinejs@3.14.8",
    "@fontsource/inter@5.1.0",
    "monaco-editor@0.52.2",
)
# The integrity that is in the pages of the world, each from where people copy it.
PUBLISHED = (
    # releases.jquery.com, "Script Integration"
    ("jquery@3.7.1/dist/jquery.min.js", "sha256-/JqT3SQfawRcv/BIHPThkBvs0OEvtFFmqPF/lYI/Cxo="),
    # getbootstrap.com/docs/5.3, "CDN links", which also has Popper's
    (
        "bootstrap@5.3.3/dist/css/bootstrap.min.css",
        "sha384-QWTKZyjpPEjISv5WaRU9OFeRpok6YctnYmDr5pNlyT2bRjXh0JMhjY6hW+ALEwIH",
    ),
    (
        "bootstrap@5.3.3/dist/js/bootstrap.bundle.min.js",
        "sha384-YvpcrYf0tY3lHB60NNkmXc5s9fDVZLESaAA55NDzOxhy9GkcIdslK1eN7N6jIeHz",
    ),
    (
        "@popperjs/core@2.11.8/dist/umd/popper.min.js",
        "sha384-I7E8VVD/ismYTF4hNIPjVp/Zjvgyol6VFvRkX/vR+Vc4jQkC+hVqc2pM8ODewa9r",
    ),
    # leafletjs.com, "Quick Start"
    ("leaflet@1.9.4/dist/leaflet.css", "sha256-p4NxAoJBhIIN+hmNHrzRCf9tD/miZyoHS5obTRR9BMY="),
    ("leaflet@1.9.4/dist/leaflet.js", "sha256-20nQCchB9co0qIjJZRGuk2/Z9VM+kNiyxNV1lvTlZBo="),
    # v1.htmx.org/docs, "Installing"
    (
        "htmx.org@1.9.12/dist/htmx.min.js",
        "sha384-ujb1lZYygJmzgSwoxRggbCHcjc0rB2XoQrxeTUQyRjrOnlCoYta87iKBWq3EsdM2",
    ),
    # katex.org/docs, "Browser", of that version
    ("katex@0.16.9/dist/katex.min.css", "sha384-n8MVd4RsNIU0tAv4ct0nTaAbDJwPJzDEaqSD1odI+WdtXRGWt2kTvGFasHpSy3SV"),
    ("katex@0.16.9/dist/katex.min.js", "sha384-XjKyOOlGwcjNTAIQHIpgOno0Hl1YQqzUOEleOLALmuqehneUG+vnGctmUb0ZY0l8"),
    # github.com/pure-css/pure, README, "Use From the CDN"
    ("purecss@1.0.1/build/pure-min.css", "sha384-oAOxQR6DkCoMliIh8yFnu25d7Eq/PHS21PClpwjOTeU2jRSq11vu66rf90/cZr47"),
    # BootstrapCDN (maxcdn.bootstrapcdn.com), "Font Awesome"
    (
        "font-awesome@4.7.0/css/font-awesome.min.css",
        "sha384-wvfXpqpZZVQGK6TAh5PVlGOfQNHSoD2xbE+QkPxCAFlNEevoEH3Sl0sibVcOQVnN",
    ),
    # cdnjs (cdnjs.com/libraries/…, "Copy Script Tag" and "Copy Link Tag")
    (
        "lodash@4.17.21/lodash.min.js",
        "sha512-WFN04846sdKMIP5LKNphMaWzU7YpMyCU245etK3g/2ARYbPK9Ub18eG+ljU96qKRCWh+quCY7yefSmlkQw1ANQ==",
    ),
    (
        "moment@2.29.1/min/moment.min.js",
        "sha512-qTXRIMyZIFb8iQcfjXWCO8+M5Tbc38Qi5WzdPOYZHIlZpzBHG3L3by84BBBOiRGiEb7KKtAOAs5qYdUiZiQNNQ==",
    ),
    (
        "animate.css@4.1.1/animate.min.css",
        "sha512-c42qTSw/wPZ3/5LBzD+Bw5f7bSF2oxou6wEb+I/lqeaKV5FDIfMvvRp772y4jcJLKuGUOpbJMdg/BTl50fJYAw==",
    ),
    (
        "chart.js@2.9.4/dist/Chart.min.js",
        "sha512-d9xgZrVZpmmQlfonhQUvTR7lMPtO7NkZMkA0ABN3PHCbKA5nqylQ/yWlFAyY6hYgdF1Qh6nYiuADWwKB4C2WSw==",
    ),
)
ABSENT = {"registry-unknown", "registry-unreachable"}
REQUIRED = "CDNSERVE_REQUIRE_REGISTRY"


def _spec(path: str) -> str:
    """Return the NAME@VERSION that a path below npm/ begins with."""
    parts = path.split("/")
    return "/".join(parts[: 2 if path.startswith("@") else 1])


EVERY = tuple(dict.fromkeys((*SPECS, *(_spec(path) for path, _ in PUBLISHED))))


def _without(reason: str) -> None:
    if os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, and {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> NpmSettings:
    """Return the settings of whoever runs the tests, but for a cache of their own."""
    environment = {**os.environ, "CDNSERVE_CACHE": str(tmp_path_factory.mktemp("cache"))}
    return NpmSettings(environment, Path.home(), Path.cwd())


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, settings: NpmSettings) -> Path:
    """Return a root with all of them, fetched once."""
    root = tmp_path_factory.mktemp("public")
    (root / "manifest.toml").write_text(MANIFEST)
    try:
        added = add(root, EVERY, settings)
    except ConfigurationError as error:
        if ABSENT.issuperset(problem.reference for problem in error.problems):
            _without(f"no npm registry can be asked: {error}")
        raise
    assert set(EVERY) == {str(one) for one in added.libraries}
    expected = {"registry-plain-http", "version-deprecated"}
    assert [] == [warning for warning in added.warnings if warning.reference not in expected]
    return root


@pytest.fixture(scope="module")
def packed(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what npm packs."""
    npm = shutil.which("npm")
    if not npm:
        _without("npm is not installed, and is what to compare with")
    folder = tmp_path_factory.mktemp("packed")
    # Without a package.json of its own, npm takes the nearest one above for the project.
    (folder / "package.json").write_text("{}")
    subprocess.run([str(npm), "pack", *SPECS, "--silent"], cwd=folder, check=True, capture_output=True, timeout=300)
    return folder


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _written(folder: Path) -> dict[str, tuple[str, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {f.relative_to(folder).as_posix(): (_digest(f.read_bytes()), int(f.stat().st_mtime)) for f in files}


def _members(tarball: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    with tarfile.open(tarball) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content:
                yield member.name.partition("/")[2], (_digest(content.read()), int(member.mtime))


@pytest.mark.parametrize(("path", "published"), [pytest.param(*one, id=one[0]) for one in PUBLISHED])
def test_the_integrity_that_is_in_the_pages_of_the_world(real: Path, path: str, published: str) -> None:
    algorithm = published.partition("-")[0]
    digest = hashlib.new(algorithm, (real / "npm" / path).read_bytes()).digest()
    assert published == f"{algorithm}-{base64.b64encode(digest).decode()}"


def test_these_are_ten_libraries_and_more() -> None:
    assert len({_spec(path).rpartition("@")[0] for path, _ in PUBLISHED}) > 10


@pytest.mark.parametrize("spec", SPECS)
def test_every_file_equals_what_npm_packs(real: Path, packed: Path, spec: str) -> None:
    name, _, version = spec.removeprefix("@").rpartition("@")
    tarball = packed / f"{name.replace('/', '-')}-{version}.tgz"
    assert dict(_members(tarball)) == _written(real / "npm" / spec)


def test_a_font_has_its_licence(real: Path) -> None:
    folder = real / "npm/@fontsource/inter@5.1.0"
    assert (folder / "LICENSE").is_file()
    assert b"wOF2" == (folder / "files/inter-latin-400-normal.woff2").read_bytes()[:4]


def test_the_lock_has_what_npm_would_lock(real: Path) -> None:
    lock = (real / "manifest.lock").read_text()
    # From the lock files of the world: the tarball of jquery 3.7.1.
    assert "sha512-m4avr8yL8kmFN8psrbFFFmB/If14iN5o9nw/NgnnM+kybDJpRsAynV2BsfpTYrTRysYUdADVD7CkUUizgkpLfg==" in lock
    assert "://" not in lock


def test_another_machine_gets_the_same_octets(real: Path, tmp_path: Path, settings: NpmSettings) -> None:
    """From the manifest and the lock alone, and with what is cached, without a registry."""
    root = tmp_path / "public"
    root.mkdir()
    for name in ("manifest.toml", "manifest.lock"):
        shutil.copy(real / name, root / name)
    synced = sync(root, replace(settings, registry="http://127.0.0.1:1/"))
    assert len(EVERY) == len(synced.restored)
    assert _written(real / "npm") == _written(root / "npm")


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        pytest.param("jquery@99.99.99", "version-not-found", id="no such version"),
        pytest.param("jquery@^99", "version-not-found", id="no such range"),
        pytest.param("jquery@no-such-tag", "version-not-found", id="no such tag"),
        pytest.param("@fontsource/no-such-font-at-all@1.0.0", "library-not-found", id="no such package"),
    ],
)
def test_what_does_not_exist_is_told(real: Path, settings: NpmSettings, spec: str, reference: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        add(real, [spec], settings)
    assert [reference] == [problem.reference for problem in raised.value.problems]
