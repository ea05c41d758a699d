"""Registry signatures (npm): ECDSA P-256 with SHA-256 over `NAME@VERSION:INTEGRITY`, checked before any download.

Never takes a key for one that it does not know how to check.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from cdnserve.display import excerpt
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.download import Download, RegistryClient
from cdnserve.npm.package import Packument, Published, Signature, fetch_document, nonsense, refused
from cdnserve.npm.registry import Registry

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

_KIND = "ecdsa-sha2-nistp256"
_LIMIT = 2**20
# What registries without keys say of the address; npm takes the first two for it, the others say the same.
_NONE = frozenset({400, 404, 405, 410})


class _Listed(msgspec.Struct, frozen=True):
    keyid: str
    key: str
    scheme: str = ""
    expires: str | None = None


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[_Listed, ...]


@dataclass(frozen=True, slots=True)
class RegistryKey:
    """One of a registry's keys; it vouches for nothing that was published when it had expired."""

    public: EllipticCurvePublicKey
    expires: datetime | None


Keys = Mapping[str, RegistryKey]
NO_KEYS: Keys = MappingProxyType({})


def find_keys(registry: Registry, client: RegistryClient) -> Keys:
    """Ask a registry for the keys that it signs with; there are none where it doesn't know the address."""
    wanted = Download("the registry's keys", registry.keys, registry, _LIMIT, (("Accept", "application/json"),))
    status, data = fetch_document(wanted, client)
    if status in _NONE:
        return NO_KEYS
    if status != 200:
        raise refused(wanted.what, registry, status)
    return read_keys(data, registry)


def read_keys(data: bytes, registry: Registry) -> Keys:
    """Read the keys (JSON), leaving out those of a kind that isn't known here."""
    try:
        listed = msgspec.json.decode(data, type=_Keys).keys
        return {
            one.keyid: RegistryKey(_public(one.key), _moment(one.expires or ""))
            for one in listed
            if one.scheme == _KIND
        }
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise nonsense("the registry's keys", registry, str(error)) from None


def check(package: Packument, published: Published, keys: Keys) -> Problem | None:
    """Check a version's signatures; raise ConfigurationError if one is wrong, warn where nothing could be checked.

    - A registry without keys signs nothing: fine.
    - Each signature by a key that the registry lists must be right, and there must be one.
    - A key that has expired is refused for what was published later. As in npm, what the document gives no time for
      counts as published before: the time isn't signed anyway, so it only tells old versions from mistakes.
    - A version without signature is refused if the registry signs other versions of the package: somebody took it off
      or put the version in. Where it signs none, as a proxy may not sign what it hosts itself, that is a warning.
    """
    if not keys:
        return None
    if not published.signatures:
        if package.is_signed:
            raise ConfigurationError([_missing(published, "the registry signs other versions of it", warning=False)])
        return _missing(published, "the registry has keys, but signs no version of it", warning=True)
    known = [(signature, keys[signature.keyid]) for signature in published.signatures if signature.keyid in keys]
    if not known:
        raise _wrong(published, "it is by a key that the registry doesn't list", published.signatures[0])
    message = f"{published.spec}:{published.claimed}".encode()
    for signature, key in known:
        if _expired(key, published.time):
            raise _wrong(published, "its key had expired when the version was published", signature)
        if not _fits(signature, key, message):
            raise _wrong(published, "it does not fit the integrity that the registry gives", signature)
    return None


def _expired(key: RegistryKey, published: str) -> bool:
    if key.expires is None:
        return False
    try:
        time = _moment(published)
    except ValueError:
        return True
    return time is not None and time >= key.expires


def _fits(signature: Signature, key: RegistryKey, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - takes long to load
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    try:
        key.public.verify(base64.b64decode(signature.sig, validate=True), message, ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _public(text: str) -> EllipticCurvePublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - takes long to load
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except UnsupportedAlgorithm:
        raise ValueError("a key is of another kind than it says") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("a key is of another kind than it says")
    return key


def _moment(text: str) -> datetime | None:
    """Read a time (RFC 3339), `None` where there is none; raise `ValueError` for what is no time."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _missing(published: Published, why: str, *, warning: bool) -> Problem:
    where = published.registry.address.shown
    hint = (
        "find out why before you use it"
        if warning
        else "choose a version that is signed, and tell the registry's owner"
    )
    message = f"{published.spec} has no registry signature: {why}"
    return Problem("signature-missing", message, where, hint=hint, warning=warning)


def _wrong(published: Published, why: str, signature: Signature) -> ConfigurationError:
    message = f"{published.spec}: the registry's signature is not right: {why}; nothing was fetched"
    hint = "somebody may have changed what the registry says: tell its owner"
    where = published.registry.address.shown
    return ConfigurationError([Problem("signature-wrong", message, where, excerpt(signature.keyid), hint)])
