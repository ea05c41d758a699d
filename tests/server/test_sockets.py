"""Listening sockets: Unix sockets that come and go, and descriptors that others have opened."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.server.sockets import Unix, address_of, on_descriptor, on_path, on_port, passed_descriptor


def _connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect_ex(str(path)) == 0


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_a_unix_socket_has_its_mode_and_is_removed(tmp_path: Path, mode: int) -> None:
    path, before = tmp_path / "socket", os.umask(0o022)
    try:
        with on_path(Unix(path, mode)) as listener:
            assert mode == stat.S_IMODE(path.stat().st_mode)
            assert f"unix:{path}" == address_of(listener, secure=True)
            assert _connects(path)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert not path.exists()


def test_what_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    assert path.exists()
    with on_path(Unix(path)):
        assert _connects(path)


def test_a_socket_on_which_somebody_listens_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with on_path(Unix(path)):
        with pytest.raises(ConfigurationError, match="address-unusable") as caught, on_path(Unix(path)):
            pass
        assert "--uds" in caught.value.problems[0].hint
        assert _connects(path)


def test_the_end_of_the_old_server_leaves_the_new_one_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    old = on_path(Unix(path))
    old.__enter__().close()
    with on_path(Unix(path)):
        old.__exit__(None, None, None)
        assert _connects(path)


@pytest.mark.parametrize("name", ["a file", "a folder", "nowhere/socket", "x" * 120])
def test_a_path_where_no_socket_can_be(tmp_path: Path, name: str) -> None:
    (tmp_path / "a file").write_text("mine")
    (tmp_path / "a folder").mkdir()
    with pytest.raises(ConfigurationError, match="address-unusable"), on_path(Unix(tmp_path / name)):
        pass
    assert "mine" == (tmp_path / "a file").read_text()


def test_a_listening_descriptor_is_taken() -> None:
    with on_port("127.0.0.1", 0, "") as opened, on_descriptor(os.dup(opened.fileno())) as listener:
        port = opened.getsockname()[1]
        assert f"https://127.0.0.1:{port}" == address_of(listener, secure=True)
        assert f"http://[::1]:{port}" == address_of(listener, secure=False, host="::1")


def test_a_descriptor_that_is_no_listening_socket_is_refused_and_stays_open(tmp_path: Path) -> None:
    with (
        (tmp_path / "file").open("wb") as file,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket() as idle,
    ):
        opened = [file.fileno(), datagrams.fileno(), idle.fileno()]
        for number in (*opened, 9999):
            with pytest.raises(ConfigurationError, match="descriptor-unusable"):
                on_descriptor(number)
        assert opened == [number for number in (*opened, 9999) if Path(f"/proc/self/fd/{number}").exists()]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, 3, id="one"),
        pytest.param({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, None, id="for another process"),
        pytest.param({"LISTEN_FDS": "1"}, None, id="for nobody"),
        pytest.param({"LISTEN_PID": "7"}, None, id="none"),
        pytest.param({"LISTEN_PID": "7", "LISTEN_FDS": "0"}, None, id="zero"),
    ],
)
def test_what_the_service_manager_passes(environment: dict[str, str], expected: int | None) -> None:
    assert expected == passed_descriptor(environment, 7)


@pytest.mark.parametrize("count", ["2", "x", "-1", "01"])
def test_what_is_not_one_socket_is_a_problem(count: str) -> None:
    with pytest.raises(ConfigurationError, match="descriptor-unusable"):
        passed_descriptor({"LISTEN_PID": "7", "LISTEN_FDS": count}, 7)
