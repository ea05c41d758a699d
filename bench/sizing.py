"""`python -m bench.sizing`: memory and disk that a server takes, the numbers that sizing starts from.

Memory is what the process alone has resident (USS, from /proc), so shared pages of the interpreter don't count twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[1]
MANIFEST = 'schema = 1\n[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n'
CONNECTIONS = 1000
FEW, MANY = 10, 20_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """What was measured, in octets."""

    worker: int
    asset: float
    connection: float
    disk: float

    def lines(self) -> Iterator[str]:
        """Say it."""
        yield f"a worker with {FEW} assets: {self.worker / 2**20:.0f} MiB of its own"
        yield f"each asset more: {self.asset / 1024:.1f} KiB"
        yield f"each idle connection more: {self.connection / 1024:.1f} KiB"
        yield f"a release on disk: {self.disk:.2f} times the JavaScript that it is made of"


def make_root(root: Path, assets: int) -> Path:
    """Write as many small scripts, each different."""
    noise = random.Random(1)
    root.mkdir()
    (root / "manifest.toml").write_text(MANIFEST)
    for at in range(assets):
        folder = root / f"npm/many@{at // 1000}.0.0"
        folder.mkdir(parents=True, exist_ok=True)
        lines = (f"export const n{i} = {noise.randrange(10**9)}; // {at}\n" for i in range(noise.randrange(20, 60)))
        (folder / f"{at % 1000}.js").write_text("".join(lines))
    return root


@contextmanager
def serving(root: Path) -> Iterator[tuple[int, int]]:
    """Serve a root; give the process and its port."""
    command = [sys.executable, "-m", "cdnserve", "serve", str(root), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=HERE) as server:
        port = int((server.stdout or sys.stdin).readline().rpartition(":")[2])
        try:
            yield server.pid, port
        finally:
            server.terminate()


def own_memory(pid: int) -> int:
    """Return the memory that would be free without this process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def connected(port: int, stack: ExitStack) -> None:
    """Open a connection that has been used once and is idle now."""
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
    connection.sendall(b"GET /npm/many@0.0.0/0.js HTTP/1.1\r\nHost: cdn\r\n\r\n")
    connection.recv(65_536)


def measured(folder: Path) -> Sizes:
    """Measure a small root and a large one."""
    with serving(make_root(folder / "few", FEW)) as (pid, port), ExitStack() as stack:
        connected(port, stack)
        worker = own_memory(pid)
        for _ in range(CONNECTIONS):
            connected(port, stack)
        connection = (own_memory(pid) - worker) / CONNECTIONS
    root = make_root(folder / "many", MANY)
    with serving(root) as (_, _):
        pass  # the build's memory is no part of a server's that starts later
    with serving(root) as (pid, port), ExitStack() as stack:
        connected(port, stack)
        asset = (own_memory(pid) - worker) / (MANY - FEW)
    stored = sum(path.stat().st_size for path in (root / ".cdnserve").rglob("*") if path.is_file())
    source = sum(path.stat().st_size for path in (root / "npm").rglob("*") if path.is_file())
    return Sizes(worker, asset, connection, stored / source)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = measured(Path(folder))
    if arguments.json:
        print(json.dumps({name: getattr(sizes, name) for name in Sizes.__slots__}))
    else:
        print(*sizes.lines(), sep=os.linesep)


if __name__ == "__main__":
    main()
