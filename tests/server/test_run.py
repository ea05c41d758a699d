"""The entrance: what must be there before the server listens, and other ways in than a port."""

from __future__ import annotations

import json
import pickle
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.server import run as run_module
from cdnserve.server.proxies import trusted
from cdnserve.server.run import open_certificate, run
from cdnserve.server.sockets import Unix, on_port
from cdnserve.server.tls import Pair
from tests.certificates import identity
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import LANES, PATIENCE, eventually, serving, settings


def test_http_2_is_not_installed(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = identity(tmp_path)
    wanted = replace(settings(built.root, built.state), pair=Pair(made.certificate, made.key))
    monkeypatch.setattr(run_module, "find_spec", lambda name: None)
    assert open_certificate(wanted)
    with pytest.raises(ConfigurationError) as caught:
        run(replace(wanted, http2=True), pytest.fail)
    (problem,) = caught.value.problems
    assert ("http2-not-installed", "--http2") == (problem.reference, problem.where)
    assert "pip install 'cdnserve[http2]'" in problem.hint


def test_a_pair_that_can_not_be_used_is_no_start(built: Built, tmp_path: Path) -> None:
    pair = Pair(tmp_path / "nothing.pem", tmp_path / "nothing.pem")
    with pytest.raises(ConfigurationError, match="tls-file-unreadable"):
        run(replace(settings(built.root, built.state), pair=pair), pytest.fail)


def _ask(path: str, target: str, fields: list[tuple[str, str]]) -> bytes:
    """Ask on a Unix socket; gives the whole answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE)
        client.connect(path)
        client.sendall(message("GET", target, [*fields, ("Connection", "close")]))
        with client.makefile("rb") as answer:
            return answer.read()


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_unix_socket(built: Built, tmp_path: Path, lane: str, workers: int) -> None:
    """Small and large files, the fast lane's sendfile among them; and it is gone in the end."""
    path = tmp_path / "socket"
    wanted = replace(settings(built.root, built.state, lane), unix=Unix(path), workers=workers, access_log="combined")
    with serving(wanted, tmp_path / "log.txt") as served:
        assert str(path) == served.address[0]
        for target, content in (("/any/tiny.txt", tree.TINY), ("/any/huge.woff2", tree.HUGE)):
            for _ in range(3):
                assert content == _ask(str(path), target, []).partition(b"\r\n\r\n")[2]
        assert eventually(lambda: len(served.written()) == 6)
        assert {"-"} == {line.partition(" ")[0] for line in served.written()}
        served.terminate()
        assert served.ended() == 0
    assert not path.exists()
    assert "Traceback" not in served.told()


@pytest.mark.parametrize("lane", LANES)
def test_who_comes_through_a_unix_socket_may_speak_for_others(built: Built, tmp_path: Path, lane: str) -> None:
    path = tmp_path / "socket"
    wanted = settings(built.root, built.state, lane)
    wanted = replace(wanted, unix=Unix(path), access_log="combined", proxies=trusted("unix"))
    with serving(wanted, tmp_path / "log.txt") as served:
        _ask(str(path), "/any/tiny.txt", [("X-Forwarded-For", "203.0.113.9")])
        assert eventually(lambda: len(served.written()) == 1)
    assert served.written()[0].startswith("203.0.113.9 - - ")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_descriptor(built: Built, tmp_path: Path, workers: int) -> None:
    """A request that waited in its queue since before the server ran is answered."""
    with on_port("127.0.0.1", 0, "") as listener, socket.create_connection(listener.getsockname(), PATIENCE) as client:
        client.sendall(message("GET", "/any/tiny.txt", [("Connection", "close")]))
        wanted = replace(settings(built.root, built.state), descriptor=listener.fileno(), workers=workers)
        with serving(wanted, tmp_path / "log.txt", (listener.fileno(),)) as served:
            assert listener.getsockname() == served.address
            with client.makefile("rb") as answer:
                assert answer.read().endswith(tree.TINY)


def test_an_address_in_use_is_a_problem(built: Built) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError) as caught:
            run(replace(settings(built.root, built.state), port=port), pytest.fail)
    (problem,) = caught.value.problems
    assert ("address-unusable", f"127.0.0.1:{port}") == (problem.reference, problem.where)
    assert "something listens there already: end it, or choose another with --host and --port" == problem.hint


