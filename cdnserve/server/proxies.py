"""Proxies in front: whose word on the client's address counts, as `X-Forwarded-For` has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

FORWARDED = b"x-forwarded-for"
UNIX = "unix"

_Network = IPv4Network | IPv6Network
# More than any chain of proxies says; what is longer was written to keep us busy.
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Proxies:
    """Who may speak for others: networks, and whoever may open our Unix socket."""

    networks: tuple[_Network, ...] = ()
    unix: bool = False

    def client(self, peer: str, values: Sequence[bytes]) -> str:
        """Return the client's address by all values of `X-Forwarded-For`; `peer` is empty on a Unix socket.

        >>> trusted("10.0.0.0/8").client("10.0.0.1", [b"203.0.113.9, 198.51.100.7", b"10.0.0.2"])
        '198.51.100.7'
        """
        if not self.trusts(peer) or sum(map(len, values)) > _LONGEST:
            return peer
        # Each proxy writes who it was asked by behind what was said before: only the end is sure.
        for text in reversed(b",".join(values).split(b",")):
            address = _address(text.decode("latin-1").strip(" \t"))
            if address is None:
                return peer
            peer = str(address)
            if not self._lists(address):
                return peer
        return peer

    def trusts(self, peer: str) -> bool:
        """Return whether this peer may speak for others."""
        address = _address(peer)
        return self._lists(address) if address else self.unix and not peer

    def _lists(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)


def trusted(text: str) -> Proxies:
    """Read addresses, networks and `unix`, with commas between; raises ValueError for anything else.

    >>> trusted("127.0.0.1, 2001:db8::/32, unix").unix
    True
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    return Proxies(tuple(_networks(word for word in words if word != UNIX)), UNIX in words)


def _networks(words: Iterable[str]) -> Iterable[_Network]:
    for word in words:
        yield ip_network(word)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address, which may have a port behind it; `None` for anything else, also one with a zone."""
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        text = text if bracket else ""
    elif text.count(":") == 1:
        text, colon, port = text.partition(":")
        port = colon + port
    else:
        port = ""
    if "%" in text or not (port == "" or (port[0] == ":" and port[1:].isascii() and port[1:].isdigit())):
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
