"""Content codings: what decodes to the same octets, is worth storing and comes out the same every time."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.model import ContentCoding
from cdnserve.release import encode as encoding
from cdnserve.release.blobs import Blobs, StoreError, blob_path
from cdnserve.release.catalog import Entries
from cdnserve.release.encode import (
    ENCODERS,
    Effort,
    Encodable,
    Job,
    Result,
    batched,
    cores,
    effort,
    encode_all,
    find_texts,
)
from cdnserve.rules.charsets import Form
from tests.cli.processes import UNMEASURED, environment
from tests.release.roots import DECODERS, SCRIPT

CODINGS: tuple[ContentCoding, ...] = ("br", "gzip", "zstd")
EFFORTS: tuple[Effort, ...] = ("full", "cheap")
HERE = Path(__file__).parents[2]
NOISE = random.Random(1).randbytes(5_000)


@pytest.fixture
def state(tmp_path: Path) -> str:
    for name in ("blobs", "drafts"):
        (tmp_path / name).mkdir()
    return str(tmp_path)


def stored(state: str, octets: bytes) -> str:
    name = hashlib.sha256(octets).hexdigest()
    with Blobs(state) as blobs:
        blobs.put(name, octets)
    return name


def coded(state: str, octets: bytes, coding: ContentCoding, effort: Effort = "full") -> bytes | None:
    job = Job(stored(state, octets), len(octets), coding, effort)
    [[(same_job, result)]] = encode_all(state, [job])
    assert job == same_job
    if not result:
        return None
    blob = Path(blob_path(state, result[1].hex())).read_bytes()
    assert (len(blob), hashlib.sha256(blob).digest()) == result
    return blob


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("coding", CODINGS)
def test_coded_octets_decode_to_the_same(state: str, coding: ContentCoding, effort: Effort) -> None:
    blob = coded(state, SCRIPT, coding, effort)
    assert blob is not None
    assert SCRIPT == DECODERS[coding](blob)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    "octets",
    [pytest.param(b"", id="nothing"), pytest.param(b"a", id="one octet"), pytest.param(NOISE, id="noise")],
)
def test_what_does_not_get_smaller_is_not_stored(state: str, coding: ContentCoding, octets: bytes) -> None:
    assert coded(state, octets, coding) is None
    assert 1 == sum(len(files) for _, _, files in os.walk(f"{state}/blobs"))
    assert [] == os.listdir(f"{state}/drafts")


@pytest.mark.parametrize(
    ("size", "kept"), [pytest.param(95, True, id="5 % saved"), pytest.param(96, False, id="4 % saved")]
)
def test_a_coding_must_save_5_per_cent(state: str, monkeypatch: pytest.MonkeyPatch, size: int, kept: bool) -> None:
    streams = {"gzip": lambda *_: encoding._Stream(lambda _octets: b"", lambda: bytes(size))}
    monkeypatch.setattr(encoding, "_STREAMS", MappingProxyType(streams))
    assert kept == (coded(state, NOISE[:100], "gzip") is not None)


@pytest.mark.parametrize("coding", CODINGS)
def test_the_same_octets_give_the_same_coding(state: str, tmp_path: Path, coding: ContentCoding) -> None:
    """No clock, no name, no chance: replicas agree on every digest."""
    other = tmp_path / "other"
    for name in ("blobs", "drafts"):
        (other / name).mkdir(parents=True)
    assert coded(state, SCRIPT, coding) == coded(str(other), SCRIPT, coding)


def test_gzip_tells_no_time_and_no_name(state: str) -> None:
    """RFC 1952 §2.3: flags and mtime are zero."""
    blob = coded(state, SCRIPT, "gzip")
    assert blob is not None
    assert (b"\x1f\x8b", 8, 0, 0) == struct.unpack("<2sBBI", blob[:8])


def test_the_strongest_efforts_are_used(state: str) -> None:
    """Brotli 11, gzip 9 and zstd 19 are as small as their libraries make them."""
    blobs = {coding: coded(state, SCRIPT, coding) or b"" for coding in CODINGS}
    assert len(blobs["br"]) <= len(brotli.compress(SCRIPT, quality=11))
    assert len(blobs["gzip"]) <= len(gzip.compress(SCRIPT, 9))
    assert len(blobs["zstd"]) <= len(zstandard.compress(SCRIPT, 19))


FULL = [
    *("dist/a.min.js", "dist/a.js", "a.mjs", "a.css", "a.html", "a.svg", "a.json", "a.ttf", "a.wasm", "source.js"),
    *("esm/a.js", "srcs/a.js"),
]
CHEAP = [
    *("a.js.map", "a.css.map", "a.d.ts", "a.d.mts", "a.ts", "a.tsx", "a.cjs", "a.cjs.js", "a.js.flow", "a.vue"),
    *("LICENSE", "LICENSE-MIT", "README.md", "CHANGELOG", "a.markdown", "a.scss", "a.less", "a.yml", "a.txt"),
    *("package.json", "x/tsconfig.json", "src/a.js", "x/src/deep/a.css", "dist/cjs/a.js", "a.development.js"),
]


@pytest.mark.parametrize("path", FULL)
def test_what_pages_load_is_worth_the_full_effort(path: str) -> None:
    assert "full" == effort(path, [path])


@pytest.mark.parametrize("path", CHEAP)
def test_what_tools_and_people_read_is_encoded_cheaply(path: str) -> None:
    assert "cheap" == effort(path, [path])


@pytest.mark.parametrize(
    ("path", "other"),
    [("x/a.js", "x/a.min.js"), ("x/a.js", "x/a.prod.js"), ("x/a.js", "x/a.mjs"), ("x/a.ttf", "x/a.woff2")],
)
def test_what_lies_there_in_a_better_form_is_encoded_cheaply(path: str, other: str) -> None:
    assert ("cheap", "full") == (effort(path, [path, other]), effort(other, [path, other]))


def test_the_highest_effort_of_all_paths_counts() -> None:
    """And what a package names for pages is worth it, wherever it lies."""
    one, two, three, four = (bytes([at]) * 32 for at in range(4))
    files: dict[str, tuple[bytes, int, Form | None]] = {
        "src/a.js": (one, 1, "text"),
        "a.js": (one, 1, "text"),
        "b.js": (two, 2, "text"),
        "src/b.js": (two, 2, "text"),
        "npm/x@1.0.0/src/c.js": (three, 3, "text"),
        "npm/x@1.0.0/src/d.js": (four, 4, "text"),
        "e.png": (b"e" * 32, 5, None),
    }
    expected = {name: Encodable(at, "full", ("br",)) for at, name in ((1, one), (2, two), (3, three))}
    expected[four] = Encodable(4, "cheap", ("br",))
    assert expected == find_texts(files, {"npm/x@1.0.0": Entries(main="src/c.js")}, ("br",))


@pytest.mark.parametrize("coding", CODINGS)
def test_the_cheap_effort_costs_few_octets(state: str, coding: ContentCoding) -> None:
    text = (HERE / "cdnserve/release/encode.py").read_bytes()
    full, cheap = (len(coded(state, text, coding, effort) or b"") for effort in EFFORTS)
    assert full <= cheap <= full * 1.1


def test_a_zstd_window_has_no_more_than_8_megabytes(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9659 §3: a user agent may refuse a larger one."""
    octets = random.Random(2).randbytes(1 << 16) * 160
    for large in (1 << 20, 1 << 30):
        monkeypatch.setattr(encoding, "LARGE", large)
        frame = zstandard.get_frame_parameters(coded(state, octets, "zstd") or b"")
        assert frame.window_size <= 8 << 20
        assert len(octets) == frame.content_size


