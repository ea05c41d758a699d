"""The container image: what is in it, what it needs, and its two uses (a folder mounted, a folder baked in)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.image.buildah import BASE, Buildah
from tests.image.conftest import ROOT
from tests.image.container import Container, command, running

USER = "10001"
FILE = "/demo/1.0.0/greet.js"
STATE = "/var/lib/cdnserve"
BAKED = """\
FROM cdnserve AS files
USER 0
COPY public /srv/public
RUN cdnserve sync

FROM cdnserve
COPY --from=files /srv/public /srv/public
RUN cdnserve build --locked
"""
MOST_OCTETS = 120 * 1024**2


class Image:
    """An image, unpacked."""

    def __init__(self, buildah: Buildah, name: str) -> None:
        self.described = buildah.inspect(name)
        self.config: dict[str, Any] = self.described["config"]
        self.container, self.root = buildah.mount(name)

    def command(self, mounts: Sequence[tuple[str, str]], *arguments: str, **settings: str) -> list[str]:
        """Return the command that runs the image as it says, on loopback and a free port."""
        environment = dict(line.split("=", 1) for line in self.config["Env"])
        environment |= {"CDNSERVE_HOST": "127.0.0.1", "CDNSERVE_PORT": "0"} | settings
        whole = arguments or (*self.config["Entrypoint"], *self.config["Cmd"])
        user, _, group = self.config["User"].partition(":")
        assert user == group == USER
        return command(self.root, user, mounts, {**environment, "PWD": self.config["WorkingDir"]}, whole)


@pytest.fixture(scope="session")
def plain(buildah: Buildah, image: str) -> Image:
    """Unpack the image itself."""
    return Image(buildah, "cdnserve")


@pytest.fixture(scope="session")
def baked(buildah: Buildah, image: str, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Build an image with the demo in it, by the lines that the documentation gives."""
    context = tmp_path_factory.mktemp("baked")
    shutil.copytree(ROOT / "public", context / "public", ignore=shutil.ignore_patterns(".cdnserve"))
    (context / "Dockerfile").write_text(BAKED)
    buildah.build(context, "baked")
    return Image(buildah, "baked")


@pytest.fixture
def mounted(plain: Image) -> Iterator[Container]:
    """Run the image with the demo's folder mounted, read-only, and a file system in memory for releases."""
    mounts = [(str(ROOT / "public"), "/srv/public"), ("tmpfs", STATE)]
    with running(plain.command(mounts)) as container:
        yield container


def test_the_documented_lines_are_the_tested_ones() -> None:
    assert BAKED in (ROOT / "docs/production.md").read_text(encoding="utf-8")


def test_the_configuration_says_how_to_run_it(plain: Image) -> None:
    config = plain.config
    assert config["Entrypoint"] == ["cdnserve"]
    assert config["Cmd"] == ["serve"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "cdnserve", "healthcheck", "--ready"]
    assert config["Labels"]["org.opencontainers.image.title"] == "cdnserve"
    assert not config.get("Volumes")


def test_it_is_small(buildah: Buildah, plain: Image) -> None:
    _, base = buildah.mount(BASE)
    assert octets(plain.root) - octets(base) < MOST_OCTETS


def test_it_has_neither_source_nor_build_tools(plain: Image) -> None:
    packages = [path.name for path in plain.root.glob("usr/local/lib/python3*/*-packages/*")]
    assert any(name.startswith("cdnserve-") for name in packages)
    assert not any(name.startswith(("hatchling", "editables")) for name in packages)
    assert not [*plain.root.glob("build"), *plain.root.glob("wheels"), *plain.root.rglob("*.whl")]


def test_the_same_source_gives_the_same_layers(buildah: Buildah, plain: Image) -> None:
    buildah.build(ROOT, "again")
    assert buildah.inspect("again")["rootfs"]["diff_ids"] == plain.described["rootfs"]["diff_ids"]


def test_a_mounted_folder_is_served(mounted: Container) -> None:
    status, headers, content = mounted.get(FILE)
    assert (status, headers["access-control-allow-origin"]) == (200, "*")
    assert content == (ROOT / f"public{FILE}").read_bytes()


def test_the_stop_signal_drains(mounted: Container) -> None:
    assert mounted.get(FILE)[0] == 200
    assert mounted.stop() == 0


