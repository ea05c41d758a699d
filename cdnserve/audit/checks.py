"""The checks of an audit: integrity metadata (SRI §3), CORS, hosts and addresses, preloads and import maps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from cdnserve.audit.facts import AuditInput, LoadFacts, OwnSite, facts
from cdnserve.audit.findings import Finding
from cdnserve.cdns.mapped import Unmapped
from cdnserve.cdns.registry import cdn_of, read_address
from cdnserve.markup.loads import Load, Loads, unread
from cdnserve.markup.tag import is_module, template_at, with_attributes
from cdnserve.markup.urls import authority, clean, has_credentials, is_loopback
from cdnserve.rules.integrity import ALGORITHMS, HashExpression, matches, parse_metadata

_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_WEAK = re.compile(r"[A-Za-z][A-Za-z0-9]*-[A-Za-z0-9+/_-]+={0,2}(?:\?\S*)?", re.ASCII)
_FETCH = "cdnserve audit --fetch computes it"
_NONE_IS_RIGHT = "no integrity metadata is right for it, for {}"

_MIGRATE = "cdnserve migrate takes it to your own host, if npm has it"
_ADDRESSES = {"script": "src", "link": "href", "svg:script": "href"}

_USES = {"script": ("script",), "style": ("style",), "modulepreload": ("module", "mapped")}


def audit(known: AuditInput) -> tuple[Finding, ...]:
    """Find what is wrong with how a page loads scripts, styles and modules, in the order of the page."""
    found = [finding for load in known.loads.every for finding in _of_load(facts(load, known), known.site)]
    found += [*preloads(known.loads), *maps(known.loads), *modules(known.loads)]
    return tuple(sorted(found, key=lambda finding: finding.place.start))


def _of_load(known: LoadFacts, site: OwnSite) -> Iterator[Finding]:
    if known.load.is_templated:
        found = [*template(known, site)]
    else:
        found = [finding for check in _CHECKS for finding in check(known)]
        found += [*host(known, site), *public(known, site)]
    return (replace(finding, part=known.load.part) for finding in found)


def missing(facts: LoadFacts) -> Iterator[Finding]:
    """Check that scripts and stylesheets of another origin have integrity metadata."""
    load = facts.load
    if not facts.is_cross_origin or (load.integrity or "").strip():
        return
    if load.use == "folder":
        message = f"{load.url} is a prefix: no module below it has integrity metadata"
        hint = "list each module's URL in the import map's integrity"
        yield Finding("integrity-missing", load.tag, load.url, message, hint)
    elif load.is_checked and load.use != "preload" and (facts.place is None or facts.place.asset):
        yield _missing(facts)


def _missing(facts: LoadFacts) -> Finding:
    load, right = facts.load, facts.right_metadata
    message = "it loads unchecked: whoever controls the other origin controls this page"
    hint = right_hint(facts) if right else _FETCH
    if facts.varies:
        hint = _NONE_IS_RIGHT.format(facts.varies)
    elif facts.is_alias:
        hint = "name an exact version first, then add integrity"
    fix = "" if facts.is_alias else fixed(facts)
    return Finding("integrity-missing", load.tag, load.url, message, hint, fix)


def malformed(facts: LoadFacts) -> Iterator[Finding]:
    """Check that integrity metadata is made of hash expressions that browsers know, each with a digest of its size."""
    load = facts.load
    tokens = (load.integrity or "").split()
    if not load.is_checked or not tokens:
        return
    known = parse_metadata(load.integrity or "")
    if not known and all(_WEAK.fullmatch(token) for token in tokens):
        message = f"browsers check {', '.join(ALGORITHMS)} in lower case only, so it loads unchecked"
        yield _found("integrity-weak", facts, message, tokens)
    elif not known:
        yield _found("integrity-malformed", facts, "nothing in it is a hash expression, so it loads unchecked", tokens)
    elif not any(_fits(expression) for expression in facts.metadata):
        message = "the digest does not have the size of its algorithm, so browsers block it"
        yield _found("integrity-malformed", facts, message, tokens)
    elif not any(expression.portable for expression in facts.metadata if _fits(expression)):
        message = "its padding (=) is wrong: Chromium loads it, and Firefox blocks it"
        yield _found("integrity-malformed", facts, message, tokens)
    elif len(known) < len(tokens) or len({expression.algorithm for expression in known}) > 1:
        message = f"browsers look at {facts.metadata[0].algorithm} alone; the rest counts for nothing"
        yield _found("integrity-mixed", facts, message, tokens)


def wrong(facts: LoadFacts) -> Iterator[Finding]:
    """Check that integrity metadata matches the file."""
    load = facts.load
    if not load.is_checked or not facts.digests or facts.is_alias or not any(map(_fits, facts.metadata)):
        return
    if not matches(load.integrity or "", facts.digests):
        yield _found(
            "integrity-wrong", facts, "the file has another digest, so browsers block it", [load.integrity or ""]
        )


def alias(facts: LoadFacts) -> Iterator[Finding]:
    """Check that integrity metadata belongs to an exact version, and to the same bytes for all."""
    load = facts.load
    if not (facts.is_alias or facts.varies) or not load.is_checked:
        return
    if facts.varies and facts.metadata:
        message = f"{facts.varies}: a browser that gets others blocks it"
        yield Finding("integrity-of-alias", load.tag, load.url, message, "take the integrity out, or host the file")
    elif (load.integrity or "").strip():
        message = "the address names no exact version: with the next version, browsers block it"
        yield Finding("integrity-of-alias", load.tag, load.url, message, _pin(facts))
    elif facts.place and facts.is_cross_origin:
        message = "the address names no exact version, so it can't have integrity metadata, and loads unchecked"
        yield Finding("version-not-pinned", load.tag, load.url, message, _pin(facts))


def mutable(facts: LoadFacts) -> Iterator[Finding]:
    """Check that integrity metadata belongs to a file that never changes."""
    load = facts.load
    if load.is_checked and facts.metadata and facts.rule and not facts.is_alias and not facts.rule.cache.immutable:
        message = f"its rule (manifest.toml:{facts.rule.line}) lets it change, and browsers block changed bytes"
        hint = 'publish it under a rule with cache = "immutable"'
        yield Finding("integrity-of-mutable", load.tag, load.url, message, hint)


def ignored(facts: LoadFacts) -> Iterator[Finding]:
    """Check that integrity metadata stands where browsers look at it."""
    load = facts.load
    if load.is_checked or load.by_map or not (load.integrity or "").strip():
        return
    where = f"a preload as {load.destination or 'nothing'}" if load.use == "preload" else "this element"
    message = f"browsers don't check the integrity of {where}"
    if not load.written:
        message = "an inline script has no integrity: browsers look at it together with src only"
    elif load.destination == "font":
        message = "of the browsers only Chromium is known to check the integrity of a preloaded font"
    yield Finding("integrity-ignored", load.tag, load.url, message, "take it out")


def svg(facts: LoadFacts) -> Iterator[Finding]:
    """Check that a script in SVG comes from the page's own origin."""
    load = facts.load
    if load.use == "svg" and facts.is_cross_origin:
        message = "browsers check no integrity of a script in SVG"
        yield Finding("svg-script", load.tag, load.url, message, "load it with an HTML script element")


