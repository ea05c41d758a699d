"""Smoke test: a file of a library arrives with its headers, and SIGTERM ends the server.

Without an argument `make serve` starts it, with the demo library. With the path of a wheel, that is installed into a
fresh environment, and README.md's first commands are run there, in an empty folder. It needs only the standard library.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from http.client import HTTPResponse
from pathlib import Path

ROOT = Path(__file__).parents[1]

FILE, LIBRARY = "demo/1.0.0/greet.js", "npm/jquery/dist/jquery.min.js"
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
    sys.exit(f"smoke: no answer at {url}; the server gave {server.poll()}")


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


def first_commands() -> list[str]:
    """Return the commands that README.md begins with; the last one serves."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("<!-- example: start -->\n```sh\n")[2].partition("```")[0]
    return [line.partition("#")[0].strip() for line in block.splitlines()]


def installed(wheel: Path, folder: Path) -> str:
    """Install a wheel and what it needs into a fresh environment; return the folder of its programs."""
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv/bin"
    pip = [str(programs / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    hashed = ["install", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    subprocess.run([*pip, *hashed, "-r", str(ROOT / "requirements/serve.txt")], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel.resolve())], check=True)
    subprocess.run([*pip, "check"], check=True)
    return str(programs)


def smoke(start: list[str], url: str, folder: Path, environment: dict[str, str]) -> list[str]:
    """Start, ask once, stop; return the faults."""
    server = subprocess.Popen(start, start_new_session=True, cwd=folder, env=environment)
    try:
        wrong = faults(fetch(url, server))
    finally:
        stopped = stop(server)
    return wrong if stopped else [*wrong, f"SIGTERM did not end it within {STOP_SECONDS} seconds"]


def smoke_wheel(wheel: Path, port: int) -> list[str]:
    """Install a wheel and do as README.md says; return the faults."""
    with tempfile.TemporaryDirectory() as name:
        folder, empty = Path(name), Path(name, "empty")
        empty.mkdir()
        path = f"{installed(wheel, folder)}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "CDNSERVE_PORT": str(port)}
        *commands, serve = first_commands()
        for command in commands:
            subprocess.run(["bash", "-c", command], check=True, cwd=empty, env=environment)
        return smoke(["bash", "-c", f"exec {serve}"], f"http://127.0.0.1:{port}/{LIBRARY}", empty, environment)


def main(wheel: str = "") -> None:
    """Try `make serve`, or a wheel; exit with the faults."""
    port = free_port()
    if wheel:
        wrong = smoke_wheel(Path(wheel), port)
    else:
        url = f"http://127.0.0.1:{port}/{FILE}"
        wrong = smoke(["make", "serve", f"ARGS=--port {port}"], url, ROOT, dict(os.environ))
    if wrong:
        sys.exit("\n".join(f"smoke: {fault}" for fault in wrong))
    print(f"smoke: {wheel or 'make serve'} answers and stops")


if __name__ == "__main__":
    main(*sys.argv[1:])
