"""`python -m bench.release`: what builds and starts cost, as ratios to tools that do the least that the task asks for.

Everything is measured in turns in one run, in seconds of CPU (user and system, children included) so that other work
on the machine does not decide; medians of several runs. `--json` gives the numbers to programs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256, sha384, sha512
from pathlib import Path

HERE = Path(__file__).parents[1]
FILES = 20_000
MANIFEST = 'schema = 1\n[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n'

BUILD = (
    "import sys; from pathlib import Path; from cdnserve.release.build import build; build(*map(Path, sys.argv[1:3]))"
)
QUICK = BUILD.replace("(*map(Path, sys.argv[1:3]))", "(*map(Path, sys.argv[1:3]), quick=True)")
# What was done before: all that text can get, at full effort.
ALL = """
import sys
from pathlib import Path
from cdnserve.release import make
from cdnserve.release.build import build
from cdnserve.release.encode import Encodable
from cdnserve.rules.media_types import is_text
make.find_texts = lambda files, *_: {
    digest: Encodable(size, "full", ("br", "gzip", "zstd"))
    for path, (digest, size, form) in files.items() if is_text(path, form)
}
build(*map(Path, sys.argv[1:3]))
"""
HASH = """
import sys, time
from cdnserve.release.scan import scan
from cdnserve.release.read import Sources, read
tree = scan(sys.argv[1])
paths = sorted(tree.names)
start = time.process_time()
with Sources(tree.root) as sources:
    for path in paths:
        read(sources, path)
