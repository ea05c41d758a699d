"""Pages, and a release that they load from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from cdnserve.audit.checks import audit
from cdnserve.audit.facts import AuditInput, FetchedDigests, OwnSite
from cdnserve.audit.findings import Finding
from cdnserve.audit.run import own_site
from cdnserve.manifest.model import Rule, Site
from cdnserve.markup.loads import loads
from cdnserve.markup.parser import scan
from cdnserve.release.catalog import SCHEMA, Asset, Catalog, Representation
from cdnserve.rules.caching import Cache
from cdnserve.rules.cors import Policy
from cdnserve.rules.integrity import hash_expression

SITE = "https://cdn.example.com"
OTHER = "https://other.example"
"""A host of somebody else's, which is no public CDN."""


def digest(path: str, algorithm: str = "sha384") -> bytes:
    """Return the digest of the file at a path: its content is its path."""
    return hashlib.new(algorithm, path.encode()).digest()


def integrity(path: str, algorithm: str = "sha384") -> str:
    """Return the integrity metadata of the file at a path."""
    return hash_expression(algorithm, digest(path, algorithm))


def asset(path: str, rule: int) -> Asset:
    whole = Representation("identity", len(path), digest(path, "sha256"))
    return Asset(rule, digest(path), digest(path, "sha512"), (whole,))


def catalog(url: str = SITE) -> Catalog:
    """Make a release with one rule for each kind of policy."""
    immutable, revalidate = Cache("immutable", 31536000, immutable=True), Cache("revalidate")
    rules = (
        Rule(("npm/**",), (), Policy("any"), immutable, "sandbox", 3),
        Rule(("live/**",), (), Policy("any"), revalidate, "sandbox", 7),
        Rule(("own/**",), (), Policy("none"), immutable, "sandbox", 11),
        Rule(("partners/**",), (), Policy("partners", ("https://a.example",), True), immutable, "sandbox", 15),
    )
    paths = {
        "live/app.js": 1,
        "npm/@s/x@1.0.0/x.js": 0,
        "npm/lib@1.0.0/a b.js": 0,
        "npm/lib@1.0.0/lib.js": 0,
        "npm/lib@1.0.0/style.css": 0,
        "npm/lib@1.2.0/lib.js": 0,
        "npm/lib@2.0.0-rc.1/lib.js": 0,
        "own/own.js": 2,
        "partners/p.js": 3,
    }
    return Catalog(SCHEMA, 1, Site("", url), rules, {path: asset(path, rule) for path, rule in paths.items()})


def findings(
    text: str,
    *,
    url: str = "",
    site: OwnSite | None = None,
    fetched: Mapping[str, FetchedDigests] | None = None,
) -> tuple[Finding, ...]:
    """Audit a page, by default one that nobody knows the address of."""
    known = own_site(catalog()) if site is None else site
    return audit(AuditInput(loads(scan(text), url), url, known, fetched or {}))


def ids(text: str, **known: object) -> list[str]:
    """Return the rules that a page breaks, in the order of the page."""
    return [finding.rule for finding in findings(text, **known)]  # type: ignore[arg-type]