@pytest.mark.parametrize("coding", CODINGS)
def test_large_blobs_are_encoded_piece_by_piece(
    state: str, monkeypatch: pytest.MonkeyPatch, coding: ContentCoding
) -> None:
    monkeypatch.setattr(encoding, "LARGE", 1 << 10)
    monkeypatch.setattr(encoding, "_CHUNK", 1 << 8)
    blob = coded(state, SCRIPT, coding)
    assert blob is not None
    assert SCRIPT == DECODERS[coding](blob)


@pytest.mark.parametrize("coding", CODINGS)
@given(octets=st.binary(max_size=200), times=st.integers(min_value=1, max_value=50))
def test_whatever_is_stored_decodes(
    tmp_path_factory: pytest.TempPathFactory, coding: ContentCoding, octets: bytes, times: int
) -> None:
    state = tmp_path_factory.mktemp("state")
    for name in ("blobs", "drafts"):
        (state / name).mkdir()
    blob = coded(str(state), octets * times, coding)
    assert blob is None or octets * times == DECODERS[coding](blob)


def test_a_blob_that_is_gone_is_a_failure_of_the_store(state: str) -> None:
    with pytest.raises(StoreError) as told:
        list(encode_all(state, [Job("ab" * 32, 10, "gzip")]))
    assert "No such file or directory" == told.value.error.strerror
    assert [] == os.listdir(f"{state}/drafts")