print(time.process_time() - start)
"""
START = """
import sys, gc, os
from pathlib import Path
import cdnserve.release.catalog
from cdnserve.release.store import Store
def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
catalog = Store(Path(sys.argv[1])).load()
print((resident() - before) / len(catalog.assets))
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured, what it may be at most, and what it means."""

    name: str
    value: float
    bar: float
    unit: str

    @property
    def met(self) -> bool:
        """Return whether it is good enough."""
        return self.value <= self.bar


def make_root(root: Path, files: int) -> Path:
    """Write so many files of about 10 KB: one in four is one of 250 scripts, the others are fonts, all different."""
    chance = random.Random(1)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(3000)]
    scripts = [" ".join(chance.choices(words, k=_size(chance) // 6)).encode() for _ in range(250)]
    root.mkdir()
    (root / "manifest.toml").write_text(MANIFEST)
    for at in range(files):
        path = root / f"npm/library{at // 200}@1.0.0/{'js' if at % 4 == 0 else 'files'}/{at % 200}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if at % 4 == 0:
            path.with_suffix(".js").write_bytes(chance.choice(scripts))
        else:
            path.with_suffix(".woff2").write_bytes(chance.randbytes(_size(chance)))
    return root


def _size(chance: random.Random) -> int:
    return int(chance.lognormvariate(8.8, 0.9))


def make_packages(root: Path) -> Path:
    """Write a root of packages as they are: of each module of Python's library a script, minified, a map and types."""
    root.mkdir()
    (root / "manifest.toml").write_text(MANIFEST)
    for source in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = source.read_text("utf-8", "replace")
        folder = root / f"npm/{source.stem.strip('_')}@1.0.0/dist"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.js").write_text(text)
        (folder / "index.min.js").write_text("".join(line.strip() + ";" for line in text.splitlines()))
        (folder / "index.js.map").write_text(json.dumps({"version": 3, "sourcesContent": [text]}))
        (folder / "index.d.ts").write_text(text[: len(text) // 4])
    return root


def make_release(state: Path, assets: int) -> Path:
    """Write a release in which every asset has all four representations; blobs have their sizes, and hold nothing."""
    from cdnserve.manifest.model import Site
    from cdnserve.manifest.reader import parse_manifest
    from cdnserve.release.blobs import blob_path
    from cdnserve.release.catalog import SCHEMA, Asset, Catalog, Coding, Representation, encode
    from cdnserve.release.writer import Silence, Writer

    made = {}
    for at in range(assets):
        octets = at.to_bytes(4)
        codings: tuple[Coding, ...] = ("identity", "br", "zstd", "gzip")
        items = tuple(Representation(c, 9000 + at, sha256(octets + c.encode()).digest()) for c in codings)
        path = f"npm/library{at // 200}@1.0.0/dist/module{at % 200}.min.js"
        made[path] = Asset(0, sha384(octets).digest(), sha512(octets).digest(), items, 1_700_000_000 + at)
    with Writer(str(state), Silence()) as writer:
        for item in (item for asset in made.values() for item in asset.representations):
            blob = Path(blob_path(str(state), item.sha256.hex()))
            blob.parent.mkdir(exist_ok=True)
            blob.touch()
            os.truncate(blob, item.size)
        catalog = Catalog(SCHEMA, 1, Site(), parse_manifest(MANIFEST).rules, dict(sorted(made.items())))
        writer.publish(1, encode(catalog))
    return state


def run(command: Sequence[str | Path]) -> tuple[float, float, str]:
    """Run a program; give its seconds of CPU and by the clock, and what it printed."""
    # As an installed program runs: modules are compiled once, not each time.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = kept | {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir(), "cdnserve-bench-cache"))}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*map(str, command)], cwd=HERE, env=environment, check=True, capture_output=True, text=True)
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return cpu, end - start, done.stdout


def python(program: str, *arguments: Path) -> list[str | Path]:
    """Return the command that runs a Python program."""
    return [sys.executable, "-c", program, *arguments]


def in_turns(runs: int, measures: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Take each measure in turn, again and again; give the medians. The first turn only warms up."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for turn in range(runs + 1):
        for name, measure in measures.items():
            value = measure()
            if turn:
                taken[name].append(value)
    return {name: statistics.median(values) for name, values in taken.items()}


def measure_builds(root: Path, state: Path, runs: int) -> list[Result]:
    """Compare hashing with sha384sum, and a build without changes with find."""
    run(python(BUILD, root, state))
    find: list[str | Path] = ["find", root, "-printf", "%p %s %T@ %i\n"]
    hashing: list[str | Path] = ["sh", "-c", 'find "$1" -type f -print0 | xargs -0 sha384sum', "sh", root / "npm"]
    command: list[str | Path] = [sys.executable, "-m", "cdnserve", "build", root, "--state", state]
    found = in_turns(
        runs,
        {
            "sha384sum": lambda: run(hashing)[0],
            "hash": lambda: float(run(python(HASH, root))[2]),
            "find": lambda: run(find)[0],
            "python": lambda: run(python("pass"))[0],
            "build": lambda: run(python(BUILD, root, state))[0],
            "command": lambda: run(command)[0],
        },
    )
    return [
        Result("hashing thrice, against sha384sum", found["hash"] / found["sha384sum"], 1.5, "times"),
        Result(
            "build() without changes, less interpreter start, against find",
            (found["build"] - found["python"]) / found["find"],
            6,
            "times",
        ),
        Result(
            "cdnserve build without changes, less interpreter start, against find",
            (found["command"] - found["python"]) / found["find"],
            7,
            "times",
        ),
    ]


def measure_first_build(root: Path, folder: Path, runs: int) -> list[Result]:
    """Compare a first build with reading and hashing, with the efforts of before, and its state with the source."""
    states = (folder / f"first{at}" for at in itertools.count())

    def build(program: str) -> tuple[float, float, str]:
        return run(python(program, root, next(states)))

    def both() -> float:
        state = next(states)
        return sum(run(python(program, root, state))[0] for program in (QUICK, BUILD))

    found = in_turns(
        runs,
        {
            "hash": lambda: run(python(HASH, root))[1],
            "hash start": lambda: run(python("import cdnserve.release.read, cdnserve.release.scan"))[1],
            "start": lambda: run(python("import cdnserve.release.make"))[1],
            "quick": lambda: build(QUICK)[1],
            "both": both,
            "before": lambda: build(ALL)[0],
        },
    )
    state = next(states)
    run(python(BUILD, root, state))
    return [
        Result(
            "until a server may listen, less program start, against reading and hashing, by the clock",
            (found["quick"] - found["start"]) / (found["hash"] - found["hash start"]),
            1.5,
            "times",
        ),
        Result(
            "a first build, both stages, against all at full effort", found["both"] / found["before"], 1 / 3, "times"
        ),
        *measure_room(root, state),
    ]


def measure_room(root: Path, state: Path) -> list[Result]:
    """Compare what a release takes with its source."""
    source, blobs, whole = _octets(root), _octets(state / "blobs"), _octets(state)
    return [
        Result("files and codings in the state folder, against the source", blobs / source, 1.2, "times"),
        Result("its notes beside them", (whole - blobs) / source, 0.2, "times"),
        Result("the state folder, against the source", whole / source, 1.2, "times"),
    ]


def _octets(folder: Path) -> int:
    """Return the octets of all files, of one that has several names once."""
    found = (path.stat() for path in folder.rglob("*") if path.is_file() and ".cdnserve" not in path.parts)
    return sum({status.st_ino: status.st_size for status in found}.values())


def measure_start(state: Path, runs: int) -> list[Result]:
    """Start a Python that loads a release of assets with four representations each."""
    found = in_turns(
        runs,
        {"seconds": lambda: run(python(START, state))[1], "octets": lambda: float(run(python(START, state))[2])},
    )
    return [
        Result("start with an existing release, by the clock", found["seconds"], 1, "seconds"),
        Result("resident memory of the catalog", found["octets"], 2000, "octets an asset"),
    ]


def main() -> None:
    """Measure, print, and fail when a bar was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--files", type=int, default=FILES, help="how many files the tree has")
    parser.add_argument("--runs", type=int, default=7, help="how often each thing is measured")
    parser.add_argument("--packages", type=Path, help="a root of packages for the first build, instead of one made up")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cdnserve-bench-"))
    try:
        results = measure_builds(make_root(folder / "root", arguments.files), folder / "state", arguments.runs)
        packages = arguments.packages or make_packages(folder / "packages")
        results += measure_first_build(packages, folder, min(arguments.runs, 3))
        results += measure_start(make_release(folder / "full", arguments.files), arguments.runs)
    finally:
        shutil.rmtree(folder)
    if arguments.json:
        print(json.dumps([asdict(result) | {"met": result.met} for result in results], indent=2))
    else:
        for result in results:
            verdict = "met" if result.met else "MISSED"
            print(f"{result.name:<70} {result.value:8.2f} {result.unit} (at most {result.bar:g}: {verdict})")
    sys.exit(not all(result.met for result in results))


if __name__ == "__main__":
    main()
