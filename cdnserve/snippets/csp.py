"""Content Security Policy sources (CSP 3 §2.3.1): a directive that lets exactly these subjects load.

Never lists a hash where browsers match none: external scripts match by hash, everything else by URL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cdnserve.snippets.addresses import given_url
from cdnserve.snippets.kinds import Kind
from cdnserve.snippets.options import Options, expressions
from cdnserve.snippets.subject import Subject

_DIRECTIVES: dict[str, tuple[Kind, ...]] = {
    "script-src": ("script", "module"),
    "style-src": ("style",),
    "font-src": ("font",),
    "img-src": ("image",),
    "media-src": ("audio", "video", "track"),
}


def csp(subjects: Sequence[Subject], options: Options) -> str:
    """Write the directives that the subjects need, each source once; `""` where a page needs none."""
    lists = {name: _sources(subjects, kinds, options) for name, kinds in _DIRECTIVES.items()}
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in lists.items() if sources)


def _sources(subjects: Sequence[Subject], kinds: tuple[Kind, ...], options: Options) -> tuple[str, ...]:
    chosen = (subject for subject in subjects if subject.kind in kinds)
    return tuple(dict.fromkeys(source for subject in chosen for source in sources(subject, options)))


def sources(subject: Subject, options: Options) -> tuple[str, ...]:
    """Give the source expressions of one subject.

    All hash expressions of a script: a user agent wants every one of its `integrity` attribute in the list
    (CSP 3, script directives pre-request check). Stylesheets have no such rule: there a hash matches nothing
    but an inline `style` element.
    """
    hashes = expressions(subject, options) if subject.kind in ("script", "module") else ()
    return tuple(f"'{expression}'" for expression in hashes) or (_url_source(subject.url),)


def _url_source(url: str) -> str:
    if "://" not in url:
        return "'self'"
    # CSP 3 §2.3.1: a path-part has no query, and ";" and "," would end the directive or the policy.
    return given_url(re.split(r"[?#]", url, maxsplit=1)[0]).replace(";", "%3B").replace(",", "%2C")
