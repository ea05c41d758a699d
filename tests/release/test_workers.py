"""Workers: processes that encode side by side, whatever program started the build."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release import encode
from cdnserve.release.blobs import Blobs, StoreError
from cdnserve.release.encode import Job, Result, batched, cores, run, serve
from tests.release.roots import SCRIPT


@pytest.fixture
def state(tmp_path: Path) -> str:
    for name in ("blobs", "drafts"):
        (tmp_path / "state" / name).mkdir(parents=True)
    return str(tmp_path / "state")


@pytest.fixture
def jobs(state: str) -> list[Job]:
    """Enough to do for two processes."""
    made: list[Job] = []
    with Blobs(state) as blobs:
        for number in range(6):
            octets = b"%d" % number + SCRIPT * 100
            blobs.put(hashlib.sha256(octets).hexdigest(), octets)
            made.append((hashlib.sha256(octets).hexdigest(), len(octets), "gzip"))
    return made


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that a test started; all have ended when it is over."""
    processes: list[subprocess.Popen[bytes]] = []
    real = encode._start

    def start(state: str) -> subprocess.Popen[bytes]:
        processes.append(real(state))
        return processes[-1]

    monkeypatch.setattr(encode, "_start", start)
    yield processes
    assert all(process.poll() is not None for process in processes)


def results(state: str, jobs: list[Job], count: int) -> list[Result]:
    return sorted((result for batch in run(state, jobs, count) for result in batch), key=lambda result: result[0])


def test_processes_come_to_what_one_process_comes_to(
    state: str, jobs: list[Job], started: list[subprocess.Popen[bytes]]
) -> None:
    expected = results(state, jobs, 1)
    assert [] == started
    assert expected == results(state, jobs, 2)
    assert 2 == len(started)
    assert [0, 0] == [process.returncode for process in started]
    assert all(result[2] for result in expected)


def test_little_to_do_starts_no_process(state: str, jobs: list[Job], started: list[subprocess.Popen[bytes]]) -> None:
    assert 1 == len(results(state, jobs[:1], 8))
    assert [] == started


def test_nothing_to_do_starts_no_process(state: str, started: list[subprocess.Popen[bytes]]) -> None:
    assert [] == results(state, [], 8)
    assert [] == started


