"""The client for registries and for files of others: npm's certificates and proxies, the limits of a command.

Never leaves a certificate unchecked; there is no setting that would.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from cdnserve.client import HttpClient, Patience
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.registries.address import parse_address
from cdnserve.libraries.registries.configuration import Configuration
from cdnserve.libraries.registries.proxies import proxy_for
from cdnserve.libraries.settings import Settings


def http_client(settings: Settings, configuration: Configuration) -> HttpClient:
    """Make the client of a command."""
    limits = settings.limits
    return HttpClient(
        Patience(limits.connect, limits.silence, limits.exchange, limits.rate),
        lambda: trusted_certificates(settings, configuration),
        lambda url: proxy_for(parse_address(url), settings.environment, configuration),
        limits.at_once,
        settings.clock,
    )


def trusted_certificates(settings: Settings, configuration: Configuration) -> ssl.SSLContext:
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
