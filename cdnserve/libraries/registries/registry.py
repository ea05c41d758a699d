"""Where a package's registry is and what may be said to it: npm's own configuration decides.

Never knows a registry by itself, and never gives credentials to any address but the registry's own.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.registries.address import Address, parse_address
from cdnserve.libraries.registries.configuration import Configuration
from cdnserve.libraries.settings import Settings
from cdnserve.libraries.spec import Spec

_SOURCES = "--registry, CDNSERVE_REGISTRY, npm_config_registry, .npmrc or npm itself"
_CREDENTIAL = re.compile(r"[\x21-\x7e]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry; its address ends with a slash, its configuration may hold secrets and is never shown."""

    address: Address
    configuration: Configuration = field(repr=False)

    def document(self, name: str) -> Address:
        """Give the address of all that the registry says of a package."""
        return parse_address(f"{self.address}{name.replace('/', '%2F')}")

    @property
    def keys(self) -> Address:
        """The address of the keys that it signs packages with."""
        return parse_address(f"{self.address}-/npm/v1/keys")

    def usual(self, spec: Spec) -> Address:
        """Give the address where nearly all registries have a tarball, for who has not asked for the document."""
        return self._own(spec, f"{spec.name.rpartition('/')[2]}-{spec.version}.tgz")

    def tarballs(self, spec: Spec, said: str) -> tuple[Address, ...]:
        """Give the addresses to try for a tarball; raise `ValueError` if there is none that may be asked.

        A mirror often passes on the address of the registry that it mirrors: on our own registry's place for
        the same file comes first then, because that is the host that people let us speak to.
        """
        address = parse_address(said)
        if address.origin == self.address.origin:
            return (address,)
        own = self._own(spec, address.path.rpartition("/")[2])
        return (own,) if self.address.scheme == "https" and address.scheme == "http" else (own, address)

    def _own(self, spec: Spec, file: str) -> Address:
        return parse_address(f"{self.address}{spec.name}/-/{file}")

    def authorization(self, address: Address) -> str | None:
        """Give the Authorization field for a request, `None` if there is none to send.

        Only to the registry's own scheme, host and port, encrypted or on this machine, and below the path that
        the credentials were given for.
        """
        if address.origin != self.address.origin or not address.is_private:
            return None
        for prefix in _prefixes(address):
            field_value = self._credentials(prefix)
            if field_value:
                return field_value
        return None

    @property
    def withholds(self) -> bool:
        """Tell whether there are credentials that may not be sent because the way is not encrypted."""
        keys = (f"{prefix}:{key}" for prefix in _prefixes(self.address) for key in ("_authToken", "_auth", "_password"))
        return not self.address.is_private and any(key in self.configuration for key in keys)

    def _credentials(self, prefix: str) -> str | None:
        token, basic, user, password = (
            self.configuration.get(f"{prefix}:{key}", "") for key in ("_authToken", "_auth", "username", "_password")
        )
        if token:
            return f"Bearer {_sendable(token, prefix)}"
        if basic:
            return f"Basic {_sendable(basic, prefix)}"
        if user and password:
            return f"Basic {_basic(user, password, prefix)}"
        return None


def find_registry(name: str, settings: Settings, configuration: Configuration, ask: Callable[[str], str]) -> Registry:
    """Find the registry of a package; `ask` is asked for a key only if nothing else names one.

    As in npm the registry of a scope is stronger than `--registry`: private packages must not be
    looked for in a public place.
    """
    scope_key = f"{name.partition('/')[0]}:registry" if name.startswith("@") else ""
    said = (
        configuration.get(scope_key)
        or settings.registry
        or settings.environment.get("CDNSERVE_REGISTRY")
        or configuration.get("registry")
        or (ask(scope_key) if scope_key else "")
        or ask("registry")
    )
    if not said:
        hint = f"name one by {_SOURCES}"
        raise ConfigurationError([Problem("registry-unknown", f"no npm registry is configured for {name}", hint=hint)])
    return Registry(_registry_address(said), configuration)


def _registry_address(said: str) -> Address:
    try:
        address = parse_address(said)
        if address.query:
            raise ValueError("it has a query")
    except ValueError as error:
        # The value itself may hold a password, so it isn't repeated.
        hint = f"correct it where it is set: {_SOURCES}; credentials belong in .npmrc"
        raise ConfigurationError(
            [Problem("registry-address", f"the registry's address is wrong: {error}", hint=hint)]
        ) from None
    return address if address.path.endswith("/") else parse_address(f"{address}/")


def _prefixes(address: Address) -> Iterator[str]:
    """Give npm's keys for an address, the longest first: `//host/a/`, `//host/a`, `//host/`, `//host`.

    >>> list(_prefixes(parse_address("https://npm.example/a/b")))
    ['//npm.example/a/b', '//npm.example/a/', '//npm.example/a', '//npm.example/', '//npm.example']
    """
    key = f"//{address.authority}{address.path}"
    while len(key) > len("//"):
        yield key
        key = key[:-1] if key.endswith("/") else key[: key.rindex("/") + 1]


def _basic(user: str, password: str, prefix: str) -> str:
    # npm keeps `_password` in base64, against shoulder-surfing only.
    try:
        plain = b64decode(password, validate=True)
    except ValueError:
        raise _unusable(prefix, "_password is not base64") from None
    return b64encode(user.encode() + b":" + plain).decode("ascii")


def _sendable(secret: str, prefix: str) -> str:
    unset = re.search(r"\$\{([^${}?]+)\}", secret)
    if unset:
        raise _unusable(prefix, f"the variable {unset[1]} is not set")
    if not _CREDENTIAL.fullmatch(secret):
        raise _unusable(prefix, "they have characters that can't be sent")
    return secret


def _unusable(prefix: str, why: str) -> ConfigurationError:
    hint = "correct them in .npmrc or the environment"
    return ConfigurationError(
        [Problem("registry-credentials", f"the credentials for {prefix} can't be used: {why}", hint=hint)]
    )