def test_a_python_that_can_not_start_itself_encodes_alone(
    state: str, jobs: list[Job], started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An embedded interpreter does not know its program."""
    monkeypatch.setattr(sys, "executable", "")
    assert 6 == len(results(state, jobs, 2))
    assert [] == started


def test_what_does_not_pay_comes_back_as_nothing(
    state: str, jobs: list[Job], started: list[subprocess.Popen[bytes]]
) -> None:
    noise = os.urandom(300_000)
    with Blobs(state) as blobs:
        blobs.put(hashlib.sha256(noise).hexdigest(), noise)
    name = hashlib.sha256(noise).hexdigest()
    found = {name: coded for name, _, coded in results(state, [*jobs, (name, len(noise), "br")], 2)}
    assert found[name] is None
    assert 6 == sum(coded is not None for coded in found.values())


def test_a_killed_worker_is_told(
    state: str, jobs: list[Job], started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = encode._talk

    def kill_and_talk(worker: subprocess.Popen[bytes], batch: list[Job]) -> list[Result]:
        worker.kill()
        worker.wait()
        return real(worker, batch)

    monkeypatch.setattr(encode, "_talk", kill_and_talk)
    with pytest.raises(ConfigurationError) as told:
        results(state, jobs, 2)
    [problem] = told.value.problems
    assert ("encoder-died", f"signal {signal.SIGKILL}") == (problem.reference, problem.value)


def test_a_worker_that_fails_is_told(state: str, jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(
        encode, "_start", lambda _: subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    )
    with pytest.raises(ConfigurationError) as told:
        results(state, jobs, 2)
    assert ("encoder-died", "exit status 3") == (told.value.problems[0].reference, told.value.problems[0].value)


def test_a_worker_that_can_not_be_started_is_told(
    state: str, jobs: list[Job], started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ones that did start are stopped."""
    real = encode._start

    def start(state: str) -> subprocess.Popen[bytes]:
        if started:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real(state)

    monkeypatch.setattr(encode, "_start", start)
    with pytest.raises(ConfigurationError) as told:
        results(state, jobs, 2)
    assert "Resource temporarily unavailable" == told.value.problems[0].value


def test_a_failing_store_is_told_by_the_worker(
    state: str, jobs: list[Job], started: list[subprocess.Popen[bytes]]
) -> None:
    (Path(state) / "drafts").rmdir()
    with pytest.raises(StoreError) as told:
        results(state, jobs, 2)
    assert "No such file or directory" == told.value.error.strerror


def test_who_stops_listening_stops_the_workers(
    state: str, jobs: list[Job], started: list[subprocess.Popen[bytes]]
) -> None:
    """So does Ctrl-C: what was encoded until then is stored."""
    running = run(state, jobs, 2)
    assert next(running)
    running.close()
    assert [process.poll() is not None for process in started] == [True, True]


def test_a_worker_answers_line_by_line(state: str, jobs: list[Job]) -> None:
    answering = io.BytesIO()
    missing = ("ab" * 32, 5, "br")
    serve(
        state, io.BytesIO(b"".join(json.dumps(batch).encode() + b"\n" for batch in ([jobs[0]], [missing]))), answering
    )
    first, second = map(json.loads, answering.getvalue().splitlines())
    [[name, coding, [size, digest]]] = first["done"]
    assert jobs[0][0] == name
    assert "gzip" == coding
    assert size == os.stat(f"{state}/blobs/{digest[:2]}/{digest}").st_size
    assert [2, "No such file or directory"] == second["failed"]


def test_batches_are_large_first_and_lose_nothing() -> None:
    jobs: list[Job] = [(str(number), number * 1000, "br") for number in range(1000)]
    batches = list(batched(jobs))
    assert sorted(jobs) == sorted(job for batch in batches for job in batch)
    assert "999" == batches[0][0][0]
    assert 1 == len(batches[0])
    assert len(batches[-1]) > 1


def test_there_is_a_core() -> None:
    assert cores() >= 1


def test_cores_are_counted_where_affinity_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert 1 == cores()


# No guard, as a beginner writes it: a pool of multiprocessing would run this again in every process.
UNGUARDED = """
import sys
from pathlib import Path
from cdnserve.release import build as module
from cdnserve.release.build import build
module.cores = lambda: 2
print(build(Path(sys.argv[1]), Path(sys.argv[2])).changed)
"""

MAINS = [
    pytest.param(["script.py"], None, id="a script without a guard"),
    pytest.param(["-c", UNGUARDED], None, id="a command"),
    pytest.param(["-"], UNGUARDED, id="standard input"),
]


@pytest.mark.parametrize(("arguments", "program"), MAINS)
def test_any_program_can_build(tmp_path: Path, arguments: list[str], program: str | None) -> None:
    """Also from a folder that holds modules with the names of ours."""
    root, place = tmp_path / "root", tmp_path / "place"
    for folder in (root, place):
        folder.mkdir()
    (root / "manifest.toml").write_text('schema = 1\n[[publish]]\npath = "**"\ncors = "any"\n')
    for number in range(4):
        (root / f"{number}.js").write_bytes(b"%d" % number + SCRIPT * 50)
    (place / "script.py").write_text(UNGUARDED)
    (place / "json.py").write_text("raise SystemExit('a module from the working folder')")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(encode.__file__).parents[2]), *filter(None, sys.path)])
    }
    command = [sys.executable, "-P", *arguments, str(root), str(tmp_path / "state")]
    done = subprocess.run(
        command, cwd=place, env=environment, input=program, capture_output=True, text=True, check=False
    )
    assert ("True\n", "", 0) == (done.stdout, done.stderr, done.returncode)
