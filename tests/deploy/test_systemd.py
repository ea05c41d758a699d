"""The units in deploy/systemd: systemd understands them, and what they set is what the program knows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from cdnserve.cli.serve import command

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
NAMES = ("cdnserve.service", "cdnserve.socket")


def read(name: str) -> dict[str, list[str]]:
    """Return all values of each key; comments are left out."""
    found = defaultdict(list)
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[key].append(value)
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_understands_them(tmp_path: Path) -> None:
    for name in NAMES:
        text = (UNITS / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/opt/cdnserve/bin/cdnserve", sys.executable), encoding="utf-8")
    analyze = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in NAMES)]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(analyze, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (0, []) == (done.returncode, [line for line in done.stderr.splitlines() if "cdnserve" in line])


def test_the_variables_are_the_programs() -> None:
    known = {parameter.envvar for parameter in command.params}
    named = {pair.partition("=")[0] for line in read("cdnserve.service")["Environment"] for pair in line.split()}
    assert {"CDNSERVE_ROOT", "CDNSERVE_STATE"} <= named
    assert set() == named - known


def test_the_grace_is_longer_than_the_drain() -> None:
    defaults = {parameter.name: parameter.default for parameter in command.params}
    (grace,) = read("cdnserve.service")["TimeoutStopSec"]
    assert int(grace) > int(str(defaults["drain_seconds"])) + int(str(defaults["shutdown_delay"]))


def test_one_socket_is_passed() -> None:
    """More than one, and the server would not know which is meant."""
    assert 1 == len(read("cdnserve.socket")["ListenStream"])
    assert ["notify"] == read("cdnserve.service")["Type"]
