"""Memory under floods: what a worker's resident memory grows by when no two requests are alike.

Never judges: the tests compare what is counted with what is allocated. This shows the whole process.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
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
    "request ids": lambda n: b"host: a\r\nx-request-id: %d\r\nx-forwarded-for: 198.51.100.%d\r\n" % (n, n % 256),
}
# Fields that are as usual, of a request line that is not.
TARGETS: dict[str, Callable[[int], bytes]] = {
    "queries": lambda n: b"/lib/a.js?%d" % n,
    "paths": lambda n: b"/lib/%d.js" % n,
}


def main() -> None:
    """Flood a worker of its own with each kind, and print what its memory grew by."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flood", action="append", choices=[*FLOODS, *TARGETS], help="only these")
    parser.add_argument("--requests", type=int, help="so many of each, however long that takes; prints tenths, too")
    options = parser.parse_args()
    floods = {name: _head_of_fields(fields) for name, fields in FLOODS.items()}
    floods |= {name: _head_of_target(target) for name, target in TARGETS.items()}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "public"
        (root / "lib").mkdir(parents=True)
        (root / "lib/a.js").write_text("export const a = 1;\n")
        (root / "manifest.toml").write_text(_MANIFEST)
        for name in options.flood or floods:
            _flood(root, name, floods[name], options.requests)


def _head_of_fields(fields: Callable[[int], bytes]) -> Callable[[int], bytes]:
    return lambda n: b"GET /lib/a.js HTTP/1.1\r\n%b\r\n" % fields(n)


def _head_of_target(target: Callable[[int], bytes]) -> Callable[[int], bytes]:
    return lambda n: b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % target(n)


def _flood(root: Path, name: str, head: Callable[[int], bytes], requests: int | None) -> None:
    options = ["--port", "0", "--memory", f"{_MEMORY}M"]
    command = [sys.executable, "-m", "cdnserve", "serve", str(root), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        lines = server.stdout or ()
        port = next(int(line.rpartition(b":")[2].strip(b"/\n ")) for line in lines if b"http://" in line)
        before, number = _resident(server.pid), 0
        for number in _send(port, head, requests):
            print(
                f"{name}: {(_resident(server.pid) - before) / _MIB:.0f} MiB of {_MEMORY} after {number:,}", flush=True
            )
        server.terminate()


def _send(port: int, head: Callable[[int], bytes], requests: int | None) -> Iterator[int]:
    """Send; yield how many were answered after each tenth of `requests`, or in the end where their size bounds them."""
    sent = number = told = 0
    ends = time.monotonic() + 60
    while number < requests if requests else sent < _SENT_MIB * _MIB and time.monotonic() < ends:
        with socket.create_connection(("127.0.0.1", port)) as client:
            for _ in range(20):
                # Many at once, so that small heads come to millions; and a client who does not read is not read from.
                heads = [head(number + at) for at in range(100 if len(head(0)) < 200 else 1)]
                number += len(heads)
                client.sendall(b"".join(heads))
                sent += sum(map(len, heads))
                if not _read(client, len(heads)):
                    break
        if requests and number - told >= requests // 10:
            told = number
            yield number
    if number != told:
        yield number


def _read(client: socket.socket, count: int) -> bool:
    """Read so many responses; return whether the connection stays open."""
    seen = b""
    while count > 0:
        octets = client.recv(1 << 18)
        count -= (seen + octets).count(b"HTTP/1.1 ")
        seen = octets[-8:]  # one octet less than what is counted
        if not octets or b"connection: close" in octets:
            return False
    return True


def _resident(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
