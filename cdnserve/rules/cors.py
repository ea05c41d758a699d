"""CORS (Fetch Standard §3.2): what a policy answers to an actual request and to a CORS-preflight request.

Never reflects an origin that the policy does not list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

Headers = tuple[tuple[bytes, bytes], ...]

ALLOWED_METHODS = ("GET", "HEAD", "OPTIONS")
# Fetch §4.9 takes no notice of a longer one, and browsers cap it at 2 or 24 hours.
_ANY_MAX_AGE = 86_400


@dataclass(frozen=True, slots=True)
class Policy:
    """Which origins may read a resource, as plain data; `name` is "any", "none" or a `[cors.*]` table's.

    `allow_origins` holds validated patterns: `scheme://host[:port]`, the left-most label or the port may be `*`.
    `max_age` is in seconds.
    """

    name: str
    allow_origins: tuple[str, ...] = ()
    allow_credentials: bool = False
    allow_methods: tuple[str, ...] = ("GET", "HEAD")
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int | None = None
    allow_null_origin: bool = False
    allow_private_network: bool = False


ANY = Policy("any", allow_origins=("*",), allow_methods=ALLOWED_METHODS, allow_headers=("*",), max_age=_ANY_MAX_AGE)
NONE = Policy("none", allow_methods=())


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a CORS-preflight request asks; a field's lines are joined by commas, `None` where absent."""

    origin: str | None
    method: str
    headers: str | None = None
    private_network: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something is allowed, and why in words that a person can act upon."""

    allowed: bool
    reason: str


class CompiledPolicy:
    """A policy, compiled once to header lists and look-ups."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.name = policy.name
        self._exact = frozenset(origin for origin in policy.allow_origins if "*" not in origin)
        self._patterns = tuple(_OriginPattern.parse(text) for text in policy.allow_origins if "*" in text[1:])
        self._allow_headers = frozenset(name.lower() for name in policy.allow_headers)

    @property
    def is_allow_list(self) -> bool:
        """Return whether the answer depends on the request's Origin."""
        return self.name not in (ANY.name, NONE.name)

    @property
    def vary(self) -> tuple[str, ...]:
        """The fields that an answer to GET and HEAD depends on, also when there is no Origin."""
        return ("Origin",) if self.is_allow_list else ()

    @property
    def vary_options(self) -> tuple[str, ...]:
        """The fields that an answer to OPTIONS depends on."""
        if self.name == NONE.name:
            return ("Access-Control-Request-Method",)
        asked: tuple[str, ...] = ("Access-Control-Request-Method", "Access-Control-Request-Headers")
        if self.policy.allow_private_network:
            asked += ("Access-Control-Request-Private-Network",)
        return self.vary + asked

    def is_preflight(self, origin: str | None, request_method: str | None) -> bool:
        """Classify an OPTIONS request (Fetch §3.2.2).

        Where the policy treats all origins alike, Origin isn't looked at: so no Vary needs to name it.
        """
        return request_method is not None and (origin is not None or not self.is_allow_list)

    def actual(self, origin: str | None) -> Headers:
        """Return the CORS headers of a response that is not to a preflight."""
        if self.name == ANY.name:
            return _ANY_HEADERS
        if self.name == NONE.name:
            return _SAME_ORIGIN
        if origin is None or not self.admits(origin).allowed:
            return _CROSS_ORIGIN
        timing = ((b"timing-allow-origin", origin.encode("latin-1")),)
        return self._echo(origin) + self._exposed + timing + _CROSS_ORIGIN

    def admits(self, origin: str) -> Verdict:
        """Decide whether pages of this origin may read, and say why."""
        if self.name == ANY.name:
            return Verdict(True, "the policy is any: every origin may read")
        if self.name == NONE.name:
            return Verdict(False, "the policy is none: no other origin may read")
        if origin == "null":
            allowed = self.policy.allow_null_origin
            return Verdict(allowed, f"allow-null-origin is {str(allowed).lower()}")
        if origin in self._exact:
            return Verdict(True, f"allow-origins lists {origin}")
        pattern = next((pattern for pattern in self._patterns if pattern.matches(origin)), None)
        if pattern:
            return Verdict(True, f"allow-origins lists {pattern.text}, which covers it")
        return Verdict(False, "allow-origins does not list it")

    def preflight(self, asked: Preflight) -> Headers | Verdict:
        """Answer a CORS-preflight request: the headers of its success, or the check that failed."""
        checks = (self._check_origin(asked), self._check_method(asked), self._check_headers(asked))
        failed = next((check for check in checks if not check.allowed), None)
        return failed or self._permission(asked)

    def _check_origin(self, asked: Preflight) -> Verdict:
        if not self.is_allow_list:
            return self.admits("")
        verdict = self.admits(asked.origin or "")
        return Verdict(verdict.allowed, f"origin {_quoted(asked.origin or '')}: {verdict.reason}")

    def _check_method(self, asked: Preflight) -> Verdict:
        # Fetch §2.2.1: methods are compared case-sensitively.
        listed = ", ".join(self.policy.allow_methods)
        return Verdict(
            asked.method in self.policy.allow_methods,
            f"method {_quoted(asked.method)}: the policy allows {listed}",
        )

    def _check_headers(self, asked: Preflight) -> Verdict:
        refused = next((name for name in _field_names(asked.headers) if not self._admits_header(name)), None)
        return Verdict(refused is None, f"header {_quoted(refused or '')}: allow-headers does not cover it")

    def _admits_header(self, name: str) -> bool:
        if not _TOKEN.fullmatch(name):
            return False
        if name in self._allow_headers:
            return True
        # Fetch §4.9: without credentials "*" covers every name but Authorization, which must be listed.
        return "*" in self._allow_headers and (name != "authorization" or self.policy.allow_credentials)

    def _permission(self, asked: Preflight) -> Headers:
        policy = self.policy
        headers = _ANY_HEADERS if self.name == ANY.name else self._echo(asked.origin or "") + _CROSS_ORIGIN
        headers += ((b"access-control-allow-methods", ", ".join(policy.allow_methods).encode("latin-1")),)
        if allowed := self._allowed_headers(asked):
            headers += ((b"access-control-allow-headers", allowed),)
        if policy.max_age is not None:
            headers += ((b"access-control-max-age", str(policy.max_age).encode("latin-1")),)
        if policy.allow_private_network and asked.private_network:
            headers += ((b"access-control-allow-private-network", b"true"),)
        return headers

    def _allowed_headers(self, asked: Preflight) -> bytes:
        if self.policy.allow_credentials and "*" in self._allow_headers:
            # With credentials "*" would be a field's name (Fetch §4.9), so what was asked is named.
            return ", ".join(_field_names(asked.headers)).encode("latin-1")
        return ", ".join(self.policy.allow_headers).encode("latin-1")

    def _echo(self, origin: str) -> Headers:
        echoed = ((b"access-control-allow-origin", origin.encode("latin-1")),)
        return echoed + (_CREDENTIALS if self.policy.allow_credentials else ())

    @cached_property
    def _exposed(self) -> Headers:
        names = ", ".join(self.policy.expose_headers).encode("latin-1")
        return ((b"access-control-expose-headers", names),) if names else ()


