"""Docker Compose itself, which reads a file as `up` would, and says what is wrong with it; no engine is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(sys.prefix, "bin/docker-compose")
Services = dict[str, dict[str, Any]]


class ComposeError(Exception):
    """What Compose says of a file that it does not take, or only with a warning."""


def read(file: Path, **environment: str) -> Services:
    """Return the services of a file, as Compose has them in the end; raise ComposeError with what is wrong."""
    if not PROGRAM.is_file():
        pytest.skip("Docker Compose is installed for Linux on x86-64 alone")
    done = subprocess.run(
        [PROGRAM, "--file", file, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode or done.stderr:
        raise ComposeError(done.stderr)
    services: Services = json.loads(done.stdout)["services"]
    return services
