"""What every test stands on: the same examples each time, and no setting of the person who runs them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from coverage import Coverage
from hypothesis import is_hypothesis_test, settings

from tests.azurite import CONTAINER, azurite
from tests.engine import BUCKET, Engine, start_engine, stop_engine
from tests.fake_s3 import FakeS3, fake_s3
from tests.forked import COVERAGE, end_templates, load_package

TESTS = Path(__file__).parent
# Not measured: tests of what several modules do together, for each of these has tests of its own; of the repository's
# text; and of how time grows.
UNMEASURED = (
    *("browser", "contract", "deploy", "edges", "image", "proofs"),
    *(f"{layer}/scenarios" for layer in ("cli", "manifest", "npm", "release", "server", "snippets", "verify")),
    *(f"test_{text}.py" for text in ("architecture", "errors", "ground", "layers", "patterns", "pumped")),
)

# `pytest --hypothesis-profile=explore` looks for examples that nobody has seen yet.
settings.register_profile("repeat", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("repeat")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait a while for a process, a browser or a clock."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """Have coverage see how the package is loaded, and look away while the tests are."""
    if Coverage.current():
        load_package()
    with _unmeasured():
        return (yield)


@pytest.fixture(scope="module", autouse=True)
def _measured(request: pytest.FixtureRequest) -> Iterator[None]:
    """Measure a module that tests one of the package, and the processes that it starts, and no other."""
    if any(request.path.is_relative_to(TESTS / one) for one in UNMEASURED) or _is_marked(request.node):
        with _unmeasured():
            yield
    else:
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Don't measure what says so, nor a property test: examples cover its lines, and it repeats them."""
    if _is_marked(item) or is_hypothesis_test(getattr(item, "obj", None)):
        with _unmeasured():
            return (yield)
    return (yield)


def _is_marked(node: pytest.Item | pytest.Collector) -> bool:
    return node.get_closest_marker("unmeasured") is not None


@contextmanager
def _unmeasured() -> Iterator[None]:
    for_processes = os.environ.pop(COVERAGE, None)
    stopped = []
    while measuring := Coverage.current():  # two in a process of xdist: the process's own, and that of pytest-cov
        measuring.stop()
        stopped.append(measuring)
    try:
        yield
    finally:
        for measuring in reversed(stopped):
            measuring.start()
        if for_processes is not None:
            os.environ[COVERAGE] = for_processes


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
    """End the processes that others were forked from, before coverage is combined, and the object store."""
    end_templates()
    stop_engine()