def failed(facts: LoadFacts) -> Iterator[Finding]:
    """Check that a file that was asked for has come."""
    if facts.failure:
        yield Finding("fetch-failed", facts.load.tag, facts.load.url, facts.failure)


def fixed(facts: LoadFacts) -> str:
    """Return the tag with the right integrity metadata, `""` where that is not known or the tag is an import map."""
    load, right = facts.load, facts.right_metadata
    if load.by_map or not right:
        return ""
    needs = facts.is_cross_origin and load.needs_crossorigin and not load.crossorigin
    return with_attributes(load.tag, {"integrity": right} | ({"crossorigin": "anonymous"} if needs else {}))


def right_hint(facts: LoadFacts) -> str:
    """Return which integrity metadata is right, `""` where that is not known."""
    right = facts.right_metadata
    if not right:
        return ""
    return f'the import map needs "{facts.load.url}": "{right}"' if facts.load.by_map else f"it should be {right}"


def _found(rule: str, facts: LoadFacts, message: str, written: list[str]) -> Finding:
    told = f"{message}: {' '.join(written)[:200]}"
    return Finding(rule, facts.load.tag, facts.load.url, told, right_hint(facts), fixed(facts))


def _pin(facts: LoadFacts) -> str:
    return f"today it leads to {facts.place.target}" if facts.place else "name an exact version"


def _fits(expression: HashExpression) -> bool:
    return len(expression.digest) == _SIZES[expression.algorithm]


def scheme(facts: LoadFacts) -> Iterator[Finding]:
    """Check that a file comes over https."""
    load = facts.load
    is_chosen = facts.is_cross_origin or clean(load.written).lower().startswith("http:")
    if load.url.startswith("http://") and authority(load.url) and not is_loopback(load.url) and is_chosen:
        message = "it comes over http: a page on https may not load it, and on http anyone on the way changes it"
        yield Finding("insecure-url", load.tag, load.url, message, "write https", _with_https(facts))
    elif clean(load.written).startswith("//") and not load.by_map:
        message = "the address has no scheme, so the page's own decides"
        yield Finding("protocol-relative", load.tag, load.url, message, "write https", _with_https(facts))