_CROSS_ORIGIN: Headers = ((b"cross-origin-resource-policy", b"cross-origin"),)
_SAME_ORIGIN: Headers = ((b"cross-origin-resource-policy", b"same-origin"),)
_CREDENTIALS: Headers = ((b"access-control-allow-credentials", b"true"),)
_ANY_HEADERS: Headers = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
    (b"timing-allow-origin", b"*"),
    *_CROSS_ORIGIN,
)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?", re.ASCII)
# URL Standard §4.2: a scheme's own port is never written in an origin.
_MAX_PORT = 65_535
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class _OriginPattern:
    text: str
    scheme: str
    suffix: str  # with its leading dot when the left-most label is "*"
    port: str | None

    @classmethod
    def parse(cls, text: str) -> _OriginPattern:
        scheme, _, authority = text.partition("://")
        host, port = authority, None
        if not authority.endswith("]") and ":" in authority:
            host, _, port = authority.rpartition(":")
        return cls(text, scheme, host.removeprefix("*"), port)

    def matches(self, origin: str) -> bool:
        parts = _ORIGIN.fullmatch(origin)
        if not parts:
            return False
        scheme, host, port = parts.groups()
        if port and (int(port) > _MAX_PORT or port == _DEFAULT_PORTS.get(scheme)):
            return False
        return scheme == self.scheme and self._covers(host) and self.port in ("*", port)

    def _covers(self, host: str) -> bool:
        if not self.suffix.startswith("."):
            return host == self.suffix
        # One or more whole labels, never the bare domain.
        return host.endswith(self.suffix) and all(host.removesuffix(self.suffix).split("."))


def _field_names(value: str | None) -> tuple[str, ...]:
    # RFC 9110 §5.6.1.2: empty list elements are accepted and ignored. Field names are case-insensitive (§5.1).
    return tuple(name for element in (value or "").split(",") if (name := element.strip(" \t").lower()))


def _quoted(text: str) -> str:
    """Return hostile text so that it can stand in a line of plain text."""
    return ascii(text[:100])
