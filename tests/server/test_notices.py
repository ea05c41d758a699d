"""Notices to the service manager, as sd_notify has them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdnserve.server.notices import Notices, read_notices


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