def test_an_address_of_another_machine_is_a_problem(built: Built) -> None:
    with pytest.raises(ConfigurationError, match="address-unusable"):
        run(replace(settings(built.root, built.state), host="192.0.2.1"), pytest.fail)


def test_no_release_is_a_problem(built: Built, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="release-missing"):
        run(settings(built.root, tmp_path), pytest.fail)


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no ::1")
def test_ipv6(built: Built, tmp_path: Path) -> None:
    with serving(replace(settings(built.root, built.state), host="::1"), tmp_path / "log.txt") as served:
        assert "::1" == served.address[0]
        assert tree.LARGE == served.get("/any/large.woff2").body


def test_signals_are_as_they_were_afterwards(few: Built) -> None:
    """A drained server gives the process back as it found it, and says that it had started."""
    script = (
        "import os, pickle, signal, sys, threading\n"
        "from cdnserve.server.run import run\n"
        "before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]\n"
        "end = lambda url: threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "started = run(pickle.loads(bytes.fromhex(sys.argv[1])), end)\n"
        "after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]\n"
        "print(started, before == after)\n"
    )
    packed = pickle.dumps(settings(few.root, few.state)).hex()
    command = [sys.executable, "-c", script, packed]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, cwd=Path(__file__).parents[2], check=False)
    assert (0, b"True True\n") == (done.returncode, done.stdout), done.stderr.decode()


@pytest.mark.parametrize("lane", ["fast", "asgi"])
def test_the_access_log(built: Built, tmp_path: Path, lane: str) -> None:
    """One line a response on standard output, whichever way it took; also of what could not be read."""
    wanted = replace(settings(built.root, built.state, lane), access_log="json")
    requests = [
        (
            message("GET", "/any/tiny.txt?a", [("User-Agent", 'a"\\\x80'), ("Referer", "b")]),
            "GET /any/tiny.txt?a HTTP/1.1",
            200,
            6,
        ),
        (message("GET", "/any/tiny.txt"), "GET /any/tiny.txt HTTP/1.1", 200, 6),
        (message("GET", "/any/tiny.txt"), "GET /any/tiny.txt HTTP/1.1", 200, 6),
        (message("GET", "/any/large.woff2"), "GET /any/large.woff2 HTTP/1.1", 200, len(tree.LARGE)),
        (message("GET", "/any/tiny.txt", [("If-None-Match", "*")]), "GET /any/tiny.txt HTTP/1.1", 304, 0),
        (
            message("POST", "/any/tiny.txt", [("Content-Length", "1")], body=b"a"),
            "POST /any/tiny.txt HTTP/1.1",
            405,
            41,
        ),
        (message("GET", "/any/%zz"), "GET /any/%zz HTTP/1.1", 400, 23),
    ]
    with serving(wanted, tmp_path / "log.txt") as served:
        with served.connect() as connection:
            for octets, _, status, _ in requests:
                assert status == connection.exchange(octets).status
        assert eventually(lambda: len(served.written()) == len(requests))
        with served.connect() as connection:
            connection.send(b"\x00\r\n\r\n")
            assert connection.receive().status == 400
        served.terminate()
        assert served.ended() == 0
    lines = [json.loads(line) for line in served.written()]
    expected = [(line, status, octets) for _, line, status, octets in requests]
    assert expected == [(line["request"], line["status"], line["octets"]) for line in lines[: len(requests)]]
    assert {"127.0.0.1"} == {line["client"] for line in lines}
    assert ('a"\\\x80', "b") == (lines[0]["user_agent"], lines[0]["referer"])
    assert [("", 400)] == [(line["request"], line["status"]) for line in lines[len(requests) :]]
