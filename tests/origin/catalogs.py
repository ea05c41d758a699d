"""Catalogs made as values: every policy, class of caching and kind of representation, without a disk.

Never read by the server: what a test expects of an asset is known from here.
"""

from __future__ import annotations

import hashlib

from cdnserve.manifest.model import Documents, Rule, Site
from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply, Request
from cdnserve.origin.respond import respond
from cdnserve.release.catalog import Asset, Catalog, Coding, Representation
from cdnserve.rules.caching import IMMUTABLE, REVALIDATE, Cache
from cdnserve.rules.cors import ANY, NONE, Policy

NOW = 1_750_000_000.0  # Sun, 15 Jun 2025 15:06:40 GMT
MODIFIED = 1_709_210_096
MODIFIED_DATE = "Thu, 29 Feb 2024 12:34:56 GMT"

APP = "https://app.example.com"
STRANGER = "https://stranger.example"
PARTNERS = Policy(
    "partners",
    (APP, "https://*.example.org"),
    allow_headers=("X-Custom",),
    expose_headers=("ETag",),
    max_age=3600,
)
ACCOUNTS = Policy("accounts", (APP,), allow_credentials=True, allow_headers=("*",), allow_private_network=True)


def rule(path: str, cors: Policy, cache: Cache = IMMUTABLE, documents: Documents = "sandbox") -> Rule:
    """Make a rule of one glob, which leaves source maps out."""
    return Rule((path,), ("**/*.map",), cors, cache, documents, line=1)


RULES = (
    rule("any/**", ANY),
    rule("fresh/**", ANY, REVALIDATE),
    rule("partners/**", PARTNERS),
    rule("accounts/**", ACCOUNTS, REVALIDATE),
    rule("none/**", NONE, REVALIDATE),
    rule("live/**", ANY, documents="live"),
)
FOLDERS = ("any", "fresh", "partners", "accounts", "none", "live")

SIZES: dict[Coding, int] = {"identity": 1000, "br": 300, "zstd": 350, "gzip": 400}


def sha256(path: str, coding: Coding) -> bytes:
    """Return what names the octets of one representation."""
    return hashlib.sha256(f"{path} {coding}".encode()).digest()


def asset(path: str, *codings: Coding, at: int = 0, size: int = 1000, modified: int | None = None) -> Asset:
    """Make an asset with these content codings besides identity."""
    listed: tuple[Coding, ...] = ("identity", *codings)
    sizes = SIZES | {"identity": size}
    return Asset(
        at,
        hashlib.sha384(path.encode()).digest(),
        hashlib.sha512(path.encode()).digest(),
        tuple(Representation(coding, sizes[coding], sha256(path, coding)) for coding in listed),
        modified,
    )


def assets() -> dict[str, Asset]:
    """Make the same few files in the folder of each rule; those of immutable rules have a date."""
    files: dict[str, Asset] = {}
    for at, folder in enumerate(FOLDERS):
        modified = MODIFIED if RULES[at].cache.immutable else None
        files[f"{folder}/app.js"] = asset(f"{folder}/app.js", "br", "zstd", "gzip", at=at, modified=modified)
        files[f"{folder}/empty.css"] = asset(f"{folder}/empty.css", at=at, size=0, modified=modified)
        files[f"{folder}/font.woff2"] = asset(f"{folder}/font.woff2", at=at, size=2000, modified=modified)
        files[f"{folder}/page.html"] = asset(f"{folder}/page.html", at=at, modified=modified)
    return dict(sorted(files.items()))


def origin(files: dict[str, Asset] | None = None, rules: tuple[Rule, ...] = RULES, now: float = NOW) -> Origin:
    """Compile a catalog, with a clock that stands still."""
    catalog = Catalog(1, 1, Site(), rules, assets() if files is None else files)
    return Origin(catalog, clock=lambda: now)


ORIGIN = origin()
HOST = (b"host", b"cdn.example.com")


def request(method: str, path: str, **fields: str) -> Request:
    """Make a request; `if_match` is the field If-Match."""
    more = tuple((name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items())
    return Request(method, path.encode("latin-1"), (HOST, *more))


def ask(method: str, path: str, **fields: str) -> Reply:
    """Ask the origin of all tests."""
    return respond(request(method, path, **fields), ORIGIN)


def get(path: str, **fields: str) -> Reply:
    """Ask by GET."""
    return ask("GET", path, **fields)


def header(reply: Reply, name: str) -> str | None:
    """Return the value of a header, which must not stand twice."""
    values = [value.decode("latin-1") for key, value in reply.headers if key == name.encode()]
    assert len(values) <= 1, (name, values)
    return values[0] if values else None


def names(reply: Reply) -> set[str]:
    """Return the names of all headers."""
    return {name.decode() for name, _ in reply.headers}


def members(reply: Reply, name: str) -> set[str]:
    """Return the members of a header's list, in lower case."""
    return {member.strip().lower() for member in (header(reply, name) or "").split(",")} - {""}
