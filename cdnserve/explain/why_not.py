"""Why a path is not public, or an origin not admitted: what manifest and disk say to the person who may read both.

Not for answers to a client: there, an unlisted file and an absent one look the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile
from pathlib import Path

from cdnserve.display import alike
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.manifest.model import Rule, is_unlisted
from cdnserve.manifest.origins import serialize_origin
from cdnserve.rules.cors import Policy
from cdnserve.rules.globs import matches

_ALIKE = 0.7


def reasons(path: str, rules: Sequence[Rule]) -> Iterator[str]:
    """Return why no rule publishes a logical path."""
    if is_unlisted(path):
        yield _never(path)
        return
    left_out = [reason for rule in rules for reason in _left_out(path, rule)]
    yield from left_out or ["no rule's path matches it"]
    if not left_out and (near := _nearest_glob(path, rules)):
        yield near


def on_disk(path: str, root: Path) -> Iterator[str]:
    """Return whether a file lies at a logical path, or at one that differs only in case."""
    file = root / path
    if file.is_file():
        yield f"the file exists: {file}"
    elif file.is_dir():
        yield f"{file} is a folder; only files have addresses"
    elif os.path.lexists(file):
        yield f"{file} exists, but is no file that can be read"
    elif actual := _other_case(path, root):
        yield f"there is no such file, but {actual}: upper and lower case differ"
    else:
        yield f"there is no such file in {root}"


def _never(path: str) -> str:
    if path.lower() in (MANIFEST, LOCK):
        return "the manifest and its lock are never public"
    if path.startswith("-/"):
        return "/-/ is the server's own; no rule can publish there"
    return "dot-files, and files in dot-folders other than .well-known, are never public"


def _left_out(path: str, rule: Rule) -> Iterator[str]:
    hits = [glob for glob in rule.excepts if matches(glob, path)]
    if hits and any(matches(glob, path) for glob in rule.paths):
        yield f"the rule at manifest.toml:{rule.line} matches it, but leaves it out: except {', '.join(hits)}"


def _nearest_glob(path: str, rules: Sequence[Rule]) -> str:
    globs = [(glob, rule.line) for rule in rules for glob in rule.paths]
    ranked = sorted(((_likeness(glob, path), glob, line) for glob, line in globs), reverse=True)
    if not ranked or ranked[0][0] < _ALIKE:
        return ""
    _, glob, line = ranked[0]
    near = f"the nearest is {glob} (manifest.toml:{line})"
    if matches(glob.lower(), path.lower()):
        return f"{near}: upper and lower case differ"
    if "**" not in glob and path.count("/") > glob.count("/"):
        return f"{near}; * stays within a folder, ** crosses folders"
    return near


def _likeness(glob: str, path: str) -> float:
    """Compare the folders that a glob names with as many of the path's."""
    named = list(takewhile(lambda segment: not any(sign in segment for sign in "*?["), glob.split("/")))
    if not named:
        return 0.0
    return SequenceMatcher(None, "/".join(named).lower(), "/".join(path.split("/")[: len(named)]).lower()).ratio()


def _other_case(path: str, root: Path) -> Path | None:
    """Find the file whose path differs from this one in case alone."""
    found = root
    for segment in path.split("/"):
        try:
            names = [child.name for child in found.iterdir() if child.name.casefold() == segment.casefold()]
        except OSError:
            return None
        if not names:
            return None
        found /= segment if segment in names else min(names)
    return found if found.is_file() else None


_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#@]*@)?(?P<authority>[^/?#@\s]+)(?:[/?#@]\S*)?", re.ASCII
)
_WEB = ("http", "https")
_ALIKE_ORIGINS = 0.85


def read_origin(text: str) -> str:
    """Return the Origin that a browser sends for pages of an address; raise ValueError, in words, where it is none.

    >>> read_origin("HTTPS://App.example.com:443/shop/"), read_origin("file:///home/me/page.html")
    ('https://app.example.com', 'null')
    """
    if text.lower() == "null" or text.lower().startswith(("file:", "data:", "about:")):
        return "null"
    found = _ADDRESS.fullmatch(text)
    if not found:
        raise ValueError(f"an origin is scheme://host: did you mean https://{text}?")
    scheme, authority = found["scheme"].lower(), found["authority"]
    return serialize_origin(f"{scheme}://{authority}") if scheme in _WEB else f"{scheme}://{authority}"


def near_misses(origin: str, policy: Policy) -> tuple[str, ...]:
    """Return which listed origins are nearly this one, and what differs.

    >>> near_misses("http://a.example", Policy("p", allow_origins=("https://a.example", "https://b.example")))
    ('the list has https://a.example: http is not https',)
    """
    if origin == "null":
        return ("browsers send null for sandboxed frames, file: and data: pages, and after some redirects",)
    found = [
        f"the list has {listed}: {', '.join(differences)}"
        for listed in policy.allow_origins
        if (differences := tuple(_differences(_split(origin), _split(listed))))
    ]
    if not found:
        near = alike(origin, policy.allow_origins, cutoff=_ALIKE_ORIGINS)
        found = [f"the list has {listed}, which is spelled almost alike" for listed in near]
    return tuple(found)


def _differences(asked: tuple[str, str, str], listed: tuple[str, str, str]) -> Iterator[str]:
    host = _host_difference(asked[1], listed[1])
    if host is None:
        return
    if host:
        yield host
    if asked[0] != listed[0]:
        yield f"{asked[0]} is not {listed[0]}"
    if listed[2] not in ("*", asked[2]):
        yield f"{_port(asked[2])} is not {_port(listed[2])}"


def _host_difference(asked: str, listed: str) -> str | None:
    """Return how two hosts differ: `""` where the listed one covers the other, `None` where they are unlike."""
    if asked == listed or (listed.startswith("*.") and asked.endswith(listed[1:])):
        return ""
    if listed == f"*.{asked}":
        return f"it covers the names below {asked}, not {asked} itself"
    if asked.removeprefix("www.") == listed.removeprefix("www."):
        return f"{asked} is not {listed}"
    return None


def _port(port: str) -> str:
    return f"port {port}" if port else "the scheme's own port"


def _split(origin: str) -> tuple[str, str, str]:
    scheme, _, authority = origin.partition("://")
    if authority.endswith("]") or ":" not in authority:
        return scheme, authority, ""
    host, _, port = authority.rpartition(":")
    return scheme, host, port