def test_the_health_check_needs_no_shell(plain: Image, mounted: Container) -> None:
    test = plain.config["Healthcheck"]["Test"][1:]
    assert run(plain.command([], *test, CDNSERVE_PORT=str(mounted.port))) == 0
    mounted.stop()
    assert run(plain.command([], *test, CDNSERVE_PORT=str(mounted.port))) == 1


def test_without_a_folder_it_says_what_is_missing(plain: Image) -> None:
    done = subprocess.run(plain.command([("tmpfs", STATE)]), check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "[manifest-missing]" in done.stderr


def test_a_baked_image_needs_no_writable_disk(baked: Image) -> None:
    """It serves the release that is in it: the root is read-only, and nothing is mounted over the state."""
    with running(baked.command([])) as container:
        status, headers, content = container.get(FILE, Accept_Encoding="br")
        assert (status, headers["content-encoding"]) == (200, "br")
        assert content
        assert container.get("/-/ready")[0] == 200
        assert container.stop() == 0


def test_a_baked_image_with_several_workers(baked: Image) -> None:
    with running(baked.command([], CDNSERVE_WORKERS="2")) as container:
        assert container.get(FILE)[0] == 200
        assert container.stop() == 0


def test_a_baked_image_starts_on_its_release(baked: Image) -> None:
    """Nothing is built at the start: the release's number is the one that the image was made with."""
    done = subprocess.run(
        baked.command([], "cdnserve", "releases", "--json"), capture_output=True, text=True, check=True
    )
    assert [release["release"] for release in json.loads(done.stdout)["releases"]] == [1]


def test_what_compose_runs_on_a_store(plain: Image, tmp_path: Path) -> None:
    """By the file in deploy: `publish` writes into the volume, and a replica reads it, each with what it is given."""
    services = yaml.safe_load((ROOT / "deploy/compose-store.yaml").read_text(encoding="utf-8"))["services"]
    store = tmp_path / "store"
    store.mkdir()
    os.chown(store, int(USER), int(USER))  # as Docker fills a new volume, from the folder of the image
    publish, replica = services["publish"], services["replica-1"]
    given = [*mounts_of(publish, store), *(("tmpfs", place.partition(":")[0]) for place in publish["tmpfs"])]
    published = plain.command(given, "cdnserve", *publish["command"], **environment_of(publish))
    assert run(published) == 0
    assert run(published) == 0
    # Here all containers have this machine's own network.
    environment = {**environment_of(replica), "CDNSERVE_ADMIN_HOST": "127.0.0.1", "CDNSERVE_ADMIN_PORT": "0"}
    with running(plain.command(mounts_of(replica, store), **environment)) as container:
        status, headers, content = container.get(FILE)
        assert (status, headers["access-control-allow-origin"]) == (200, "*")
        assert content == (ROOT / f"public{FILE}").read_bytes()
        assert container.get("/-/metrics")[0] == 404  # they are on the admin port
        assert container.stop() == 0


def mounts_of(service: dict[str, Any], store: Path) -> list[tuple[str, str]]:
    """Return what Compose mounts for a service: its volume `store`, the demo, and volumes of its own."""
    found = []
    for volume in service["volumes"]:
        source, _, target = volume.replace("${CDN_PUBLIC:-../public}", "public").partition(":")
        place, _, mode = target.partition(":")
        if source == "store":
            found.append((str(store) if mode == "ro" else f"rw:{store}", place))
        else:
            found.append((str(ROOT / "public"), place) if source == "public" else ("tmpfs", source))
    return found


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """Return the variables of a service, with their defaults; those without any are not set."""
    values = {name: value for name, value in service["environment"].items() if value is not None}
    return {name: re.sub(r"\$\{[A-Z_]+:-(.*)\}", r"\1", value) for name, value in values.items()}


def octets(root: Path) -> int:
    """Sum up the sizes of all files, hard links once."""
    seen = {(s.st_dev, s.st_ino): s.st_size for s in (path.lstat() for path in root.rglob("*") if not path.is_dir())}
    return sum(seen.values())


def run(full_command: Sequence[str]) -> int:
    """Run a command in a container; give its exit status."""
    return subprocess.run(full_command, check=False, capture_output=True).returncode
