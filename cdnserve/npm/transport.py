"""The client for registries and for files of others: npm's certificates and proxies, the limits of a command.

Never leaves a certificate unchecked; there is no setting that would.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path

from cdnserve.client import HttpClient, Patience
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.npmrc import Configuration
from cdnserve.npm.registry import HttpUrl, parse_address
from cdnserve.npm.settings import NpmSettings

_CONFIGURED = {"https": ("https-proxy", "proxy"), "http": ("proxy",)}
_VARIABLES = {"https": ("https_proxy", "all_proxy"), "http": ("http_proxy", "all_proxy")}


def proxy_for(address: HttpUrl, environment: Mapping[str, str], configuration: Configuration) -> str | None:
    """Return the proxy's URL, `None` to connect straight.

    >>> from cdnserve.npm.registry import parse_address
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


def is_excepted(address: HttpUrl, exceptions: str) -> bool:
    """Return whether a NO_PROXY list names the address: `*`, a host with all below it, each with a port if it likes."""
    return any(_names(entry, address) for entry in re.split(r"[\s,]+", exceptions.lower()) if entry)


def _names(entry: str, address: HttpUrl) -> bool:
    if entry == "*":
        return True
    host, port = re.fullmatch(r"(.*?)(?::(\d+))?", entry, re.ASCII).groups()  # type: ignore[union-attr]
    if port and int(port) != address.port:
        return False
    domain = host.removeprefix("*").removeprefix(".")
    return address.host == domain or address.host.endswith(f".{domain}")


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def http_client(settings: NpmSettings, configuration: Configuration) -> HttpClient:
    """Make the client of a command."""
    limits = settings.limits
    return HttpClient(
        Patience(limits.connect, limits.silence, limits.exchange, limits.rate),
        lambda: trusted_certificates(settings, configuration),
        lambda url: proxy_for(parse_address(url), settings.environment, configuration),
        limits.at_once,
        settings.clock,
    )


def trusted_certificates(settings: NpmSettings, configuration: Configuration) -> ssl.SSLContext:
    """Trust the system's authorities, or instead of them npm's `ca` or `cafile` or SSL_CERT_FILE, SSL_CERT_DIR.

    What NODE_EXTRA_CA_CERTS names is trusted as well, as npm does.
    """
    environment = settings.environment
    cafile = configuration.get("cafile") or environment.get("SSL_CERT_FILE")
    capath = environment.get("SSL_CERT_DIR")
    inline = configuration.get("ca", "")
    extra = environment.get("NODE_EXTRA_CA_CERTS")
    named = cafile or capath
    try:
        if "BEGIN CERTIFICATE" in inline:
            context = ssl.create_default_context(cadata=inline)
        elif cafile or capath:
            folder = capath if capath and Path(capath).is_dir() else None
            context = ssl.create_default_context(cafile=cafile, capath=folder)
        else:
            context = ssl.create_default_context()
        named = extra or named
        if extra:
            context.load_verify_locations(cafile=extra)
    except (OSError, ValueError) as error:
        hint = "correct npm's ca or cafile, SSL_CERT_FILE, SSL_CERT_DIR or NODE_EXTRA_CA_CERTS"
        message = f"the certificates to trust can't be read: {error.strerror if isinstance(error, OSError) else error}"
        raise ConfigurationError([Problem("certificates-unreadable", message, str(named or ""), hint=hint)]) from None
    return context
