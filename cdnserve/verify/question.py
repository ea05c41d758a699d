"""Questions: the requests that show whether an edge passes on what the release says of a path (RFC 9110, Fetch)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cdnserve.origin.files import entity_tag
from cdnserve.origin.lookup import Origin, PublishRule
from cdnserve.origin.message import Request
from cdnserve.release.catalog import Asset
from cdnserve.rules.cors import CompiledPolicy
from cdnserve.rules.urls import public_url

Kind = Literal["whole", "head", "conditional", "range", "preflight", "absent", "alias"]
Field = tuple[str, str]

# Where an edge compresses, it does so for this.
BROWSER = "gzip, br, zstd"
# Content larger than this is asked for once for each coding, not for each origin.
_LARGE = 256 * 1024
_FIRST_OCTETS = 30_000
_SUFFIX = 32
_UNKNOWN_ORIGINS = ("https://stranger.example", "https://stranger.test", "https://stranger.invalid")
_LABELS = ("app", "www")


@dataclass(frozen=True, slots=True)
class Question:
    """One request for a logical path; field names are in lower case."""

    kind: Kind
    method: str
    path: str
    fields: tuple[Field, ...] = ()

    @property
    def target(self) -> str:
        """The path as a URL has it, from its leading slash on."""
        return public_url(self.path)

    def field(self, name: str) -> str | None:
        """Return a field's value."""
        return next((value for key, value in self.fields if key == name), None)

    def request(self, *instead: Field) -> Request:
        """Return the facts as an origin takes them; `instead` replaces fields."""
        names = {name for name, _ in instead}
        fields = (("host", "cdn.example"), *(field for field in self.fields if field[0] not in names), *instead)
        encoded = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)
        return Request(self.method, self.target.encode("ascii"), encoded)

    def __str__(self) -> str:
        """Return method and fields on one line.

        >>> str(Question("head", "HEAD", "a.js", (("accept-encoding", "br"),)))
        'HEAD with accept-encoding: br'
        """
        said = ", ".join(f"{name}: {value}" for name, value in self.fields)
        return f"{self.method} with {said}" if said else self.method


def origins(policy: CompiledPolicy) -> tuple[str | None, ...]:
    """Return the origins to ask as, `None` for no Origin field: first an allowed one where there is any.

    A cache that takes no notice of Origin then gives the first one's answer to all.
    """
    refused = next((origin for origin in _UNKNOWN_ORIGINS if not policy.admits(origin).allowed), None)
    if not policy.is_allow_list:
        return (_UNKNOWN_ORIGINS[0], None)
    allowed = dict.fromkeys(origin for text in policy.policy.allow_origins for origin in _examples(text))
    admitted = [origin for origin in (*allowed, "null") if policy.admits(origin).allowed][:2]
    return (*admitted, *([refused] if refused else []), None)


def _examples(pattern: str) -> Iterator[str]:
    text = f"{pattern.removesuffix(':*')}:8443" if pattern.endswith(":*") else pattern
    if "://*." not in text:
        yield text
    else:
        yield from (text.replace("://*.", f"://{label}.") for label in _LABELS)


def questions(path: str, rule: PublishRule, asset: Asset) -> Iterator[Question]:
    """Yield all questions for a public file, those whose answers explain others first."""
    first, *others = origins(rule.policy)
    for coding in _codings(asset):
        yield Question("whole", "GET", path, _fields(first, coding))
    small = asset.identity.size <= _LARGE
    # RFC 9110 §12.5.3: without the field any coding will do, so some edges ask for one and unpack it themselves.
    for fields in (_fields(first, ""), *(_fields(origin, "identity") for origin in others)):
        yield Question("whole" if small else "head", "GET" if small else "HEAD", path, fields)
    plain = _fields(first, "identity")
    yield Question("conditional", "GET", path, (*plain, ("if-none-match", entity_tag(asset.identity))))
    yield Question("head", "HEAD", path, plain)
    for wanted in _ranges(asset.identity.size):
        yield Question("range", "GET", path, (*plain, ("range", wanted)))
    yield from preflights(path, rule.policy)


def _codings(asset: Asset) -> tuple[str, ...]:
    """Return the values of Accept-Encoding, identity last: a cache that ignores them then gives a coding to all."""
    coded = tuple(representation.coding for representation in asset.representations[1:])
    return (*(coded or (BROWSER,)), "identity")


def _fields(origin: str | None, coding: str) -> tuple[Field, ...]:
    accepted = (("accept-encoding", coding),) if coding else ()
    return (*accepted, *([("origin", origin)] if origin else []))


def _ranges(size: int) -> tuple[str, ...]:
    if size < 2:
        return ()
    start = min(size // 3, _FIRST_OCTETS)
    return f"bytes={start}-{min(start + 99, size - 1)}", f"bytes=-{min(_SUFFIX, size - 1)}"


def preflights(path: str, policy: CompiledPolicy) -> Iterator[Question]:
    """Yield CORS-preflight requests: one that is allowed, if any origin is, and one that is not."""
    first, *others = origins(policy)
    listed = policy.policy.allow_headers
    header = "x-requested-with" if not listed or "*" in listed else listed[0].lower()
    for origin in (first, *(other for other in others if other in _UNKNOWN_ORIGINS)):
        if origin:
            asked = (("access-control-request-headers", header),) if listed or policy.name == "any" else ()
            yield Question(
                "preflight", "OPTIONS", path, (("origin", origin), ("access-control-request-method", "GET"), *asked)
            )


def absent(origin: Origin, name: str) -> Iterator[Question]:
    """Yield questions for paths where no file lies: one under each rule, and one that no rule publishes."""
    seen = set()
    for path, asset in origin.catalog.assets.items():
        if asset.rule not in seen:
            folder, slash, _ = path.rpartition("/")
            missing = f"{folder}{slash}{name}"
            found, rule = origin.find(missing), origin.rules[asset.rule]
            if found.rule is rule and found.asset is None and not found.location:
                seen.add(asset.rule)
                yield Question("absent", "GET", missing, _fields(origins(rule.policy)[0], "identity"))
    if origin.find(name).rule is None:
        yield Question("absent", "GET", name, _fields(_UNKNOWN_ORIGINS[0], "identity"))
