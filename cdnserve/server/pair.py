"""A certificate and its key as files in PEM (RFC 7468): whether they can be used, told in words that help.

Never asks for a password on a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.errors import ConfigurationError, Problem

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
        """Tell two states of the files apart; links are followed, and nothing is what a missing file has."""
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
    """Say what is odd about a certificate that can be used."""
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
