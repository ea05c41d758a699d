"""Memory under floods: what a worker's resident memory grows by when no two requests are alike.

Never judges: the tests compare what is counted with what is allocated. This shows the whole process.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_MEMORY = 64
_SENT_MIB = 250
_MIB = 1 << 20
_MANIFEST = 'schema = 1\n[[publish]]\npath = "lib/**"\ncors = "any"\ncache = "revalidate"\n'

FLOODS: dict[str, Callable[[int], bytes]] = {
    "a hundred fields": lambda n: b"host: a\r\n" + b"host:\r\n" * 98 + b"range: bytes=0-%d\r\n" % n,
    "nine thousand fields": lambda n: b"host:\r\n" * 9000 + b"range: bytes=0-%d\r\n" % n,
    "long If-None-Match": lambda n: b'host: a\r\nif-none-match: "%d-%b"\r\n' % (n, b"x" * 57_000),
    "shorter If-None-Match": lambda n: b'host: a\r\nif-none-match: "%d-%b"\r\n' % (n, b"x" * 7_000),
    "origins": lambda n: b"host: a\r\norigin: https://o%d.example\r\n" % n,
    "user agents": lambda n: b"host: a\r\nuser-agent: %d\r\n" % n,
}


def main() -> None:
    """Flood a worker of its own with each kind, and print what its memory grew by."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "public"
        (root / "lib").mkdir(parents=True)
        (root / "lib/a.js").write_text("export const a = 1;\n")
        (root / "manifest.toml").write_text(
            'schema = 1\n[[publish]]\npath = "lib/**"\ncors = "any"\ncache = "revalidate"\n'
        )
        for name, fields in FLOODS.items():
            print(f"{name}: {_flood(root, fields):.0f} MiB of {_MEMORY}")


def _flood(root: Path, fields: Callable[[int], bytes]) -> float:
    options = ["--port", "0", "--memory", f"{_MEMORY}M"]
    command = [sys.executable, "-m", "cdnserve", "serve", str(root), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        lines = server.stdout or ()
        port = next(int(line.rpartition(b":")[2].strip(b"/\n ")) for line in lines if b"http://" in line)
        before = _resident(server.pid)
        _send(port, fields)
        grown = _resident(server.pid) - before
        server.terminate()
    return grown / _MIB


def _send(port: int, fields: Callable[[int], bytes]) -> None:
    sent = number = 0
    ends = time.monotonic() + 60
    while sent < _SENT_MIB * _MIB and time.monotonic() < ends:
        with socket.create_connection(("127.0.0.1", port)) as client:
            for _ in range(200):
                number += 1
                head = b"GET /lib/a.js HTTP/1.1\r\n%b\r\n" % fields(number)
                client.sendall(head)
                sent += len(head)
                if b"connection: close" in client.recv(65536):
                    break


def _resident(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
