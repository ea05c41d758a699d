"""Checks of integrity metadata (SRI §3): is it there, can it match, does it match.

Never takes a warning for harmless: metadata that browsers ignore is no metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdnserve.rules.integrity import ALGORITHMS, HashExpression, matches, parse_metadata
from cdnserve.snippets.pages.attributes import with_attributes
from cdnserve.snippets.pages.facts import Facts
from cdnserve.snippets.pages.finding import Finding

_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_WEAK = re.compile(r"[A-Za-z][A-Za-z0-9]*-[A-Za-z0-9+/_-]+={0,2}(?:\?\S*)?", re.ASCII)
_FETCH = "cdnserve audit --fetch computes it"
_NONE_IS_RIGHT = "no integrity metadata is right for it, for {}"


def missing(facts: Facts) -> Iterator[Finding]:
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


def _missing(facts: Facts) -> Finding:
    load, right = facts.load, facts.right_metadata
    message = "it loads unchecked: whoever controls the other origin controls this page"
    hint = right_hint(facts) if right else _FETCH
    if facts.varies:
        hint = _NONE_IS_RIGHT.format(facts.varies)
    elif facts.is_alias:
        hint = "name an exact version first, then add integrity"
    fix = "" if facts.is_alias else fixed(facts)
    return Finding("integrity-missing", load.tag, load.url, message, hint, fix)


def malformed(facts: Facts) -> Iterator[Finding]:
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


def wrong(facts: Facts) -> Iterator[Finding]:
    """Check that integrity metadata matches the file."""
    load = facts.load
    if not load.is_checked or not facts.digests or facts.is_alias or not any(map(_fits, facts.metadata)):
        return
    if not matches(load.integrity or "", facts.digests):
        yield _found(
            "integrity-wrong", facts, "the file has another digest, so browsers block it", [load.integrity or ""]
        )


def alias(facts: Facts) -> Iterator[Finding]:
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


def mutable(facts: Facts) -> Iterator[Finding]:
    """Check that integrity metadata belongs to a file that never changes."""
    load = facts.load
    if load.is_checked and facts.metadata and facts.rule and not facts.is_alias and not facts.rule.cache.immutable:
        message = f"its rule (manifest.toml:{facts.rule.line}) lets it change, and browsers block changed bytes"
        hint = 'publish it under a rule with cache = "immutable"'
        yield Finding("integrity-of-mutable", load.tag, load.url, message, hint)


def ignored(facts: Facts) -> Iterator[Finding]:
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


def svg(facts: Facts) -> Iterator[Finding]:
    """Check that a script in SVG comes from the page's own origin."""
    load = facts.load
    if load.use == "svg" and facts.is_cross_origin:
        message = "browsers check no integrity of a script in SVG"
        yield Finding("svg-script", load.tag, load.url, message, "load it with an HTML script element")


def failed(facts: Facts) -> Iterator[Finding]:
    """Check that a file that was asked for has come."""
    if facts.failure:
        yield Finding("fetch-failed", facts.load.tag, facts.load.url, facts.failure)


def fixed(facts: Facts) -> str:
    """Give the tag with the right integrity metadata, `""` where that is not known or the tag is an import map."""
    load, right = facts.load, facts.right_metadata
    if load.by_map or not right:
        return ""
    needs = facts.is_cross_origin and load.needs_crossorigin and not load.crossorigin
    return with_attributes(load.tag, {"integrity": right} | ({"crossorigin": "anonymous"} if needs else {}))


def right_hint(facts: Facts) -> str:
    """Say which integrity metadata is right, `""` where that is not known."""
    right = facts.right_metadata
    if not right:
        return ""
    return f'the import map needs "{facts.load.url}": "{right}"' if facts.load.by_map else f"it should be {right}"


def _found(rule: str, facts: Facts, message: str, written: list[str]) -> Finding:
    told = f"{message}: {' '.join(written)[:200]}"
    return Finding(rule, facts.load.tag, facts.load.url, told, right_hint(facts), fixed(facts))


def _pin(facts: Facts) -> str:
    return f"today it leads to {facts.place.target}" if facts.place else "name an exact version"


def _fits(expression: HashExpression) -> bool:
    return len(expression.digest) == _SIZES[expression.algorithm]
