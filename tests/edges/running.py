"""Edges as their packages ship them, each with the configuration that we ship, in front of one origin server.

Never outlive the block that they were started for, never listen but on a loopback port, and write below one folder.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.contract.wire import Field, Response
from tests.edges.origin import ask
from tests.server.serving import eventually

SHIPPED = Path(__file__).parents[2] / "deploy" / "edges"
PATIENCE = 20
Address = tuple[str, int]
EVERYTHING = "*"
"""In place of a path: a purge of all, where nginx is the edge."""
_YOURS = re.compile(r"# yours\b")
# Purges paths, and tags where the edge knows them.
Purge = Callable[[Sequence[str], Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Edge:
    """A running edge; `folder` is where it keeps its log."""

    name: str
    address: Address
    folder: Path
    purge: Purge

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{self.address[0]}:{self.address[1]}"

    def ask(self, method: str, target: str, *fields: Field) -> Response:
        """Send one request on a connection of its own."""
        return ask(self.address, method, target, *fields)

    def get(self, target: str, *fields: Field) -> Response:
        """GET."""
        return self.ask("GET", target, *fields)


def program(name: str) -> str:
    """Return the path of an edge's program, or skip; where CDNSERVE_REQUIRE_EDGES is set its absence is a failure."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        if os.environ.get("CDNSERVE_REQUIRE_EDGES"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def filled(name: str, yours: Mapping[str, str]) -> str:
    """Return a shipped file with other words in the lines that end in "yours"; each must be there, and no other."""
    text = (SHIPPED / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if _YOURS.search(line)]
    assert [] == [line for line in lines if not any(old in line for old in yours)]
    for old, new in yours.items():
        found = [line for line in lines if old in line]
        assert found, old
        for line in found:
            text = text.replace(line, line.replace(old, new))
    return text


@contextmanager
def _running(
    command: Sequence[str], folder: Path, address: Callable[[], Address | None], **more: str
) -> Iterator[None]:
    """Run a program until the block ends, and wait until it listens."""
    log = folder / "edge.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **more}
        )
    try:
        listens = eventually(lambda: process.poll() is not None or _answers(address()))
        assert listens, log.read_text(errors="replace")
        assert process.poll() is None, log.read_text(errors="replace")
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(address: Address | None) -> bool:
    try:
        return address is not None and ask(address, "GET", "/-/health").status == 404
    except OSError:
        return False


@contextmanager
def nginx(folder: Path, origin: Address) -> Iterator[Edge]:
    """Run nginx."""
    path, port, inner = program("nginx"), free_port(), free_port()
    generations, numbers = folder / "generations", count(2)
    yours = {
        "127.0.0.1:8000": f"127.0.0.1:{origin[1]}",
        "127.0.0.1:8001": f"127.0.0.1:{inner}",
        "listen 80;": f"listen 127.0.0.1:{port};",
        "cdn.example.com": "cdn.example.com",
        "/var/cache/nginx/cdnserve": str(folder / "cache"),
        "/etc/nginx/cdnserve-generation[s]": f"{folder}/generation[s]",
    }
    (folder / "cdnserve.conf").write_text(filled("nginx.conf", yours))
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # The workers of root are nobody, who may not look into a folder of root's.
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\n{places}access_log off;\ngzip on;\ngzip_types *;\ninclude {folder}/cdnserve.conf;\n}}\n"
    )
    command = [path, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    address = ("127.0.0.1", port)

    def purge(paths: Sequence[str], _: Sequence[str]) -> None:
        before, number = _workers(folder), next(numbers)
        lines = [
            f'"~^{re.escape(path)}" {number};\n' if path != EVERYTHING else f"default {number};\n" for path in paths
        ]
        generations.write_text("".join(lines))
        subprocess.run([*command, "-s", "reload"], check=True, timeout=PATIENCE)
        # New workers answer, and no old one does.
        assert eventually(lambda: not before & _workers(folder))

    with _running(command, folder, lambda: address):
        yield Edge("nginx", address, folder, purge)


def _workers(folder: Path) -> frozenset[str]:
    master = (folder / "pid").read_text().strip()
    return frozenset(Path(f"/proc/{master}/task/{master}/children").read_text().split())


@contextmanager
def varnish(folder: Path, origin: Address) -> Iterator[Edge]:
    """Run Varnish."""
    path, admin = program("varnishd"), program("varnishadm")
    yours = {'"8000"': f'"{origin[1]}"', **{same: same for same in ('"127.0.0.1";', '"::1";', '"http"')}}
    (folder / "cdnserve.vcl").write_text(filled("varnish.vcl", yours))
    work = str(folder / "work")
    # No jail: a test has the rights of one user only.
    command = [path, "-F", "-n", work, "-j", "none", "-a", "127.0.0.1:0", "-f", str(folder / "cdnserve.vcl")]
    command += ["-s", "malloc,64M", "-p", "http_gzip_support=off"]

    def address() -> Address | None:
        asked = [admin, "-n", work, "debug.listen_address"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=False).stdout.split()
        return (told[1], int(told[2])) if len(told) > 2 else None

    def purge(paths: Sequence[str], tags: Sequence[str]) -> None:
        where = address()
        assert where
        for target in paths if not tags else ["/"]:
            assert ask(where, "PURGE", target, *([("Surrogate-Key", " ".join(tags))] if tags else [])).status == 200

    with _running(command, folder, address):
        listening = address()
        assert listening
        yield Edge("varnish", listening, folder, purge)


@contextmanager
def caddy(folder: Path, origin: Address) -> Iterator[Edge]:
    """Run Caddy."""
    path, address = program("caddy"), ("127.0.0.1", free_port())
    command = [path, "run", "--adapter", "caddyfile", "--config", str(SHIPPED / "Caddyfile")]
    yours = {"CDN_HOST": f"http://:{address[1]}", "CDNSERVE": f"127.0.0.1:{origin[1]}", "CADDY_ADMIN": "off"}
    places = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    with _running(command, folder, lambda: address, **yours, **places):
        yield Edge("caddy", address, folder, lambda paths, tags: None)


EDGES: Mapping[str, Callable[[Path, Address], AbstractContextManager[Edge]]] = {
    "nginx": nginx,
    "varnish": varnish,
    "caddy": caddy,
}
CACHES = ("nginx", "varnish")
