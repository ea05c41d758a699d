"""`python -m bench.store`: what an object store costs, against copying with the same library, and against a folder.

In turns in one run, in seconds of CPU of what is measured: the store's own time is not in it. The store is a small one
in memory, or the one that `--store` names, which variables say how to reach.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from uuid import uuid4

from bench.cases import MANY, Case, many_path
from bench.load import Measured, cpu_seconds
from bench.release import Result, in_turns, python, run
from bench.serve import Bench, make_root
from bench.servers import REPLICA, build, running
from cdnserve.release.remote import open_store
from cdnserve.release.store import Store

UPLOADED, STARTED = 10_000, 20_000
# What `aws s3 sync` and its like do: list what is there, send the rest, as many at once as `publish` does.
COPY = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from obstore.store import S3Store
state, url = Path(sys.argv[1]), sys.argv[2]
store = S3Store.from_url(url, client_options={"allow_http": True})
there = {meta["path"] for page in store.list("blobs") for meta in page}
def send(name):
    if name not in there:
        store.put(name, (state / name).read_bytes(), use_multipart=False)
names = [path.relative_to(state).as_posix() for path in (state / "blobs").rglob("*") if path.is_file()]
with ThreadPoolExecutor(16) as threads:
    print(len(list(threads.map(send, names))))
"""
PUBLISH = """
import sys
from pathlib import Path
from cdnserve.release.publish import publish
from cdnserve.release.remote import open_store
from cdnserve.release.store import Store
from cdnserve.release.writer import Silence
state = Path(sys.argv[1])
print(publish(state, Store(state).current(), open_store(sys.argv[2]), Silence()).blobs)
"""
CASES = tuple(
    Case(name, path, servers=("cdnserve", REPLICA), many=many)
    for name, path, many in (
        ("1 KB", "/npm/one@1.0.0/1k.bin", 0),
        ("70 KB", "/npm/one@1.0.0/70k.bin", 0),
        ("1 MB", "/npm/one@1.0.0/1m.bin", 0),
        ("2,000 files at random", many_path(0), MANY),
    )
)


def plant(root: Path, files: int) -> Path:
    """Write and build so many different files that have no content codings."""
    (root / "npm").mkdir(parents=True)
    (root / "manifest.toml").write_text('schema = 1\n[[publish]]\npath = "**"\ncors = "any"\ncache = "immutable"\n')
    for at in range(files):
        (root / f"npm/{at}.woff2").write_bytes(at.to_bytes(4) * 1500)
    build(root)
    return root


def counted(command: list[str | Path], expected: int) -> float:
    """Return the seconds of CPU of a program that prints how much it has done, which has to be all."""
    cpu, _, done = run(command)
    if int(done) != expected:
        raise SystemExit(f"{int(done)} instead of {expected}")
    return cpu


def measure_upload(folder: Path, store: str, files: int, runs: int) -> Result:
    """Send as many different blobs to an empty place as there are files."""
    root = plant(folder / "uploaded/root", files)

    def send(program: str) -> float:
        return counted([*python(program, root.parent / "state"), f"{store}/{uuid4().hex}"], files)

    found = in_turns(runs, {"publish": lambda: send(PUBLISH), "copy": lambda: send(COPY)})
    return Result(f"upload of {files:,} files, against copying", found["publish"] / found["copy"], 2, "times")


def measure_start(folder: Path, store: str, files: int, runs: int) -> Result:
    """Start on a release of so many files until it listens: with a root, and as a replica whose cache is empty."""
    root = plant(folder / "started/root", files)
    state = root.parent / "state"
    remote, number = open_store(store), Store(state).current() or 0
    remote.create_release(number, Store(state).catalog(number).read_bytes())
    remote.set_pointer(number)

    def start(*options: Path | str) -> float:
        command = [sys.executable, "-m", "cdnserve", "serve", *map(str, options), "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        with process, process.stdout or nullcontext() as said:
            listening = said.readline() if said else ""
            spent = cpu_seconds(process.pid)
            process.terminate()
        if not listening.startswith("listening"):
            raise SystemExit(f"it did not start: {listening}")
        return spent

    found = in_turns(
        runs,
        {
            "folder": lambda: start(root, "--state", state),
            "replica": lambda: start("--store", store, "--state", folder / uuid4().hex),
        },
    )
    return Result(f"start with {files:,} files, against a folder", found["replica"] / found["folder"], 1, "times")


def measure_requests(folder: Path, rounds: int, seconds: int) -> Iterator[Result]:
    """Ask a folder's server and a replica that has fetched what is asked for, side by side."""
    root = folder / "served/root"
    make_root(root, MANY)
    build(root)
    bench = Bench(folder, rounds, seconds)
    with running(["cdnserve", REPLICA], root, folder) as servers:
        for case in CASES:
            found: dict[str, Measured] = bench.run(case, servers)
            if any(measured.failed for measured in found.values()):
                raise SystemExit(f"requests failed: {found}")
            ratio = found[REPLICA].cpu / found["cdnserve"].cpu
            yield Result(f"a request for {case.name}, against a folder", ratio, 1.15, "times")


@contextmanager
def some_store(url: str) -> Iterator[str]:
    """Yield the URL of a place in a store: the one that is named, or a small one in memory."""
    if url:
        yield f"{url.rstrip('/')}/bench-{uuid4().hex}"
        return
    from tests.fake_s3 import fake_s3

    with fake_s3() as fake:
        os.environ.update(fake.environment)
        yield fake.url


def main() -> None:
    """Measure, print, and fail when a bar was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--store", default="", metavar="URL", help="a store to use; what is written there stays")
    parser.add_argument("--uploaded", type=int, default=UPLOADED, help="how many files are uploaded")
    parser.add_argument("--started", type=int, default=STARTED, help="how many files a server has that is started")
    parser.add_argument("--runs", type=int, default=3, help="how often each thing is measured")
    parser.add_argument("--seconds", type=int, default=2, help="how long requests are sent, each time")
    parser.add_argument("--no-requests", action="store_true", help="do without wrk")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cdnserve-bench-"))
    try:
        with some_store(arguments.store) as store:
            results = [measure_upload(folder, f"{store}/upload", arguments.uploaded, arguments.runs)]
            results.append(measure_start(folder, f"{store}/start", arguments.started, arguments.runs))
        if not arguments.no_requests:
            results += measure_requests(folder, arguments.runs, arguments.seconds)
    finally:
        shutil.rmtree(folder)
    for result in results:
        verdict = "met" if result.met else "MISSED"
        print(f"{result.name:<55} {result.value:8.2f} {result.unit} (at most {result.bar:g}: {verdict})")
    sys.exit(not all(result.met for result in results))


if __name__ == "__main__":
    main()
