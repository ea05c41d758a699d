"""TLS (RFC 8446, RFC 9325): a certificate with its key, and its renewal while the server runs.

A pair that works stays in use until there is another that works.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.server.access_log import CERTIFICATE, CERTIFICATE_REFUSED, event

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_LARGEST = 1024 * 1024

Stamp = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Where they are; the server's own certificate comes first in its file, then those that vouch for it."""

    certificate: Path
    key: Path
    password: str = field(default="", repr=False)

    def stamp(self) -> Stamp:
        """Return what tells two states of the files apart; links are followed, and a missing file has nothing."""
        found = []
        for path in (self.certificate, self.key):
            try:
                about = path.stat()
            except OSError:
                return ()
            # Nobody can set the time of an inode's last change: no renewal looks like what was there before.
            found.append((about.st_dev, about.st_ino, about.st_size, about.st_ctime_ns))
        return tuple(found)


def check(pair: Pair) -> Certificate:
    """Read both files and give the server's certificate; raises ConfigurationError for whatever is wrong with them."""
    # These take long to load, and only TLS needs them.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    chain, secret = _read(pair.certificate), _read(pair.key)
    try:
        first = x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise ConfigurationError([_no_certificate(pair)]) from error
    try:
        key = load_pem_private_key(secret, pair.password.encode() or None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError([_no_key(pair, secret)]) from error
    if key.public_key() != first.public_key():
        raise ConfigurationError([_mismatch(pair)])
    return first


def warnings(pair: Pair, first: Certificate) -> tuple[Problem, ...]:
    """Return what is odd about a certificate that can be used."""
    now, where, hint = datetime.now(UTC), str(pair.certificate), "renew it, or look at the clock"
    if first.not_valid_after_utc < now:
        value = first.not_valid_after_utc.isoformat()
        return (Problem("tls-certificate-expired", "the certificate has expired", where, value, hint, warning=True),)
    if first.not_valid_before_utc > now:
        value = first.not_valid_before_utc.isoformat()
        return (Problem("tls-certificate-early", "the certificate is not valid yet", where, value, hint, warning=True),)
    return ()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        hint = "look at the path, and at who may read it"
        problem = Problem("tls-file-unreadable", str(error.strerror), str(path), hint=hint)
        raise ConfigurationError([problem]) from error


def _no_certificate(pair: Pair) -> Problem:
    hint = "give a file in PEM that begins with the server's own certificate"
    return Problem("tls-certificate-invalid", "no certificate can be read here", str(pair.certificate), hint=hint)


def _no_key(pair: Pair, secret: bytes) -> Problem:
    where = str(pair.key)
    # As PKCS #8 and as OpenSSL of old say it.
    if b"ENCRYPTED" not in secret:
        hint = "give a file in PEM that holds the private key of the certificate"
        return Problem("tls-key-invalid", "no private key can be read here", where, hint=hint)
    message = "the password does not open the key" if pair.password else "the key is encrypted"
    hint = "put the password into CDNSERVE_TLS_KEY_PASSWORD, or give a key without one"
    return Problem("tls-key-encrypted", message, where, hint=hint)


def _mismatch(pair: Pair) -> Problem:
    hint = f"give the key of {pair.certificate}"
    return Problem("tls-pair-mismatch", "the key is of another certificate", str(pair.key), hint=hint)


logger = logging.getLogger("cdnserve")

# Forward secrecy and authenticated encryption (RFC 9325 §4.2); what TLS 1.3 has is all of that kind.
# The level is OpenSSL's own since 3.2: at least 112 bits of security, so no key of 1024 bits.
_CIPHERS = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"
_LOOK_SECONDS = 1.0


class CertificateFiles:
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


async def keep_renewing(certificate: CertificateFiles, stop: asyncio.Event, *, logs: bool) -> None:
    """Look once a second whether the pair was renewed, until told to stop; one of all workers logs."""
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        try:
            if await asyncio.to_thread(certificate.renew) and logs:
                _log_renewed(certificate)
        except ConfigurationError as error:
            if logs:
                _log_refused(error.problems)


def log_warnings(certificate: CertificateFiles) -> None:
    """Log what is odd about the certificate in use."""
    for warning in certificate.warnings:
        logger.warning("%s", warning)


def _log_renewed(certificate: CertificateFiles) -> None:
    log_warnings(certificate)
    facts = event(CERTIFICATE, expires=certificate.expires.isoformat())
    logger.info("the new certificate is in use; it expires on %s", certificate.expires.date(), extra=facts)


def _log_refused(problems: Sequence[Problem]) -> None:
    for problem in problems:
        logger.error("%s", problem)
    facts = event(CERTIFICATE_REFUSED, ids=[problem.reference for problem in problems])
    logger.error("the certificate before stays in use", extra=facts)


def _context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    # Each of them is strong (RFC 9325 §4.2), and a client knows best which its processor is fast at.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(_CIPHERS)
    try:
        # Without a way to the password OpenSSL would ask on the terminal.
        context.load_cert_chain(pair.certificate, pair.key, lambda: pair.password)
    except OSError as error:
        hint = "have it made anew, with a key of at least 2048 bits (RSA) or 256 (elliptic curves)"
        problem = Problem("tls-pair-refused", "OpenSSL refuses the pair", str(pair.certificate), str(error), hint)
        raise ConfigurationError([problem]) from error
    return context
