"""What every test stands on: the same examples each time, and no setting of the person who runs them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage
from hypothesis import settings

from tests.forked import end_template

COVERAGE = "COVERAGE_PROCESS_CONFIG"

# `pytest --hypothesis-profile=explore` looks for examples that nobody has seen yet.
settings.register_profile("repeat", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("repeat")


@pytest.fixture(scope="module")
def unmeasured() -> Iterator[None]:
    """Have coverage look away from a module's tests, and from the processes that they start.

    For tests that repeat a lot what others cover line by line: measured, they would take two to four times as long.
    """
    settings, measured = os.environ.pop(COVERAGE, None), Coverage.current()
    if measured:
        measured.stop()
    yield
    if measured:
        measured.start()
    if settings is not None:
        os.environ[COVERAGE] = settings


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what a kill leaves there is the same, and syncing costs nothing."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def pytest_configure(config: pytest.Config) -> None:
    """Forget where this person's own server has its files and listens."""
    for name in ("CDNSERVE_ROOT", "CDNSERVE_STATE", "CDNSERVE_HOST", "CDNSERVE_PORT"):
        os.environ.pop(name, None)


def pytest_sessionfinish() -> None:
    """End the process that others were forked from, before coverage is combined."""
    end_template()
