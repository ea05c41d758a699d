"""`python -m bench.libraries`: how long `sync` takes for ten libraries, against `npm ci` of the same ones.

Both take the tarballs from one local registry that has them in memory, in turns, into an empty folder; once with
nothing cached and once with a cache that has everything. The ratio is npm's time divided by ours, of medians.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

HERE = Path(__file__).parents[1]
LIBRARIES = (
    ("jquery", "3.7.1"),
    ("bootstrap", "5.3.3"),
    ("vue", "3.5.13"),
    ("react", "18.3.1"),
    ("d3", "7.9.0"),
    ("three", "0.170.0"),
    ("htmx.org", "1.9.12"),
    ("alpinejs", "3.14.8"),
    ("@fontsource/inter", "5.1.0"),
    ("monaco-editor", "0.52.2"),
)
BAR = 1.0
MANIFEST = 'schema = 1\n\n[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n\n[libraries]\n'


@dataclass(frozen=True, slots=True)
class Tarball:
    """A library's tarball as the local registry has it."""

    name: str
    version: str
    path: str
    octets: bytes

    @property
    def integrity(self) -> str:
        """Return its integrity metadata, as a registry and both locks say it."""
        return "sha512-" + base64.b64encode(hashlib.sha512(self.octets).digest()).decode()


@dataclass(frozen=True, slots=True)
class Result:
    """A case: npm's time divided by ours, and all times in seconds."""

    name: str
    bar: float
    ratio: float
    sync: tuple[float, ...]
    npm: tuple[float, ...]


def tarballs(folder: Path) -> tuple[Tarball, ...]:
    """Have npm fetch the tarballs."""
    specs = [f"{name}@{version}" for name, version in LIBRARIES]
    (folder / "package.json").write_text("{}")
    subprocess.run(["npm", "pack", "--silent", *specs], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return tuple(_tarball(folder, name, version) for name, version in LIBRARIES)


def _tarball(folder: Path, name: str, version: str) -> Tarball:
    file = folder / f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
    return Tarball(name, version, f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz", file.read_bytes())


@contextmanager
def registry(known: Sequence[Tarball]) -> Iterator[str]:
    """Serve the tarballs from memory on loopback; give the address."""
    by_path = {tarball.path: tarball.octets for tarball in known}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # http.server's name
            octets = by_path.get(unquote(self.path), b"")
            self.send_response(200 if octets else 404)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Sync:
    """`cdnserve sync`, in a root of its own."""

    def __init__(self, folder: Path, known: Sequence[Tarball], address: str) -> None:
        self.root, self.cache, self.address = folder / "root", folder / "cache", address
        self.root.mkdir(parents=True)
        pins = "".join(f'"{tarball.name}" = "{tarball.version}"\n' for tarball in known)
        locked = {f"{tarball.name}@{tarball.version}": {"integrity": tarball.integrity} for tarball in known}
        (self.root / "manifest.toml").write_text(MANIFEST + pins)
        (self.root / "manifest.lock").write_text(json.dumps({"schema": 1, "libraries": locked, "immutable": {}}))

    def run(self) -> None:
        """Restore all libraries."""
        shutil.rmtree(self.root / "npm", ignore_errors=True)
        command = [sys.executable, "-m", "cdnserve", "sync", str(self.root), "--registry", self.address]
        _timed(command, HERE, CDNSERVE_CACHE=str(self.cache))


class Npm:
    """`npm ci`, in a folder of its own."""

    def __init__(self, folder: Path, known: Sequence[Tarball], address: str) -> None:
        self.root, self.cache, self.address = folder / "project", folder / "cache", address
        self.root.mkdir(parents=True)
        wanted = {tarball.name: tarball.version for tarball in known}
        project = {"name": "project", "version": "1.0.0", "dependencies": wanted}
        entries: dict[str, object] = {"": project}
        for tarball in known:
            entry = {"version": tarball.version, "resolved": address + tarball.path, "integrity": tarball.integrity}
            entries[f"node_modules/{tarball.name}"] = entry
        lock = {**project, "lockfileVersion": 3, "requires": True, "packages": entries}
        (self.root / "package.json").write_text(json.dumps(project))
        (self.root / "package-lock.json").write_text(json.dumps(lock))

    def run(self) -> None:
        """Install all libraries; as `sync`, it runs no scripts and asks for no audit."""
        shutil.rmtree(self.root / "node_modules", ignore_errors=True)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent", f"--cache={self.cache}"]
        _timed(["npm", "ci", *options, f"--registry={self.address}"], self.root)


def _timed(command: Sequence[str], folder: Path, **environment: str) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment})


def compare(name: str, rounds: int, ours: Sync, npm: Npm, before: Callable[[Path], None]) -> Result:
    """Run both in turns; `before` prepares the cache of each run."""
    times: dict[object, list[float]] = {ours: [], npm: []}
    for _ in range(rounds):
        for one in (ours, npm):
            before(one.cache)
            # What the last run wrote must not be this one's to wait for.
            os.sync()
            start = time.perf_counter()
            one.run()
            times[one].append(time.perf_counter() - start)
    ratio = statistics.median(times[npm]) / statistics.median(times[ours])
    return Result(name, BAR, round(ratio, 2), tuple(times[ours]), tuple(times[npm]))


def main() -> None:
    """Measure and print; exit with 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        known = tarballs(folder)
        with registry(known) as address:
            ours, npm = Sync(folder / "ours", known, address), Npm(folder / "npm", known, address)
            empty = compare("nothing cached", arguments.rounds, ours, npm, _remove)
            full = compare("everything cached", arguments.rounds, ours, npm, lambda _: None)
    results = [empty, full]
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=1))
    else:
        for result in results:
            print(f"sync of ten libraries, {result.name}: {result.ratio} of npm ci's speed (bar {result.bar})")
    sys.exit(any(result.ratio < result.bar for result in results))


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
