"""The servers that are compared: each as its own users would set it up, with the same files and response headers.

Never more than one worker on one core, unless a case says so.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from bench.load import SERVER_CORE

Setup = Literal["plain", "tls", "log"]
SETUPS: tuple[Setup, ...] = get_args(Setup)

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "*",
    "Timing-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "public, max-age=31536000, immutable, no-transform",
}
ALLOWED = "https://app.example.com"
REPLICA = "cdnserve as a replica"
# Of nginx: what is open besides files that it keeps, and how many of those it needs at most. Without a descriptor for
# the next one it breaks connections off.
_CONNECTIONS, _FILES = 1024, 200_000


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a server finds its files (`root`), may write (`folder`), and listens; how many workers it runs.

    Only nginx and cdnserve know TLS, and an access log in JSON.
    """

    root: Path
    folder: Path
    port: int
    workers: int
    setup: Setup = "plain"

    @property
    def pair(self) -> tuple[Path, Path]:
        """Return a certificate and its key, which all servers share."""
        certificate, key = self.root.parent / "certificate.pem", self.root.parent / "key.pem"
        if not certificate.exists():
            curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost"]
            files = ["-out", str(certificate), "-keyout", str(key)]
            subprocess.run(["openssl", "req", "-x509", *curve, *files], check=True, capture_output=True)
        return certificate, key


Command = Callable[[Ground], list[str]]


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    name: str
    pid: int
    port: int


# As cdnserve's own lines are.
_LOG_FORMAT = """log_format json escape=json '{"client": "$remote_addr", "time": "$time_iso8601", '
'"request": "$request", "status": $status, "octets": $body_bytes_sent, '
'"referer": "$http_referer", "user_agent": "$http_user_agent"}';"""


def nginx(ground: Ground) -> list[str]:
    """Configure nginx as a fast origin server: sendfile, cached descriptors, gzip_static."""
    added = "\n".join(f'add_header {name} "{value}" always;' for name, value in HEADERS.items())
    plain = "\n".join(f'add_header {n} "{v}" always;' for n, v in HEADERS.items() if not n.startswith(("Acc", "Tim")))
    config, tls, log = ground.folder / "nginx.conf", "", "access_log off;"
    most = _most_files()
    if ground.setup == "tls":
        certificate, key = ground.pair
        tls = f"ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;"
    if ground.setup == "log":
        log = f"{_LOG_FORMAT} access_log {ground.folder}/access.log json buffer=4k flush=1s;"
    secure = "ssl http2" if tls else ""
    config.write_text(
        f"""user root; worker_processes {ground.workers}; daemon off; pid {ground.folder}/nginx.pid;
worker_rlimit_nofile {most};
error_log {ground.folder}/nginx.log;
events {{ worker_connections {_CONNECTIONS}; }}
http {{
  {log} sendfile on; tcp_nopush on; etag on; server_tokens off; keepalive_requests 1000000000;
  {tls}
  open_file_cache max={most - 2 * _CONNECTIONS} inactive=600s; open_file_cache_valid 600s; gzip_static on; gzip_vary on;
  types {{ text/javascript js; }} charset utf-8; charset_types text/javascript;
  map $http_origin $allowed {{ "{ALLOWED}" "{ALLOWED}"; default ""; }}
  server {{
    listen 127.0.0.1:{ground.port} {secure} backlog=2048; root {ground.root};
    {added}
    location /partners/ {{
      {plain}
      add_header Access-Control-Allow-Origin $allowed always; add_header Vary Origin always;
      add_header Timing-Allow-Origin $allowed always;
    }}
    if ($request_method = OPTIONS) {{ set $preflight 1; }}
    location /npm/ {{
      if ($preflight) {{
        add_header Access-Control-Allow-Origin "*"; add_header Access-Control-Allow-Methods "GET, HEAD, OPTIONS";
        add_header Access-Control-Allow-Headers "*"; add_header Access-Control-Max-Age 86400; return 204;
      }}
    }}
  }}
}}"""
    )
    return ["nginx", "-c", str(config), "-p", str(ground.folder)]


def _most_files() -> int:
    """Return how many files a process may have open, and no more than any case wants."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _FILES if limit == resource.RLIM_INFINITY else min(limit, _FILES)


def caddy(ground: Ground) -> list[str]:
    """Configure Caddy's file server with precompressed files."""
    added = "\n".join(f'header {name} "{value}"' for name, value in HEADERS.items())
    config = ground.folder / "Caddyfile"
    config.write_text(
        f"""{{
  admin off
  auto_https off
}}
http://127.0.0.1:{ground.port} {{
  {added}
  root * {ground.root}
  file_server {{
    precompressed gzip
  }}
}}"""
    )
    return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]


