"""Where a package's registry is, what may be said to it, and over which connection: npm's own configuration decides.

Never sends credentials to any address but the registry's own, and never leaves a certificate unchecked.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from cdnserve.client import HttpClient, Patience
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.settings import Configuration, NpmSettings
from cdnserve.npm.spec import PinnedPackage

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HttpUrl:
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
        """Return whether the host is this machine by name or number."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_private(self) -> bool:
        """Return whether nobody on the way can read or change what is exchanged."""
        return self.scheme == "https" or self.is_loopback

    @property
    def shown(self) -> str:
        """The address for messages, without the query, which may hold a signature."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def join(self, reference: str) -> HttpUrl:
        """Resolve a reference such as a Location; raise `ValueError` as `parse_address` does."""
        return parse_address(urljoin(str(self), _plain(reference)))

    def __str__(self) -> str:
        """Return the whole address."""
        return f"{self.shown}?{self.query}" if self.query else self.shown


def parse_address(text: str) -> HttpUrl:
    """Read an absolute address; raise `ValueError` with the reason, which never repeats the text.

    >>> parse_address("https://NPM.example:443/a/../b/?x=1#y")
    HttpUrl(scheme='https', host='npm.example', port=443, path='/b/', query='x=1')
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
    return HttpUrl(parts.scheme, parts.host, port, parts.path or "/", parts.query or "")


def _plain(text: str) -> str:
    # WHATWG and RFC 3986 parsers part ways over backslashes, white space, controls and non-ASCII.
    if not all("\x21" <= character <= "\x7e" and character != "\\" for character in text):
        raise ValueError("it has characters that no URL has")
    return text


_SOURCES = "--registry, CDNSERVE_REGISTRY, npm_config_registry or .npmrc"
_CREDENTIAL = re.compile(r"[\x21-\x7e]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry; its address ends with a slash, its configuration may hold secrets and is never shown."""

    address: HttpUrl
    configuration: Configuration = field(repr=False)

    def document(self, name: str) -> HttpUrl:
        """Return the address of all that the registry says of a package."""
        return parse_address(f"{self.address}{name.replace('/', '%2F')}")

    @property
    def keys(self) -> HttpUrl:
        """The address of the keys that it signs packages with."""
        return parse_address(f"{self.address}-/npm/v1/keys")

    def usual(self, spec: PinnedPackage) -> HttpUrl:
        """Return the address where nearly all registries have a tarball, for who has not asked for the document."""
        return self._own(spec, f"{spec.name.rpartition('/')[2]}-{spec.version}.tgz")

    def tarballs(self, spec: PinnedPackage, said: str) -> tuple[HttpUrl, ...]:
        """Return the addresses to try for a tarball; raise `ValueError` if there is none that may be asked.

        A mirror often passes on the address of the registry that it mirrors: on our own registry's place for
        the same file comes first then, because that is the host that people let us speak to.
        """
        address = parse_address(said)
        if address.origin == self.address.origin:
            return (address,)
        own = self._own(spec, address.path.rpartition("/")[2])
        return (own,) if self.address.scheme == "https" and address.scheme == "http" else (own, address)

    def _own(self, spec: PinnedPackage, file: str) -> HttpUrl:
        return parse_address(f"{self.address}{spec.name}/-/{file}")

    def authorization(self, address: HttpUrl) -> str | None:
        """Return the Authorization field for a request, `None` if there is none to send.

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
        """Return whether there are credentials that may not be sent because the way is not encrypted."""
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


def find_registry(
    name: str, settings: NpmSettings, configuration: Configuration, ask: Callable[[str], str]
) -> Registry:
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
        hint = f"install npm, whose registry is asked then, or name one by {_SOURCES}"
        raise ConfigurationError([Problem("registry-unknown", f"no npm registry is configured for {name}", hint=hint)])
    return Registry(_registry_address(said), configuration)


def _registry_address(said: str) -> HttpUrl:
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


def _prefixes(address: HttpUrl) -> Iterator[str]:
    """Yield npm's keys for an address, the longest first: `//host/a/`, `//host/a`, `//host/`, `//host`.

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
            cafile, context = None, ssl.create_default_context(cadata=inline)
        elif cafile or capath:
            folder = capath if capath and Path(capath).is_dir() else None
            context = ssl.create_default_context(cafile=cafile, capath=folder)
        else:
            context = ssl.create_default_context()
        named = extra or named
        # Both often name the same file, and reading all authorities of the world takes long.
        if extra and extra != cafile:
            context.load_verify_locations(cafile=extra)
    except (OSError, ValueError) as error:
        hint = "correct npm's ca or cafile, SSL_CERT_FILE, SSL_CERT_DIR or NODE_EXTRA_CA_CERTS"
        message = f"the certificates to trust can't be read: {error.strerror if isinstance(error, OSError) else error}"
        raise ConfigurationError([Problem("certificates-unreadable", message, str(named or ""), hint=hint)]) from None
    return context
