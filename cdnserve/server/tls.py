"""TLS (RFC 8446, RFC 9325): the context of handshakes, and its renewal while the server runs.

Never lets go of a pair that works for one that doesn't, and never touches connections that were made before.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.server.events import CERTIFICATE, CERTIFICATE_REFUSED, event
from cdnserve.server.pair import Pair, check, warnings

logger = logging.getLogger("cdnserve")

# Forward secrecy and authenticated encryption (RFC 9325 §4.2); what TLS 1.3 has is all of that kind.
# The level is OpenSSL's own since 3.2: at least 112 bits of security, so no key of 1024 bits.
_CIPHERS = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"
_LOOK_SECONDS = 1.0


class Certificate:
    """The pair in use, as a context for the handshakes to come."""

    def __init__(self, pair: Pair, protocols: Sequence[str]) -> None:
        self._pair = pair
        self._protocols = list(protocols)
        self._used = self._seen = pair.stamp()
        self._take()

    def _take(self) -> None:
        first = check(self._pair)
        # Anew each time: a context where loading failed half-way would be left with parts of two pairs.
        context = _context(self._pair)
        context.set_alpn_protocols(self._protocols)
        self.context, self.expires = context, first.not_valid_after_utc
        self.warnings = warnings(self._pair, first)

    def renew(self) -> bool:
        """Take up the files if they have changed, but not in this very second; tell whether they were taken up.

        Raises ConfigurationError, once for each change, where they can't be used.
        """
        now, before = self._pair.stamp(), self._seen
        self._seen = now
        if now == self._used or now != before:
            return False
        self._used = now
        self._take()
        return True


async def keep_renewing(certificate: Certificate, stop: asyncio.Event, *, tells: bool) -> None:
    """Look once a second whether the pair was renewed, until told to stop; one of all workers tells."""
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        try:
            if await asyncio.to_thread(certificate.renew) and tells:
                _tell_renewed(certificate)
        except ConfigurationError as error:
            if tells:
                _tell_refused(error.problems)


def tell_warnings(certificate: Certificate) -> None:
    """Tell what is odd about the certificate in use."""
    for warning in certificate.warnings:
        logger.warning("%s", warning)


def _tell_renewed(certificate: Certificate) -> None:
    tell_warnings(certificate)
    facts = event(CERTIFICATE, expires=certificate.expires.isoformat())
    logger.info("the new certificate is in use; it expires on %s", certificate.expires.date(), extra=facts)


def _tell_refused(problems: Sequence[Problem]) -> None:
    for problem in problems:
        logger.error("%s", problem)
    facts = event(CERTIFICATE_REFUSED, ids=[problem.reference for problem in problems])
    logger.error("the certificate before stays in use", extra=facts)


def _context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_ciphers(_CIPHERS)
    try:
        # Without a way to the password OpenSSL would ask on the terminal.
        context.load_cert_chain(pair.certificate, pair.key, lambda: pair.password)
    except OSError as error:
        hint = "have it made anew, with a key of at least 2048 bits (RSA) or 256 (elliptic curves)"
        problem = Problem("tls-pair-refused", "OpenSSL refuses the pair", str(pair.certificate), str(error), hint)
        raise ConfigurationError([problem]) from error
    return context
