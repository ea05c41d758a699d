"""A real S3 engine for tests: OpenStack Swift, started once for all of a run, when a test first asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

REPOSITORY = Path(__file__).parent.parent
SCRIPTS = REPOSITORY.parent / "shared/swift"
BUCKET = "releases"


@dataclass(frozen=True, slots=True)
class Engine:
    """What SDKs have to know of a running engine: `environment` has the variables."""

    folder: Path
    environment: dict[str, str]

    @property
    def port(self) -> int:
        return urlsplit(self.environment["AWS_ENDPOINT_URL"]).port or 0


def engine_folder() -> Path:
    """Return where the engine of this run lives, the same for all processes of pytest-xdist, which have one parent."""
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    return Path(tempfile.gettempdir()) / f"cdnserve-swift-{run}"


def start_engine(folder: Path | None = None) -> Engine:
    """Start Swift, or find it running; skip where there is none, which is a failure in CI.

    What a test kills has a folder of its own; what was killed is started again by the same call.
    """
    python, up = _python(), SCRIPTS / "swift-up.sh"
    if not up.is_file():
        _refuse(f"there is no {up}")
    if not python:
        _refuse("Swift is not installed: make swift")
    folder = folder or engine_folder()
    started = subprocess.run(
        ["bash", up, folder, "", BUCKET],
        env={"PATH": os.environ["PATH"], "SWIFT_PYTHON": python},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if started.returncode:
        _refuse(f"Swift did not start: {started.stderr.strip()[-400:]}")
    pairs = (line.partition("=") for line in started.stdout.splitlines())
    return Engine(folder, {name: value for name, _, value in pairs if value})


def stop_engine(own: Path | None = None) -> None:
    """Stop a test's own engine, or that of this run, if there is one, where no other process of the run is left."""
    folder = own or engine_folder()
    if (own or "PYTEST_XDIST_WORKER" not in os.environ) and folder.is_dir():
        subprocess.run(["bash", SCRIPTS / "swift-down.sh", folder, "--purge"], timeout=60, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _python() -> str:
    """Return an interpreter that has Swift, as SWIFT_PYTHON or SWIFT_VENV names it, or `make swift` made it."""
    named = os.environ.get("SWIFT_PYTHON")
    beside = Path(f"{sys.prefix}-swift")
    venv = Path(os.environ.get("SWIFT_VENV") or beside, "bin/python")
    return named or (str(venv) if venv.is_file() else "")


def _refuse(reason: str) -> NoReturn:
    if os.environ.get("CDNSERVE_REQUIRE_STORE"):
        pytest.fail(reason)
    pytest.skip(reason)
