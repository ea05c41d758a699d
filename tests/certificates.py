"""Certificates that tests make for themselves: an authority that nobody else knows, and what it signs.

Never leaves a key anywhere but in the folder that a test gives.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

NAMES = ("cdn.example.com", "localhost")
ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate, its key, and what a client needs in order to believe it."""

    certificate: Path
    key: Path
    serial: int

    def client(self, *protocols: str) -> ssl.SSLContext:
        """Make a context for clients that believe this certificate alone."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def identity(
    folder: Path,
    *,
    starts: timedelta = timedelta(days=-1),
    lasts: timedelta = timedelta(days=30),
    password: str = "",
    weak: bool = False,
) -> Identity:
    """Write a certificate that signs itself, and its key, into a folder that may hold older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(65537, 1024) if weak else ec.generate_private_key(ec.SECP256R1())
    begins = datetime.now(UTC) + starts
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])])
    names = [x509.DNSName(name) for name in NAMES] + [x509.IPAddress(ip_address(text)) for text in ADDRESSES]
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + lasts)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = builder.sign(key, hashes.SHA256())
    lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    made = Identity(folder / "certificate.pem", folder / "key.pem", signed.serial_number)
    made.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, lock))
    return made
