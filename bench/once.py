"""A client that asks for each path once, over a few connections, and ends when all have been answered.

wrk knows a time, and no number of requests. Reads the paths from standard input, one a line; prints a `Run` as JSON.
"""

from __future__ import annotations

import json
import random
import re
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from bench.load import BROWSER

_STATUS = b"HTTP/1.1 200 "
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Run:
    """How long all of it took in seconds, how long half and 99 in 100 of the responses did, how many were no 200."""

    seconds: float
    p50: float
    p99: float
    failed: int


def main() -> None:
    """Ask a server on this machine: its port and the number of connections are the arguments."""
    port, connections = map(int, sys.argv[1:])
    print(json.dumps(asdict(ask(port, sys.stdin.read().split(), connections))))


def ask(port: int, paths: list[str], connections: int) -> Run:
    """Ask for each path once."""
    waiting = iter(list(_heads(port, paths)))  # made before the clock runs
    pool: dict[int, socket.socket] = {}
    poll, asked, held, times, failed = select.epoll(), dict[int, float](), dict[int, bytes](), list[float](), 0
    for _ in range(min(connections, len(paths))):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pool[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
    began = time.perf_counter()
    for number, connection in pool.items():
        connection.send(next(waiting))
        asked[number], held[number] = time.perf_counter(), b""
    while asked:
        for number, _ in poll.poll():
            octets = pool[number].recv(1 << 16)
            if not octets:
                raise SystemExit("the server closed a connection")
            held[number] += octets
            if not is_whole(held[number]):
                continue
            now = time.perf_counter()
            times.append(now - asked.pop(number))
            failed += not held[number].startswith(_STATUS)
            held[number] = b""
            if head := next(waiting, None):
                pool[number].send(head)
                asked[number] = now
    times.sort()
    seconds = time.perf_counter() - began
    return Run(seconds, times[len(times) // 2], times[len(times) * 99 // 100], failed)


def is_whole(octets: bytes) -> bool:
    r"""Return whether octets are all of a response.

    >>> is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"), is_whole(b"HTTP/1.1 200 OK\r\n")
    (False, False)
    >>> is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
    True
    """
    end = octets.find(_END)
    length = _LENGTH.search(octets, 0, end + 2) if end >= 0 else None
    return length is not None and len(octets) == end + len(_END) + int(length[1])


def _heads(port: int, paths: list[str]) -> Iterator[bytes]:
    """Make a browser's requests; two fields differ on each, as a CDN adds them."""
    fields = "".join(f"{line}\r\n" for line in (f"Host: 127.0.0.1:{port}", *BROWSER))
    noise = random.Random(1)
    for at, path in enumerate(paths):
        own = f"X-Request-Id: {at:08x}-{noise.randrange(1 << 16):04x}\r\nX-Forwarded-For: 198.51.{at % 251}.{at % 241}"
        yield f"GET {path} HTTP/1.1\r\n{fields}{own}\r\n\r\n".encode("ascii")


if __name__ == "__main__":
    main()