def lighttpd(ground: Ground) -> list[str]:
    """Configure lighttpd with its static file handler."""
    added = ",\n".join(f'"{name}" => "{value}"' for name, value in HEADERS.items())
    config = ground.folder / "lighttpd.conf"
    config.write_text(
        f"""server.modules = ("mod_setenv")
server.document-root = "{ground.root}"
server.port = {ground.port}
server.bind = "127.0.0.1"
server.max-keep-alive-requests = 65535
server.errorlog = "{ground.folder}/lighttpd.log"
mimetype.assign = (".js" => "text/javascript; charset=utf-8")
setenv.set-response-header = ({added})
"""
    )
    return ["lighttpd", "-D", "-f", str(config)]


def starlette(ground: Ground) -> list[str]:
    """Serve with Starlette's StaticFiles behind its CORSMiddleware, under uvicorn."""
    options = ["--port", str(ground.port), "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    return [sys.executable, "-m", "uvicorn", "bench.apps:starlette_app", "--factory", *options]


def whitenoise(ground: Ground) -> list[str]:
    """Serve with WhiteNoise under gunicorn's threaded worker."""
    options = ["--bind", f"127.0.0.1:{ground.port}", "--workers", "1", "--threads", "4", "--worker-class", "gthread"]
    return [sys.executable, "-m", "gunicorn", "bench.apps:whitenoise_app()", *options]


def cdnserve(*options: str) -> Command:
    """Serve with cdnserve and these further options."""

    def command(ground: Ground) -> list[str]:
        own = ["--state", str(ground.root.parent / "state"), "--port", str(ground.port), *options]
        if ground.workers > 1:
            own += ["--workers", str(ground.workers)]
        if ground.setup == "tls":
            certificate, key = ground.pair
            own += ["--tls-cert", str(certificate), "--tls-key", str(key), "--http2"]
        if ground.setup == "log":
            own += ["--access-log", "json"]
        return [sys.executable, "-m", "cdnserve", "serve", str(ground.root), *own]

    return command


def replica(ground: Ground) -> list[str]:
    """Serve what lies in the state folder as a replica, for which it is a store, and which has fetched all of it."""
    own = ["--store", (ground.root.parent / "state").as_uri(), "--prefetch", "--state", str(ground.folder / "cache")]
    return [sys.executable, "-m", "cdnserve", "serve", *own, "--port", str(ground.port)]


def build(root: Path) -> None:
    """Make cdnserve's release of a root, so that it starts at once."""
    own = ["--state", str(root.parent / "state")]
    subprocess.run([sys.executable, "-m", "cdnserve", "build", str(root), *own], check=True, capture_output=True)


SERVERS: dict[str, Command] = {
    "nginx": nginx,
    "cdnserve": cdnserve(),
    "lighttpd": lighttpd,
    "caddy": caddy,
    "whitenoise": whitenoise,
    "starlette": starlette,
    "cdnserve without the fast lane": cdnserve("--no-fast-lane"),
    REPLICA: replica,
}


@contextmanager
def running(
    names: Iterable[str], root: Path, folder: Path, workers: int = 1, setup: Setup = "plain"
) -> Iterator[dict[str, Running]]:
    """Start servers and wait until they answer; all are stopped at the end."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_started(name, root, folder, workers, setup)) for name in names}


@contextmanager
def _started(name: str, root: Path, folder: Path, workers: int, setup: Setup) -> Iterator[Running]:
    own = folder / f"{name} {setup}".replace(" ", "-")
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    port = _free_port()
    environment = os.environ | {"BENCH_ROOT": str(root), "GOMAXPROCS": str(workers), "XDG_CONFIG_HOME": str(own)}
    pinned = ["taskset", "-c", str(SERVER_CORE)] if workers == 1 else []
    with (own / "output").open("wb") as output:
        process = subprocess.Popen(
            [*pinned, *SERVERS[name](Ground(root, own, port, workers, setup))],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            _await(port, process, own / "output")
            yield Running(name, process.pid, port)
        finally:
            process.terminate()
            process.wait(timeout=40)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"no answer on port {port}: {output.read_text(errors='replace')[-2000:]}")
