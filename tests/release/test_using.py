"""Releases in use: a mark keeps a catalog, and goes with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cdnserve.release.using import Use, Uses, unused


@pytest.fixture
def catalogs(tmp_path: Path) -> list[Path]:
    for number in range(4):
        (tmp_path / f"{number}.cat").touch()
    return [tmp_path / f"{number}.cat" for number in range(4)]


def is_unused(catalog: Path) -> bool:
    with unused(catalog) as found:
        return found


def test_a_mark_is_seen_until_it_is_closed(catalogs: list[Path]) -> None:
    first, second = Use(catalogs[0]), Use(catalogs[0])
    assert not is_unused(catalogs[0])
    first.close()
    first.close()
    assert not is_unused(catalogs[0])
    second.close()
    assert is_unused(catalogs[0])
    assert is_unused(catalogs[1])


def test_a_catalog_that_is_not_there_is_not_in_use(tmp_path: Path) -> None:
    assert is_unused(tmp_path / "gone.cat")
    Use(tmp_path / "gone.cat").close()


def test_a_mark_goes_with_whoever_forgets_it(catalogs: list[Path]) -> None:
    Use(catalogs[0])
    assert is_unused(catalogs[0])


def test_a_mark_goes_with_a_process_that_is_killed(catalogs: list[Path]) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom cdnserve.release.using import Use\n"
        "use = Use(Path(sys.argv[1]))\nprint('marked', flush=True)\nsys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(catalogs[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with process:
        assert process.stdout
        assert b"marked\n" == process.stdout.readline()
        assert not is_unused(catalogs[0])
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert is_unused(catalogs[0])


def test_a_server_keeps_what_it_served_a_moment_ago(catalogs: list[Path]) -> None:
    """Answers may be under way, so a mark goes ten minutes after another release was taken up."""
    now = 0.0
    uses = Uses(lambda: now)
    for catalog in catalogs[:3]:
        with uses.next(catalog):
            pass
    assert [False, False, False, True] == [is_unused(catalog) for catalog in catalogs]
    now = 601.0
    with uses.next(catalogs[3]):
        pass
    assert [True, True, False, False] == [is_unused(catalog) for catalog in catalogs]


def test_what_can_not_be_loaded_is_not_in_use(catalogs: list[Path]) -> None:
    uses = Uses()
    with uses.next(catalogs[0]):
        pass
    with pytest.raises(ZeroDivisionError), uses.next(catalogs[1]):
        _ = 1 / 0
    assert [False, True] == [is_unused(catalog) for catalog in catalogs[:2]]
