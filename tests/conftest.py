"""What every test stands on: the same examples each time, and no setting of the person who runs them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from coverage import Coverage
from hypothesis import settings

from tests.azurite import CONTAINER, azurite
from tests.engine import BUCKET, Engine, start_engine, stop_engine
from tests.fake_s3 import FakeS3, fake_s3
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


@pytest.fixture(scope="session")
def engine() -> Engine:
    """A real S3 engine; skips, with a reason, where there is none, and fails in CI."""
    return start_engine()


@pytest.fixture
def bucket(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty place in a real S3 engine, which the environment says how to reach."""
    for name, value in engine.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid4().hex}"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    """A small S3 that lies when it is told to; the environment says how to reach it."""
    with fake_s3() as fake:
        for name, value in fake.environment.items():
            monkeypatch.setenv(name, value)
        yield fake


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    """The same as Google's store."""
    with fake_s3() as fake:
        for name, value in fake.google.items():
            monkeypatch.setenv(name, value)
        yield fake


@pytest.fixture(scope="session")
def azure_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that say how to reach an emulator of Azure's store; skips where it is not installed."""
    with azurite(tmp_path_factory.mktemp("azurite")) as environment:
        yield environment


@pytest.fixture
def azure(azure_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty place in that store, which the environment says how to reach."""
    for name, value in azure_environment.items():
        monkeypatch.setenv(name, value)
    return f"az://{CONTAINER}/{uuid4().hex}"


def pytest_configure(config: pytest.Config) -> None:
    """Forget where this person's own server has its files and listens."""
    for name in ("CDNSERVE_ROOT", "CDNSERVE_STATE", "CDNSERVE_STORE", "CDNSERVE_HOST", "CDNSERVE_PORT"):
        os.environ.pop(name, None)
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        del os.environ[name]


def pytest_sessionfinish() -> None:
    """End the process that others were forked from, before coverage is combined, and the object store."""
    end_template()
    stop_engine()
