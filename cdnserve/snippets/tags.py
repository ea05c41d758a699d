"""Tags (HTML Standard §4.12.1, §4.2.4): the elements that load a subject, checked where browsers check.

Never leaves out `crossorigin` where an element takes it: without CORS a response from another origin is opaque, and
integrity fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from types import MappingProxyType

from cdnserve.markup.tag import Kind
from cdnserve.rules.urls import given_url
from cdnserve.snippets.importmap import importmap
from cdnserve.snippets.subject import Options, Subject, expressions, metadata

_FONT = (
    "CSS has no place for a font's integrity; of the browsers only Chromium is known to check it on a preload, "
    "and only for the @font-face rules that use this preload"
)
_MEDIA = "no browser checks the integrity of media"
_BY_KIND: dict[Kind, str] = {
    "font": _FONT,
    "image": "no browser checks the integrity of an image",
    "audio": _MEDIA,
    "video": _MEDIA,
    "track": _MEDIA,
    "map": "developer tools fetch a source map by themselves, without integrity; a page needs no tag for it",
}


def notes(subject: Subject, options: Options) -> tuple[str, ...]:
    """Return what a person must know about a subject's snippet; empty when the tag says it all."""
    return tuple(note for note in (_kind(subject, options), *subject.remarks) if note)


def _kind(subject: Subject, options: Options) -> str:
    return _fetch(subject, options) if subject.kind in ("json", "") else _BY_KIND.get(subject.kind, "")


def _fetch(subject: Subject, options: Options) -> str:
    modules = "; an import map checks JSON modules" if subject.kind == "json" else ""
    return f"no element checks {subject.essence}, but {_call(subject, options)} does{modules}"


def _call(subject: Subject, options: Options) -> str:
    return f"fetch({json.dumps(subject.url)}, {{ integrity: {json.dumps(metadata(subject, options))} }})"


_CORS = ("crossorigin", "anonymous")
_MODULE_USE = (
    "to run it keep both lines, to import it from another module the first alone; "
    "what it imports itself is checked by an import map only"
)


def html(subjects: Sequence[Subject], options: Options) -> str:
    """Write the elements of every subject, each with its notes as comments above."""
    return "\n".join(
        line for subject in subjects for line in (*_comments(subject, options), *elements(subject, options))
    )


def elements(subject: Subject, options: Options) -> tuple[str, ...]:
    """Return the elements that load a subject, one a line; none for what no element of a page loads.

    A module has two: the script runs it, and the preload alone is enough where another module imports it.
    """
    match subject.kind:
        case "script":
            return (_script(subject, options),)
        case "module":
            return (_link("modulepreload", subject, options), _script(subject, options, ("type", "module")))
        case "style":
            return (_link("stylesheet", subject, options),)
        case "font":
            return (_link("preload", subject, options, ("as", "font"), ("type", subject.essence)),)
        case "image":
            return (_start("img", ("src", subject.url), ("alt", ""), _CORS),)
        case "audio" | "video":
            return (_start(subject.kind, ("src", subject.url), ("controls", ""), _CORS) + f"</{subject.kind}>",)
        case "track":
            return (_start("track", ("src", subject.url)),)
        case _:
            return ()


def _script(subject: Subject, options: Options, *before: tuple[str, str]) -> str:
    return _start("script", *before, ("src", subject.url), *_integrity(subject, options), _CORS) + "</script>"


def _link(relation: str, subject: Subject, options: Options, *after: tuple[str, str]) -> str:
    return _start("link", ("rel", relation), *after, ("href", subject.url), *_integrity(subject, options), _CORS)


def _integrity(subject: Subject, options: Options) -> tuple[tuple[str, str], ...]:
    value = metadata(subject, options)
    return (("integrity", value),) if value else ()


def _start(name: str, *attributes: tuple[str, str]) -> str:
    written = "".join(f' {attribute}="{escape(value)}"' for attribute, value in attributes)
    return f"<{name}{written}>"


def _comments(subject: Subject, options: Options) -> tuple[str, ...]:
    use = (_MODULE_USE,) if subject.kind == "module" else ()
    return tuple(_comment(f"{subject.label}: {note}") for note in (*use, *notes(subject, options)))


def _comment(text: str) -> str:
    # HTML §13.1.6: only "<!--", "-->" and "--!>" end or confuse a comment, and none is without an angle bracket.
    return f"<!-- {text.replace('<', '&lt;').replace('>', '&gt;')} -->"


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
    """Return the source expressions of one subject.

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


def as_json(subjects: Sequence[Subject], options: Options) -> str:
    """Write a JSON list with an object for every subject."""
    return json.dumps([_object(subject, options) for subject in subjects], indent=2)


def as_hashes(subjects: Sequence[Subject], options: Options) -> str:
    """Write integrity metadata, two spaces and the name, a line for every subject that has any."""
    written = ((metadata(subject, options), subject.label) for subject in subjects)
    return "\n".join(f"{value}  {label}" for value, label in written if value)


def _object(subject: Subject, options: Options) -> dict[str, object]:
    return {
        "path": subject.name,
        "url": subject.url,
        "media_type": subject.media_type,
        "kind": subject.kind,
        "size": subject.size,
        "exact": not subject.alias,
        "integrity": {e.algorithm: str(e) for e in expressions(subject, options)},
        "tags": list(elements(subject, options)),
        "notes": list(notes(subject, options)),
    }


Format = Callable[[Sequence[Subject], Options], str]

DEFAULT_FORMAT = "html"
FORMATS: Mapping[str, Format] = MappingProxyType(
    {"html": html, "json": as_json, "importmap": importmap, "csp": csp, "hash": as_hashes}
)
