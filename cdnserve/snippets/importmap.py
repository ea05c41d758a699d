"""Import maps (HTML Standard, import maps): names for modules, and integrity for whatever modules import.

Never writes a bracket that HTML could read: the JSON may be pasted between script tags as it is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from cdnserve.snippets.subject import Options, Subject, metadata

# Module scripts, and JSON and CSS modules: the only fetches that look into `integrity`.
_IMPORTABLE = ("script", "module", "json", "style")
_NAMED = ("script", "module")

_LIBRARY = re.compile(r"(?:^|/)((?:@[^/@]+/)?[^/@]+)@[^/]+/(.+)", re.DOTALL)
_ENDING = re.compile(r"(?:\.min)?\.[mc]?js\Z")
_FOR_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def importmap(subjects: Sequence[Subject], options: Options) -> str:
    """Write an import map as JSON that is safe inside an HTML script element."""
    return script_json(import_map(subjects, options))


def script_json(value: object) -> str:
    r"""Write JSON that is safe inside an HTML script element.

    >>> print(script_json("</script>"))
    "\u003c/script\u003e"
    """
    return json.dumps(value, indent=2).translate(_FOR_HTML)


def import_map(subjects: Sequence[Subject], options: Options) -> dict[str, dict[str, str]]:
    """Return the import map: specifier to URL for scripts, URL to integrity metadata for what modules can import."""
    importable = [subject for subject in subjects if subject.kind in _IMPORTABLE]
    checked = {_url_like(subject.url): metadata(subject, options) for subject in importable}
    return {
        "imports": specifiers([subject for subject in importable if subject.kind in _NAMED]),
        "integrity": {url: value for url, value in checked.items() if value},
    }


def specifiers(subjects: Sequence[Subject]) -> dict[str, str]:
    """Name subjects: a library's only file by the library, its files by library and path, others by file name.

    Names that would be the same are written out in full, so that none is lost.
    """
    once = {_url_like(subject.url): subject for subject in subjects}
    libraries = Counter(found[1] for found in map(_library, once.values()) if found)
    short = {url: _short(subject, libraries) for url, subject in once.items()}
    taken = Counter(name for url, subject in once.items() for name in {short[url], subject.name})
    alone = {url: name for url, name in short.items() if taken[name] == 1}
    return {alone.get(url) or subject.name: url for url, subject in once.items()}


def _short(subject: Subject, libraries: Counter[str]) -> str:
    found = _library(subject)
    if subject.specifier:
        return subject.specifier
    if not found:
        return _ENDING.sub("", _path(subject).rpartition("/")[2])
    return found[1] if libraries[found[1]] == 1 else f"{found[1]}/{found[2]}"


def _library(subject: Subject) -> re.Match[str] | None:
    return _LIBRARY.search(_path(subject))


def _path(subject: Subject) -> str:
    """Return the name without scheme, query and fragment where it is a URL."""
    rest = subject.name.partition("://")[2]
    return re.split(r"[?#]", rest, maxsplit=1)[0] if rest else subject.name


def _url_like(url: str) -> str:
    # "If specifier starts with "/", "./", or "../"" (HTML, resolving a URL-like module specifier): a key without
    # one of these or a scheme is ignored, and its module runs unchecked.
    return url if "://" in url or url.startswith(("/", "./", "../")) else f"./{url}"
