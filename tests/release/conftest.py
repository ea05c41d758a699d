"""What the tests of releases share: a look at which files a build opens."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.release.opened import Opened


@pytest.fixture(scope="session")
def hook() -> Opened:
    """An audit hook can't be taken away again, so there is one for all tests."""
    opened = Opened()
    sys.addaudithook(opened.note)
    return opened


@pytest.fixture
def opened(hook: Opened) -> Iterator[Opened]:
    """Note the name of each file that is opened, by any function of Python, until told to forget."""
    hook.start()
    yield hook
    hook.stop()