def credentials(facts: LoadFacts) -> Iterator[Finding]:
    """Check that an address has no user name and no password in it."""
    load = facts.load
    if has_credentials(load.written):
        message = "its address has a user name or password: whoever reads the page has it, and Chromium wants CORS then"
        yield Finding("credentials-in-url", load.tag, load.url, message, "take it out", _with_url(load, load.url))


def host(facts: LoadFacts, site: OwnSite) -> Iterator[Finding]:
    """Check that a file comes from a host that the manifest covers."""
    load, name = facts.load, authority(facts.load.url)
    if facts.place or not facts.is_cross_origin or load.use == "other":
        return
    if cdn_of(load.url):
        known = read_address(load.url)
        hint = known.reason if isinstance(known, Unmapped) else _MIGRATE
        yield Finding("third-party-host", load.tag, load.url, f"{name} is a public CDN", hint)
    elif site.is_known:
        message = f"{name} is not a host of the manifest"
        yield Finding("third-party-host", load.tag, load.url, message, "if it is yours, say --host")


def template(facts: LoadFacts, site: OwnSite) -> Iterator[Finding]:
    """Note what a template writes a part of, and check its host where that is certain all the same."""
    load = facts.load
    if template_at(authority(load.url)) is None and template_at(load.written) != 0:
        yield from host(facts, site)
    message = "a template writes a part of it, so it can't be judged here"
    yield Finding("template-address", load.tag, load.url, message, "audit the page that the template makes, by its URL")


def public(facts: LoadFacts, site: OwnSite) -> Iterator[Finding]:
    """Check that an address of the own site leads to a public file."""
    load, place = facts.load, facts.place
    if place is None or place.is_public or load.use == "folder":
        return
    near = site.nearest(place.path)
    hint = f"did you mean /{near}?" if near else "cdnserve explain says why"
    yield Finding("not-public", load.tag, load.url, f"no public file is at {place.path[:200]}", hint)


def crossorigin(facts: LoadFacts) -> Iterator[Finding]:
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


def cors(facts: LoadFacts) -> Iterator[Finding]:
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


def _with_https(facts: LoadFacts) -> str:
    rest = facts.load.url.removeprefix("http:").removeprefix("https:")
    return _with_url(facts.load, f"https:{rest}")


def _with_url(load: Load, url: str) -> str:
    name = _ADDRESSES[load.tag.name]
    return with_attributes(load.tag, {name: url}) if not load.by_map and load.tag.attribute(name) else ""


def preloads(loads: Loads) -> Iterator[Finding]:
    """Check that a preload has the integrity metadata of its use."""
    used: dict[str, dict[tuple[str, ...], Load]] = {}
    for load in loads.every:
        used.setdefault(load.url, {}).setdefault((load.use, *(load.integrity or "").split()), load)
    for load in loads.every:
        if load.use in ("preload", "modulepreload") and not load.by_map and not load.is_templated:
            uses = _USES.get(load.destination or load.use, ())
            other = next((use for use in used[load.url].values() if use.use in uses and not _same(use, load)), None)
            if other:
                yield _mismatch(load, other)


def _same(one: Load, other: Load) -> bool:
    return (one.integrity or "").split() == (other.integrity or "").split()


def _mismatch(load: Load, use: Load) -> Finding:
    place = f"line {use.tag.line}, column {use.tag.column}"
    said = f"has {use.integrity}" if use.integrity else "has no integrity"
    message = f"its use ({place}) {said}, so the browser fetches it twice or uses it unchecked"
    return Finding("preload-mismatch", load.tag, load.url, message, "give both the same integrity")


def maps(loads: Loads) -> Iterator[Finding]:
    """Check that a page has one import map that browsers can read, before all modules."""
    for one in loads.maps:
        for fault in one.faults:
            yield Finding("import-map-invalid", one.tag, "", fault)
    for one in loads.maps[1:]:
        message = "there is an import map before it; browsers without support for several ignore this one"
        yield Finding("import-map-repeated", one.tag, "", message, "put all of it into one")
    first = next((tag for tag in loads.page.tags if is_module(tag)), None)
    for one in loads.maps[:1]:
        if first and first.start < one.tag.start:
            message = f"a module comes before it, in line {first.line}; some browsers ignore the map then"
            yield Finding("import-map-late", one.tag, "", message, "put it before all modules")


def modules(loads: Loads) -> Iterator[Finding]:
    """Check that the modules in a page can be read to their end."""
    for tag, place in unread(loads.page):
        message = "from here on the module is no JavaScript: browsers run none of it"
        hint = "correct it; what it imports further on is not looked at"
        yield Finding("module-unread", tag, "", message, hint, part=place)


_CHECKS = (
    missing,
    malformed,
    wrong,
    alias,
    mutable,
    ignored,
    svg,
    failed,
    crossorigin,
    cors,
    scheme,
    credentials,
)
