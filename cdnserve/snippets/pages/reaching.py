"""Checks of reaching a file: scheme, host, path, and what CORS allows (Fetch, Mixed Content).

Never says that a stranger's server allows something: that only an answer could say.
"""

from __future__ import annotations

from collections.abc import Iterator

from cdnserve.rules.public_cdns import Unmapped, cdn_of, read_address
from cdnserve.snippets.pages.attributes import with_attributes
from cdnserve.snippets.pages.checks import fixed
from cdnserve.snippets.pages.facts import Facts
from cdnserve.snippets.pages.finding import Finding
from cdnserve.snippets.pages.ours import Ours
from cdnserve.snippets.pages.tag import template_at
from cdnserve.snippets.pages.urls import authority, clean, is_loopback

_MIGRATE = "cdnserve migrate takes it to your own host, if npm has it"
_ADDRESSES = {"script": "src", "link": "href", "svg:script": "href"}


def scheme(facts: Facts) -> Iterator[Finding]:
    """Check that a file comes over https."""
    load = facts.load
    is_chosen = facts.is_cross_origin or clean(load.written).lower().startswith("http:")
    if load.url.startswith("http://") and authority(load.url) and not is_loopback(load.url) and is_chosen:
        message = "it comes over http: a page on https may not load it, and on http anyone on the way changes it"
        yield Finding("insecure-url", load.tag, load.url, message, "write https", _with_https(facts))
    elif clean(load.written).startswith("//") and not load.by_map:
        message = "the address has no scheme, so the page's own decides"
        yield Finding("protocol-relative", load.tag, load.url, message, "write https", _with_https(facts))


def host(facts: Facts, ours: Ours) -> Iterator[Finding]:
    """Check that a file comes from a host that the manifest covers."""
    load, name = facts.load, authority(facts.load.url)
    if facts.place or not facts.is_cross_origin or load.use == "other":
        return
    if cdn_of(load.url):
        known = read_address(load.url)
        hint = known.reason if isinstance(known, Unmapped) else _MIGRATE
        yield Finding("third-party-host", load.tag, load.url, f"{name} is a public CDN", hint)
    elif ours.are_known:
        message = f"{name} is not a host of the manifest"
        yield Finding("third-party-host", load.tag, load.url, message, "if it is yours, say --host")


def template(facts: Facts, ours: Ours) -> Iterator[Finding]:
    """Tell of what a template writes a part of, and of its host where that is certain all the same."""
    load = facts.load
    if template_at(authority(load.url)) is None and template_at(load.written) != 0:
        yield from host(facts, ours)
    message = "a template writes a part of it, so it can't be judged here"
    yield Finding("template-address", load.tag, load.url, message, "audit the page that the template makes, by its URL")


def public(facts: Facts, ours: Ours) -> Iterator[Finding]:
    """Check that an address of ours leads to a public file."""
    load, place = facts.load, facts.place
    if place is None or place.is_public or load.use == "folder":
        return
    near = ours.nearest(place.path)
    hint = f"did you mean /{near}?" if near else "cdnserve explain says why"
    yield Finding("not-public", load.tag, load.url, f"no public file is at {place.path[:200]}", hint)


def crossorigin(facts: Facts) -> Iterator[Finding]:
    """Check that what is checked, and every font, is fetched with CORS."""
    load = facts.load
    if load.use == "preload" and load.destination == "font" and not load.crossorigin:
        message = "fonts are fetched with CORS, so a preload without crossorigin is not used"
        fix = with_attributes(load.tag, {"crossorigin": "anonymous"})
        yield Finding("crossorigin-missing", load.tag, load.url, message, fix=fix)
    elif (
        facts.is_cross_origin and load.is_checked and load.needs_crossorigin and facts.metadata and not load.crossorigin
    ):
        message = "without crossorigin the answer is opaque, so its integrity can't match and browsers block it"
        fix = fixed(facts) or with_attributes(load.tag, {"crossorigin": "anonymous"})
        yield Finding("crossorigin-missing", load.tag, load.url, message, fix=fix)


def cors(facts: Facts) -> Iterator[Finding]:
    """Check that the manifest lets a page of another origin load the file."""
    load, rule = facts.load, facts.rule
    if rule is None or not facts.is_cross_origin:
        return
    if rule.cors.name == "none":
        message = f'its rule (manifest.toml:{rule.line}) has cors = "none"'
        yield Finding("cors-refused", load.tag, load.url, message, "give the rule a cors policy")
    elif load.crossorigin == "use-credentials" and not rule.cors.allow_credentials:
        message = f"its policy ({rule.cors.name}) allows no credentials"
        fix = with_attributes(load.tag, {"crossorigin": "anonymous"})
        yield Finding("crossorigin-credentials", load.tag, load.url, message, "write anonymous", fix)


def _with_https(facts: Facts) -> str:
    load = facts.load
    if load.by_map:
        return ""
    rest = load.url.removeprefix("http:").removeprefix("https:")
    name = _ADDRESSES[load.tag.name]
    return with_attributes(load.tag, {name: f"https:{rest}"}) if load.tag.attribute(name) else ""
