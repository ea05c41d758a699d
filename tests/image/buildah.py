"""buildah, as the tests of the image use it: a store of its own, chroot isolation, no engine and no registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASE = "python:3.13-slim"
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class Buildah:
    """A store for images in `folder`."""

    folder: Path

    def __call__(self, *arguments: str) -> str:
        """Run a command of buildah; give what it printed."""
        store = ("--root", str(self.folder / "store"), "--runroot", str(self.folder / "run"), "--storage-driver", "vfs")
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(
            ["buildah", *store, *arguments], check=False, capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, f"buildah {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def build(self, context: Path, name: str, *options: str) -> str:
        """Build a Dockerfile, each step anew; give the image's id. Everything is dated alike (reproducible builds)."""
        self("bud", "--pull-never", "--format", "docker", "--timestamp", "0", "-t", name, *options, str(context))
        return self("inspect", "--type", "image", "--format", "{{.FromImageID}}", name)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return an image's configuration, in Docker's form."""
        described: dict[str, Any] = json.loads(self("inspect", "--type", "image", name))["Docker"]
        return described

    def mount(self, name: str) -> tuple[str, Path]:
        """Make a container of an image; give its name and where its files lie."""
        container = self("from", "--pull-never", name)
        return container, Path(self("mount", container))

    def remove_all(self) -> None:
        """Remove containers and images."""
        self("rm", "--all")
        shutil.rmtree(self.folder, ignore_errors=True)


def make_base(buildah: Buildah, folder: Path) -> None:
    """Make a Debian with Python and pip, and give it the name that the Dockerfile's FROM has."""
    mirror, suite = _mirror()
    packages = "--include=python3-minimal,python3-pip,ca-certificates"
    subprocess.run(
        ["debootstrap", "--variant=minbase", packages, suite, str(folder), mirror], check=True, capture_output=True
    )
    _behave_like_the_real_one(folder)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(folder), "/")
    buildah("commit", "--quiet", container, BASE)
    buildah("rm", container)
    shutil.rmtree(folder)


def _mirror() -> tuple[str, str]:
    """Return the address and the suite from which this machine has its packages."""
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"],
        check=True,
        capture_output=True,
        text=True,
    )
    mirror, suite = next(line for line in said.stdout.splitlines() if "-" not in line.rpartition(" ")[2]).split()
    return mirror, suite


def _behave_like_the_real_one(folder: Path) -> None:
    # Debian's pip refuses to install beside Debian's packages, and its python3 has no short name.
    for marker in folder.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    (folder / "usr/bin/python").symlink_to("python3")
    # What this machine trusts and where its pip looks is what the build is to trust and where it is to look.
    trusted = os.environ.get("SSL_CERT_FILE", f"/{_CERTIFICATES}")
    shutil.copyfile(trusted, folder / _CERTIFICATES)
    index = subprocess.run(["pip", "config", "get", "global.index-url"], check=False, capture_output=True, text=True)
    if index.returncode == 0:
        (folder / "etc/pip.conf").write_text(f"[global]\nindex-url = {index.stdout.strip()}\n")
