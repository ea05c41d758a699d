"""The entrance: what must be there before the server listens, and other ways in than a port."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.server import entrance
from cdnserve.server.entrance import open_certificate
from cdnserve.server.pair import Pair
from cdnserve.server.proxies import trusted
from cdnserve.server.run import run
from cdnserve.server.sockets import Unix, on_port
from tests.certificates import identity
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import LANES, PATIENCE, eventually, serving, settings


def test_http_2_is_not_installed(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = identity(tmp_path)
    wanted = replace(settings(built.root, built.state), pair=Pair(made.certificate, made.key))
    monkeypatch.setattr(entrance, "find_spec", lambda name: None)
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
