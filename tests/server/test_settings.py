"""Settings: what the environment says, and what the service manager is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.server.settings import Notices, ServerSettings, read_notices, read_settings, replica_folder


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Where a service manager would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        yield listener


def test_each_notice_is_a_datagram(manager: socket.socket) -> None:
    notices = read_notices({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000"})
    notices.ready()
    with notices.reloading():
        notices.alive()
    notices.stopping()
    told = [manager.recv(200).decode().split("\n") for _ in range(5)]
    assert [["READY=1"], ["WATCHDOG=1"], ["READY=1"], ["STOPPING=1"]] == [told[0], *told[2:]]
    assert ("RELOADING=1", "MONOTONIC_USEC") == (told[1][0], told[1][1].partition("=")[0])
    assert told[1][1].partition("=")[2].isdigit()


def test_an_abstract_name(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{tmp_path}")
        listener.settimeout(10)
        Notices(f"@{tmp_path}").ready()
        assert b"READY=1" == listener.recv(200)


def test_who_is_not_watched_says_nothing_of_being_alive(manager: socket.socket) -> None:
    notices = read_notices({"NOTIFY_SOCKET": manager.getsockname()})
    notices.alive()
    notices.stopping()
    assert b"STOPPING=1" == manager.recv(200)


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody", "x" * 300])
def test_nobody_listens_and_nothing_fails(address: str) -> None:
    with Notices(address, watched=True).reloading():
        Notices(address, watched=True).alive()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, ("public", "public/.cdnserve", "127.0.0.1", 8000), id="nothing"),
        pytest.param(
            {"CDNSERVE_ROOT": "", "CDNSERVE_PORT": ""}, ("public", "public/.cdnserve", "127.0.0.1", 8000), id="empty"
        ),
        pytest.param({"CDNSERVE_ROOT": "/a"}, ("/a", "/a/.cdnserve", "127.0.0.1", 8000), id="a root"),
        pytest.param({"CDNSERVE_STATE": "/s"}, ("public", "/s", "127.0.0.1", 8000), id="a state"),
        pytest.param(
            {"CDNSERVE_HOST": "::", "CDNSERVE_PORT": "0"}, ("public", "public/.cdnserve", "::", 0), id="an address"
        ),
        pytest.param(
            {"CDNSERVE_PORT": "65535", "PORT": "1"}, ("public", "public/.cdnserve", "127.0.0.1", 65_535), id="a port"
        ),
    ],
)
def test_the_environment_is_read(environment: dict[str, str], expected: tuple[str, str, str, int]) -> None:
    settings = read_settings(environment)
    assert expected == (str(settings.root), str(settings.state), settings.host, settings.port)


def test_what_has_no_variable_has_its_default() -> None:
    defaults = ServerSettings(Path("public"), Path("public/.cdnserve"))
    assert defaults == read_settings({})


@pytest.mark.parametrize("port", ["65536", "-1", "+1", "8_000", " 80", "8000\n", "http", "٨", "1e3", "9" * 5000])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings({"CDNSERVE_PORT": port})
    (problem,) = caught.value.problems
    assert ("port-invalid", "CDNSERVE_PORT", port) == (problem.reference, problem.where, problem.value)


def test_a_replica_has_a_folder_for_each_store() -> None:
    """XDG Base Directory Specification: a relative path is ignored."""
    relative = {"HOME": "/home/kim", "XDG_CACHE_HOME": "relative"}
    assert Path("/home/kim/.cache/cdnserve-replicas") == replica_folder("s3://one", relative).parent
    assert Path("/shared/cdnserve-replicas") == replica_folder("s3://one", {"XDG_CACHE_HOME": "/shared"}).parent
    assert replica_folder("s3://one", relative) != replica_folder("s3://other", relative)