def test_every_encoder_is_named_with_its_version() -> None:
    assert {(coding, effort) for coding in CODINGS for effort in ("full", "cheap")} == set(ENCODERS)
    assert len(ENCODERS) == len(set(ENCODERS.values()))
    assert all(brotli.__version__ in ENCODERS["br", effort] for effort in EFFORTS)
    assert all(zstandard.__version__ in ENCODERS["zstd", effort] for effort in EFFORTS)


@pytest.fixture
def jobs(state: str) -> list[Job]:
    """Enough to do for several threads."""
    contents = [b"%d" % number + SCRIPT * 100 for number in range(6)]
    return [Job(stored(state, octets), len(octets), "gzip") for octets in contents]


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """The threads that a test started, on a machine of two cores; all end soon after."""
    started: list[threading.Thread] = []
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        started.append(thread)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.setattr(encoding, "cores", lambda: 2)
    yield started
    for thread in started:
        thread.join(60)
        assert not thread.is_alive()


def results(state: str, jobs: list[Job]) -> list[Result]:
    return sorted((result for batch in encode_all(state, jobs) for result in batch), key=lambda result: result.job.name)


def test_two_threads_come_to_what_one_comes_to(
    state: str, jobs: list[Job], threads: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = results(state, jobs)
    assert 2 == len(threads)
    monkeypatch.setattr(encoding, "cores", lambda: 1)
    assert both == results(state, jobs)
    assert 3 == len(threads)
    assert sorted(job.name for job in jobs) == [job.name for job, coded in both if coded]


def test_nothing_to_do_starts_no_thread(state: str, threads: list[threading.Thread]) -> None:
    assert [] == results(state, [])
    assert [] == threads


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
def test_encoders_give_way_to_a_server_beside_and_nobody_else(
    state: str, jobs: list[Job], threads: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that somebody waits for has the priority that it was started with."""
    nice: set[int] = set()
    before = os.getpriority(os.PRIO_PROCESS, 0)

    def note(size: int, effort: Effort) -> encoding._Stream:
        nice.add(os.getpriority(os.PRIO_PROCESS, 0))
        return encoding._gzip(size, effort)

    monkeypatch.setattr(encoding, "_STREAMS", MappingProxyType({"gzip": note}))
    assert 6 == len(results(state, jobs))
    assert {before} == nice
    nice.clear()
    assert 6 == len([result for batch in encode_all(state, jobs, beside=True) for result in batch])
    assert ({before + 5}, before) == (nice, os.getpriority(os.PRIO_PROCESS, 0))


@pytest.mark.parametrize("error", [MemoryError(), brotli.error("no room"), zstandard.ZstdError("no room")])
def test_an_encoder_without_memory_is_told(
    state: str, jobs: list[Job], threads: list[threading.Thread], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> encoding._Stream:
        raise error

    monkeypatch.setattr(encoding, "_STREAMS", MappingProxyType({"gzip": fail}))
    with pytest.raises(ConfigurationError) as told:
        results(state, jobs)
    [problem] = told.value.problems
    assert ("encoder-died", str(error) or "MemoryError") == (problem.reference, problem.value)


def test_a_thread_that_can_not_be_started_is_told(
    state: str, jobs: list[Job], threads: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if threads:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(ConfigurationError) as told:
        results(state, jobs)
    assert "can't start new thread" == told.value.problems[0].value


def test_who_stops_listening_stops_the_work(state: str, jobs: list[Job], threads: list[threading.Thread]) -> None:
    """What was encoded until then is stored, and what was begun leaves nothing behind."""
    running = encode_all(state, jobs)
    (_, coded), *_ = next(running)
    assert coded is not None
    running.close()
    for thread in threads:
        thread.join(60)
    assert Path(blob_path(state, coded[1].hex())).exists()
    assert [] == os.listdir(f"{state}/drafts")


def test_a_blob_that_nobody_wants_any_more_is_left_at_its_next_piece(
    state: str, threads: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[bytes] = []
    at_work, may_go_on = threading.Event(), threading.Event()

    def feed(octets: bytes) -> bytes:
        pieces.append(octets)
        at_work.set()
        may_go_on.wait(60)
        return b""

    streams = {"gzip": encoding._gzip, "br": lambda *_: encoding._Stream(feed, bytes)}
    monkeypatch.setattr(encoding, "_STREAMS", MappingProxyType(streams))
    monkeypatch.setattr(encoding, "_CHUNK", 1 << 10)
    monkeypatch.setattr(encoding, "_BATCH", 1)
    name = stored(state, SCRIPT)
    running = encode_all(state, [Job(name, len(SCRIPT), "br"), Job(name, len(SCRIPT), "gzip")])
    assert next(running)
    assert at_work.wait(60)
    running.close()
    may_go_on.set()
    for thread in threads:
        thread.join(60)
    assert [SCRIPT[:1024]] == pieces
    assert [] == os.listdir(f"{state}/drafts")


def test_batches_are_large_first_and_lose_nothing() -> None:
    jobs = [Job(str(number), number * 1000, "br") for number in range(1000)]
    batches = list(batched(jobs))
    assert sorted(jobs) == sorted(job for batch in batches for job in batch)
    assert "999" == batches[0][0].name
    assert 1 == len(batches[0])
    assert len(batches[-1]) > 1


def test_there_is_a_core() -> None:
    assert cores() >= 1


def test_cores_are_counted_where_affinity_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert 1 == cores()


# As a person at the terminal does it, in the midst of a piece that takes a while.
INTERRUPTED = """
import os, signal, sys, threading
from cdnserve.release import encode
encode.cores = lambda: 2
heard, hurry = threading.Event(), threading.Event()
def feed(octets):
    # A signal right before Python waits is noticed when it wakes: else at the next result, but here is none.
    while not heard.wait(1):
        os.kill(os.getpid(), signal.SIGINT)
    hurry.wait()
encode._STREAMS = {"gzip": lambda *_: encode._Stream(feed, bytes)}
try:
    list(encode.encode_all(sys.argv[1], [encode.Job(sys.argv[2], 1, "gzip")]))
except KeyboardInterrupt:
    heard.set()
    print("interrupted", flush=True)
"""


def test_nobody_waits_for_a_large_piece_at_ctrl_c(state: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, state, stored(state, SCRIPT)]
    done = subprocess.run(
        command, cwd=HERE, env=environment(**UNMEASURED), capture_output=True, text=True, check=False, timeout=60
    )
    assert ("interrupted\n", "", 0) == (done.stdout, done.stderr, done.returncode)
