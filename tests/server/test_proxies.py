"""Proxies in front: who is believed, and what becomes of a hostile `X-Forwarded-For`."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.server.proxies import Proxies, trusted
from tests.contract.wire import message
from tests.server.conftest import Built
from tests.server.serving import LANES, eventually, serving, settings

PROXIES = trusted("10.0.0.0/8, 2001:db8::/32, 192.0.2.7")
PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "values", "client"),
    [
        pytest.param(PEER, [], PEER, id="nothing is said"),
        pytest.param(PEER, [b"203.0.113.9"], "203.0.113.9", id="one client"),
        pytest.param(PEER, [b"203.0.113.9, 198.51.100.7"], "198.51.100.7", id="what the client wrote stands before"),
        pytest.param(PEER, [b"203.0.113.9, 10.1.1.1, 192.0.2.7"], "203.0.113.9", id="through three proxies"),
        pytest.param(PEER, [b"203.0.113.9", b"10.1.1.1"], "203.0.113.9", id="on two lines"),
        pytest.param(PEER, [b"10.9.9.9, 10.8.8.8"], "10.9.9.9", id="all of them proxies: the first"),
        pytest.param(PEER, [b"203.0.113.9:4711"], "203.0.113.9", id="a port"),
        pytest.param(PEER, [b"[2001:470::9]:4711"], "2001:470::9", id="an IPv6 address with a port"),
        pytest.param(PEER, [b"[2001:470::9]"], "2001:470::9", id="an IPv6 address in brackets"),
        pytest.param(PEER, [b" \t2001:0470:0::0009\t"], "2001:470::9", id="written at length, with white space"),
        pytest.param(PEER, [b"::ffff:203.0.113.9"], "203.0.113.9", id="an IPv4 address as IPv6"),
        pytest.param("::ffff:10.0.0.1", [b"203.0.113.9"], "203.0.113.9", id="a peer as IPv6"),
        pytest.param("2001:db8::1", [b"203.0.113.9"], "203.0.113.9", id="a peer of IPv6"),
        pytest.param("203.0.113.1", [b"198.51.100.7"], "203.0.113.1", id="a stranger is not believed"),
        pytest.param("127.0.0.1", [b"198.51.100.7"], "127.0.0.1", id="nor is this machine, unless it is listed"),
        pytest.param("", [b"198.51.100.7"], "", id="nor is a Unix socket"),
        pytest.param(PEER, [b"unknown"], PEER, id="a word"),
        pytest.param(PEER, [b""], PEER, id="nothing at all"),
        pytest.param(PEER, [b"203.0.113.9,"], PEER, id="an empty entry at the end"),
        pytest.param(PEER, [b"203.0.113.9, x, 10.1.1.1"], "10.1.1.1", id="what stands before garbage is not sure"),
        pytest.param(PEER, [b"fe80::1%eth0"], PEER, id="a zone"),
        pytest.param(PEER, [b"[fe80::1%25eth0]:80"], PEER, id="a zone in brackets"),
        pytest.param(PEER, [b"[2001:470::9"], PEER, id="half a bracket"),
        pytest.param(PEER, [b"[2001:470::9]x"], PEER, id="a letter behind the bracket"),
        pytest.param(PEER, [b"203.0.113.9:x"], PEER, id="a port of letters"),
        pytest.param(PEER, [b"203.0.113.9:\xb2"], PEER, id="a port of a superscript"),
        pytest.param(PEER, [b"203.0.113.09"], PEER, id="a leading zero"),
        pytest.param(PEER, [b"2886729729"], PEER, id="a number"),
        pytest.param(PEER, [b"\x1b[2J"], PEER, id="control characters"),
        pytest.param(PEER, [b"203.0.113.9\x00"], PEER, id="NUL"),
        pytest.param(PEER, [b"203.0.113.9, " * 800 + b"203.0.113.9"], PEER, id="10,000 octets"),
        pytest.param(PEER, [b"203.0.113.9"] * 1000, PEER, id="a thousand lines"),
    ],
)
def test_the_client_is_the_last_that_no_proxy_of_ours_is(peer: str, values: list[bytes], client: str) -> None:
    assert client == PROXIES.client(peer, values)


def test_a_unix_socket_is_believed_where_it_is_listed() -> None:
    proxies = trusted("unix")
    assert "203.0.113.9" == proxies.client("", [b"203.0.113.9"])
    assert "10.0.0.1" == proxies.client("10.0.0.1", [b"203.0.113.9"])
    assert "" == proxies.client("", [b"x"])


def test_nobody_is_believed_by_default() -> None:
    assert not any(Proxies().trusts(peer) for peer in ("127.0.0.1", "::1", "", "10.0.0.1", "x"))


@pytest.mark.parametrize(
    "text", ["x", "10.0.0.0/33", "10.0.0.1/8", "*", "localhost", "10.0.0.1:80", "unix:/x", "fe80::1%1/9"]
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 # the word of the ipaddress module is for people, and changes
        trusted(f"127.0.0.1,{text}")


@given(st.lists(st.binary(max_size=40) | st.text("0123456789abcdef.:[]%, ", max_size=40).map(str.encode), max_size=6))
def test_whatever_is_said_the_client_is_an_address(values: list[bytes]) -> None:
    assert str(ip_address(PROXIES.client(PEER, values))) == PROXIES.client(PEER, values)


@pytest.mark.parametrize("lane", LANES)
def test_the_access_log_names_the_client(built: Built, tmp_path: Path, lane: str) -> None:
    """Both lanes believe the same; the second of two equal requests is remembered."""
    wanted = replace(settings(built.root, built.state, lane), access_log="json", proxies=trusted("127.0.0.1"))
    asked = [b"203.0.113.9", b"203.0.113.9", b"x, 203.0.113.9", b'\x80"\t', b"9" * 10_000]
    with serving(wanted, tmp_path / "log.txt") as served:
        with served.connect() as connection:
            for value in asked:
                assert connection.exchange(message("GET", "/any/tiny.txt", [("X-Forwarded-For", value)])).status == 200
        assert eventually(lambda: len(served.written()) == len(asked))
        served.terminate()
        assert served.ended() == 0
    clients = [json.loads(line)["client"] for line in served.written()]
    assert ["203.0.113.9"] * 3 + ["127.0.0.1"] * 2 == clients


@pytest.mark.parametrize("lane", LANES)
def test_who_is_not_listed_is_not_believed(built: Built, tmp_path: Path, lane: str) -> None:
    """Not even on this machine."""
    for number, proxies in enumerate((Proxies(), trusted("10.0.0.0/8, unix"))):
        wanted = replace(settings(built.root, built.state, lane), access_log="json", proxies=proxies)
        with serving(wanted, tmp_path / f"{number}.txt") as served:
            assert served.get("/any/tiny.txt", ("X-Forwarded-For", "203.0.113.9")).status == 200
            assert eventually(lambda served=served: len(served.written()) == 1)  # type: ignore[misc]
        assert "127.0.0.1" == json.loads(served.written()[0])["client"]
