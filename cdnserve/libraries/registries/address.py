"""Addresses (RFC 3986) of registries and tarballs, read by the one parser that also makes the requests.

Never holds a user, a password, a fragment, or a character that two parsers could read in two ways.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """An absolute http or https URL; `path` begins with a slash, `query` has no question mark."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def authority(self) -> str:
        """Host and port, without the scheme's own port."""
        return self.host if self.port == DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what credentials and redirects are judged by."""
        return (self.scheme, self.host, self.port)

    @property
    def is_loopback(self) -> bool:
        """Tell whether the host is this machine by name or number."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_private(self) -> bool:
        """Tell whether nobody on the way can read or change what is exchanged."""
        return self.scheme == "https" or self.is_loopback

    @property
    def shown(self) -> str:
        """The address for messages, without the query, which may hold a signature."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def join(self, reference: str) -> Address:
        """Resolve a reference such as a Location; raise `ValueError` as `parse_address` does."""
        return parse_address(urljoin(str(self), _plain(reference)))

    def __str__(self) -> str:
        """Give the whole address."""
        return f"{self.shown}?{self.query}" if self.query else self.shown


def parse_address(text: str) -> Address:
    """Read an absolute address; raise `ValueError` with the reason, which never repeats the text.

    >>> parse_address("https://NPM.example:443/a/../b/?x=1#y")
    Address(scheme='https', host='npm.example', port=443, path='/b/', query='x=1')
    """
    try:
        parts = parse_url(_plain(text))
    except LocationParseError:
        raise ValueError("it is not a URL") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("only http and https are spoken")
    if not parts.host:
        raise ValueError("it has no host")
    if parts.auth is not None:
        raise ValueError("it has a user or password in it")
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    return Address(parts.scheme, parts.host, port, parts.path or "/", parts.query or "")


def _plain(text: str) -> str:
    # WHATWG and RFC 3986 parsers part ways over backslashes, white space, controls and non-ASCII.
    if not all("\x21" <= character <= "\x7e" and character != "\\" for character in text):
        raise ValueError("it has characters that no URL has")
    return text
