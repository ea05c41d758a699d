"""Smoke test of `make serve`: a file of the demo library arrives with its headers, and SIGTERM ends the server.

Never needs anything but the standard library, and leaves no process behind.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPResponse

FILE = "demo/1.0.0/greet.js"
EXPECTED = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript; charset=utf-8"}
START_SECONDS, STOP_SECONDS = 240, 30


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str, server: subprocess.Popen[bytes]) -> HTTPResponse:
    """Ask until the server answers; give up when it ends, or when START_SECONDS are over."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            response: HTTPResponse = direct.open(url, timeout=10)
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.2)
        else:
            return response
    sys.exit(f"smoke: no answer at {url}; make serve gave {server.poll()}")


def faults(response: HTTPResponse) -> list[str]:
    """List what the answer lacks."""
    wrong = [
        f"{name}: expected {value!r}, got {response.headers[name]!r}"
        for name, value in EXPECTED.items()
        if response.headers[name] != value
    ]
    return wrong if response.read() else [*wrong, "the body is empty"]


def stop(server: subprocess.Popen[bytes]) -> bool:
    """Ask the whole process group to end, as a service manager does; tell whether it did."""
    if server.poll() is not None:
        return True
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        return False
    return True


def main() -> None:
    """Start, ask once, stop; exit with the first fault."""
    port = free_port()
    server = subprocess.Popen(["make", "serve", f"ARGS=--port {port}"], start_new_session=True)
    try:
        wrong = faults(fetch(f"http://127.0.0.1:{port}/{FILE}", server))
    finally:
        stopped = stop(server)
    if not stopped:
        wrong.append(f"SIGTERM did not end it within {STOP_SECONDS} seconds")
    if wrong:
        sys.exit("\n".join(f"smoke: {fault}" for fault in wrong))
    print("smoke: make serve answers and stops")


if __name__ == "__main__":
    main()
