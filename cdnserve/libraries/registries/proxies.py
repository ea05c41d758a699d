"""Which proxy stands before an address: npm's configuration, then the usual environment variables.

Never sends what is meant for this machine through a proxy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cdnserve.libraries.registries.address import Address
from cdnserve.libraries.registries.configuration import Configuration

_CONFIGURED = {"https": ("https-proxy", "proxy"), "http": ("proxy",)}
_VARIABLES = {"https": ("https_proxy", "all_proxy"), "http": ("http_proxy", "all_proxy")}


def proxy_for(address: Address, environment: Mapping[str, str], configuration: Configuration) -> str | None:
    """Give the proxy's URL, `None` to connect straight.

    >>> from cdnserve.libraries.registries.address import parse_address
    >>> proxy_for(parse_address("https://npm.example/"), {"HTTPS_PROXY": "http://proxy.example:3128"}, {})
    'http://proxy.example:3128'
    """
    exceptions = configuration.get("noproxy") or _variable(environment, "no_proxy")
    if address.is_loopback or is_excepted(address, exceptions):
        return None
    configured = (configuration.get(key, "") for key in _CONFIGURED[address.scheme])
    variables = (_variable(environment, name) for name in _VARIABLES[address.scheme])
    named = (value for value in (*configured, *variables) if value not in ("", "null", "false"))
    return next(named, None)


def is_excepted(address: Address, exceptions: str) -> bool:
    """Tell whether a NO_PROXY list names the address: `*`, a host with all below it, each with a port if it likes."""
    return any(_names(entry, address) for entry in re.split(r"[\s,]+", exceptions.lower()) if entry)


def _names(entry: str, address: Address) -> bool:
    if entry == "*":
        return True
    host, port = re.fullmatch(r"(.*?)(?::(\d+))?", entry, re.ASCII).groups()  # type: ignore[union-attr]
    if port and int(port) != address.port:
        return False
    domain = host.removeprefix("*").removeprefix(".")
    return address.host == domain or address.host.endswith(f".{domain}")


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""
