"""`cdnserve healthcheck`, against a server that says what a test wants."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, UnixStreamServer

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import HERE, UNMEASURED, environment, run_in_pipe, serving
from tests.cli.test_serve import address

WELL = {"/-/health": (200, b"ok\n"), "/-/ready": (200, b"release 7\n")}


@contextmanager
def answering(
    answers: dict[str, tuple[int, bytes]], kind: type[TCPServer] | type[UnixStreamServer], place: object
) -> Iterator[TCPServer | UnixStreamServer]:
    """Answer on a socket while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = answers.get(self.path, (404, b"absent\n"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the signature that it overrides
            pass

    with kind(place, Handler) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def on_port(answers: dict[str, tuple[int, bytes]]) -> Iterator[str]:
    """Answer on a free port; gives it."""
    with answering(answers, TCPServer, ("127.0.0.1", 0)) as server:
        yield str(server.server_address[1])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param([], "ok\n", id="health"),
        pytest.param(["--ready"], "release 7\n", id="readiness"),
        pytest.param(["http://127.0.0.1:{}"], "ok\n", id="an address"),
        pytest.param(["http://127.0.0.1:{}/", "--ready"], "release 7\n", id="an address with a slash"),
        pytest.param(["http://127.0.0.1:{}/-/ready"], "release 7\n", id="an address with a path"),
        pytest.param(["--host", "0.0.0.0"], "ok\n", id="a server on all interfaces"),
    ],
)
def test_who_is_well_is_0(run: Run, arguments: list[str], told: str) -> None:
    with on_port(WELL) as port:
        result = run("healthcheck", *(text.format(port) for text in arguments), CDNSERVE_PORT=port)
    assert (0, told, "") == (result.exit_code, result.stdout, result.stderr)


def test_the_admin_port_is_asked_where_there_is_one(run: Run) -> None:
    with on_port({}) as public, on_port(WELL) as admin:
        result = run("healthcheck", CDNSERVE_PORT=public, CDNSERVE_ADMIN_PORT=admin, CDNSERVE_ADMIN_HOST="0.0.0.0")
        assert (0, "ok\n") == (result.exit_code, result.stdout)
        assert run("healthcheck", CDNSERVE_PORT=public).exit_code == 1


def test_a_unix_socket(run: Run, tmp_path: Path) -> None:
    place = str(tmp_path / "socket")
    with answering(WELL, UnixStreamServer, place):
        assert run("healthcheck", "--socket", place).exit_code == 0
    result = run("healthcheck", "--socket", place)
    assert result.exit_code == 1
    assert f"{place}: no answer [server-unreachable]" in result.stderr


def test_who_is_unwell_is_1(run: Run) -> None:
    """What it says is quoted, but no control character of it."""
    with on_port({"/-/ready": (503, b"The server is ending.\x1b[2J\n")}) as port:
        result = run("healthcheck", "--ready", "--port", port)
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[server-unwell]" in result.stderr
    assert "503 The server is ending.\\x1b[2J" in result.stderr
    assert "\x1b" not in result.stderr


def test_who_says_no_http_is_1(run: Run, tmp_path: Path) -> None:
    with answering({}, TCPServer, ("127.0.0.1", 0)) as server:
        server.RequestHandlerClass.do_GET = lambda self: self.wfile.write(b"what?\n")  # type: ignore[attr-defined]
        result = run("healthcheck", "--port", str(server.server_address[1]))
    assert (1, True) == (result.exit_code, "[server-unreachable]" in result.stderr)


def test_interim_responses_are_not_the_answer(run: Run) -> None:
    with answering({}, TCPServer, ("127.0.0.1", 0)) as server:
        both = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
        server.RequestHandlerClass.do_GET = lambda self: self.wfile.write(both)  # type: ignore[attr-defined]
        result = run("healthcheck", "--port", str(server.server_address[1]))
    assert (0, "ok\n", "") == (result.exit_code, result.stdout, result.stderr)


def test_an_answer_that_drips_is_none_in_time(run: Run) -> None:
    """The patience is for all of it: each octet would begin a socket's own timeout anew."""
    ended = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 ")
            while not ended.wait(0.02):
                handler.wfile.write(b"K")

    with answering({}, TCPServer, ("127.0.0.1", 0)) as server:
        server.RequestHandlerClass.do_GET = drip  # type: ignore[attr-defined]
        result = run("healthcheck", "--timeout", "0.2", "--port", str(server.server_address[1]))
        ended.set()
    assert (1, True) == (result.exit_code, "no answer [server-unreachable]" in result.stderr)
    assert "it takes too long" in result.stderr


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "http://[::"]
)
def test_what_is_no_url_is_wrong_usage(run: Run, url: str) -> None:
    result = run("healthcheck", url)
    assert (2, "") == (result.exit_code, result.stdout)


def test_it_asks_the_server_of_its_own_environment(root: Path) -> None:
    with serving("--port", "0", cwd=root.parent) as server:
        port = address(server).rpartition(":")[2]
        result = run_in_pipe("healthcheck", "--ready", cwd=root.parent, CDNSERVE_PORT=port, CDNSERVE_HOST="::")
        assert result.returncode == 1
        result = run_in_pipe("healthcheck", "--ready", cwd=root.parent, CDNSERVE_PORT=port)
        assert (0, "release 1\n") == (result.returncode, result.stdout)


def test_it_loads_nothing_that_serving_takes() -> None:
    script = "import sys, cdnserve.cli.healthcheck; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    here = environment(**UNMEASURED)
    loaded = subprocess.run(command, cwd=HERE, env=here, capture_output=True, text=True, check=True).stdout
    heavy = {"uvicorn", "starlette", "msgspec", "rich", "prometheus_client", "asyncio", "multiprocessing"}
    assert set() == heavy & set(loaded.split())
