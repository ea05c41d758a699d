"""Tags (HTML Standard §4.12.1, §4.2.4): the elements that load a subject, checked where browsers check.

Never leaves out `crossorigin`: without CORS a response from another origin is opaque, and integrity fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from cdnserve.snippets.notes import notes
from cdnserve.snippets.options import Options, metadata
from cdnserve.snippets.subject import Subject

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
    """Give the elements that load a subject, one a line; none for what no element of a page loads.

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
