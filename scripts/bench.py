"""Benchmark of the build and of the start: what each costs, beside a tool that does the least that the task asks for.

Never judges: it prints numbers and ratios; what they should be stands beside them.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tracemalloc
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CDNSERVE = (sys.executable, "-m", "cdnserve")
MANIFEST = 'schema = 1\n\n[[publish]]\npath = "lib/**"\ncors = "any"\ncache = "revalidate"\n'
ASSETS = 20_000
LARGE_FILES, LARGE_SIZE = 64, 4 << 20
RUNS = 5
PATIENCE_SECONDS = 60


def tree(folder: Path, count: int, suffix: str, content: bytes) -> Path:
    """Write a root folder: a manifest, and `count` files that each differ from all others in 16 octets."""
    generator = random.Random(1)  # the same tree each time
    folder.mkdir()
    (folder / "manifest.toml").write_text(MANIFEST, encoding="utf-8")
    for number in range(count):
        file = folder / f"lib/{number // 100}/{number % 100}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"// %s\n" % generator.randbytes(16).hex().encode() + content)
    return folder


def best(command: Sequence[str | Path], runs: int = RUNS) -> float:
    """Give the shortest wall time of some runs, in seconds: the others were disturbed."""
    return min(wall(command) for _ in range(runs))


def wall(command: Sequence[str | Path]) -> float:
    """Give the wall time of one run, in seconds."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def report(what: str, measured: str, aim: str) -> None:
    """Print one line."""
    print(f"{what:<58} {measured:>22}   {aim}", flush=True)


def hashing(folder: Path) -> None:
    """Compare a first build of files that have no content codings with sha384sum."""
    root = tree(folder / "large", LARGE_FILES, ".bin", random.Random(2).randbytes(LARGE_SIZE))
    files = sorted(root.glob("lib/*/*"))
    plain = best(["sha384sum", *files])
    first = min(wall([*CDNSERVE, "build", root, "--state", folder / f"state{run}"]) for run in range(RUNS))
    cores = len(os.sched_getaffinity(0))
    size = sum(file.stat().st_size for file in files) >> 20
    report(f"sha384sum of {size} MiB", f"{plain:.3f} s", "")
    report(f"first build of {size} MiB on {cores} cores", f"{first:.3f} s", "")
    report("  against sha384sum spread over the same cores", f"{first * cores / plain:.2f} x", "aim: 1.5 x")


def nothing_to_do(root: Path, state: Path) -> None:
    """Compare a build that changes nothing with `find` and the start of an interpreter."""
    find = best(["find", root, "-printf", "%p %s %T@ %i\n"])
    interpreter = best([sys.executable, "-c", "pass"])
    again = best([*CDNSERVE, "build", root, "--state", state])
    report(f"find -printf of {ASSETS} files, and interpreter start", f"{find:.3f} + {interpreter:.3f} s", "")
    report(f"build of {ASSETS} files when none has changed", f"{again:.3f} s", "")
    report("  against both", f"{again / (find + interpreter):.2f} x", "aim: 3 x")


@contextmanager
def serving(root: Path, state: Path) -> Iterator[str]:
    """Start the server; give the URL of its first file."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command: list[str | Path] = [*CDNSERVE, "serve", root, "--state", state, "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}/lib/0/0.js"
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)


def first_answer(root: Path, state: Path) -> float:
    """Give the time from the start of the server to its first answer, in seconds."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    begin = time.perf_counter()
    with serving(root, state) as url:
        while time.perf_counter() - begin < PATIENCE_SECONDS:
            try:
                with direct.open(url, timeout=PATIENCE_SECONDS):
                    return time.perf_counter() - begin
            except urllib.error.URLError:
                time.sleep(0.005)
    sys.exit("bench: the server gave no answer")


def starting(root: Path, state: Path) -> None:
    """Measure the start with an existing release, and what its catalog takes."""
    seconds = min(first_answer(root, state) for _ in range(RUNS))
    report(f"serve: from start to first answer, {ASSETS} assets", f"{seconds:.3f} s", "aim: under 1 s")
    subprocess.run([sys.executable, __file__, "memory", state], check=True)


def memory(state: Path) -> None:
    """Measure the memory of a loaded catalog, compiled for answering."""
    from cdnserve.origin import Origin
    from cdnserve.release.store import Store

    tracemalloc.start()
    origin = Origin(Store(state).load())
    used, _ = tracemalloc.get_traced_memory()
    each = used / len(origin.catalog.assets)
    report("catalog, loaded and compiled for answering", f"{each:.0f} B an asset", "aim: under 2048 B")


def main() -> None:
    """Run every benchmark in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="cdnserve-bench-") as name:
        folder = Path(name)
        if shutil.which("sha384sum"):
            hashing(folder)
        text = b"export const value = { name: 'cdnserve', answer: 42 };\n" * 20
        root, state = tree(folder / "many", ASSETS, ".js", text), folder / "state"
        first = wall([*CDNSERVE, "build", root, "--state", state])
        report(f"first build of {ASSETS} texts, every content coding", f"{first:.1f} s", "")
        nothing_to_do(root, state)
        starting(root, state)


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        memory(Path(sys.argv[2]))
    else:
        main()
