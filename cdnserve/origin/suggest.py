"""Suggestions: what a 404 may point to, the nearest public file or the hosted versions.

Never costs more than a bounded look at the neighbours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from cdnserve.display import alike, plural
from cdnserve.rules.semver import ascending, is_exact_version

_NEIGHBOURS = 8  # on each side of where the path would stand
_LONGEST_NAME = 48
_MOST_VERSIONS = 24
_MOST_SHOWN = 10
_MOST_FILES = 400  # of a version, where its files of the same name are looked for


def suggest(path: str, paths: Sequence[str]) -> str:
    """Return a sentence that helps whoever asked for a path that is not in these sorted ones, or `""`.

    >>> suggest("a/greet.min.jss", ["a/greet.js", "a/greet.min.js"])
    'Did you mean /a/greet.min.js?'
    >>> suggest("npm/jquery@9/dist/jquery.js", ["npm/jquery@3.6.0/dist/jquery.js", "npm/jquery@3.7.1/dist/jquery.js"])
    'Hosted versions of jquery: 3.7.1, 3.6.0.'
    >>> suggest("npm/jquery@3.6.0/src/core.js", ["npm/jquery@3.6.0/dist/jquery.js", "npm/jquery@3.6.0/src/LICENSE"])
    'The nearest public file is /npm/jquery@3.6.0/dist/jquery.js.'
    >>> suggest("a", ["a/b/greet.js", "b.js"])
    'It is a folder of 1 public file, such as /a/b/greet.js.'
    """
    folder, slash, name = path.rpartition("/")
    if inside := files_below(path, paths):
        return f"It is a folder of {plural(len(inside), 'public file')}, such as /{paths[inside.start]}."
    if near := _nearest(folder + slash, name, paths) or _elsewhere(path, name, paths):
        return f"Did you mean /{near}?"
    library, versions = _hosted_versions(path, paths)
    if versions:
        return f"Hosted versions of {library}: {', '.join(_newest_first(versions)[:_MOST_SHOWN])}."
    neighbour = _neighbour(path, paths)
    return f"The nearest public file is /{neighbour}." if neighbour else ""


def files_below(folder: str, paths: Sequence[str]) -> range:
    """Return where the files of a folder stand in the sorted paths; of the root, none."""
    return range(*_span(f"{folder}/", paths)) if folder else range(0)


def _nearest(folder: str, name: str, paths: Sequence[str]) -> str | None:
    if len(name) > _LONGEST_NAME:
        return None
    low, high = _span(folder, paths)
    at = bisect_left(paths, folder + name, low, high)
    around = paths[max(low, at - _NEIGHBOURS) : min(high, at + _NEIGHBOURS)]
    names = [rest for path in around if len(rest := path.removeprefix(folder)) <= _LONGEST_NAME]
    return next((folder + match for match in alike(name, names)), None)


def _hosted_versions(path: str, paths: Sequence[str]) -> tuple[str, list[str]]:
    prefix, asked = _split_library(path)
    versions: list[str] = []
    at = bisect_left(paths, prefix) if prefix else len(paths)
    while at < len(paths) and paths[at].startswith(prefix) and len(versions) < _MOST_VERSIONS:
        versions.append(paths[at].removeprefix(prefix).partition("/")[0])
        at = _span(f"{prefix}{versions[-1]}/", paths)[1]
    # Where the asked version is hosted, it is the file that is missing.
    return prefix.removeprefix("npm/").removesuffix("@"), [] if asked in versions else versions


def _newest_first(versions: Sequence[str]) -> list[str]:
    """Sort versions by precedence, and behind them what only looks like one."""
    exact = [version for version in versions if is_exact_version(version)]
    return [*reversed(ascending(exact)), *sorted(set(versions) - set(exact), reverse=True)]


def _elsewhere(path: str, name: str, paths: Sequence[str]) -> str | None:
    """Find the file of the same name in another folder of the same version, the one that lies highest."""
    prefix, version = _split_library(path)
    if not prefix:
        return None
    low, high = _span(f"{prefix}{version}/", paths)
    same = [one for one in paths[low : min(high, low + _MOST_FILES)] if one.endswith(f"/{name}")]
    return min(same, key=lambda one: (one.count("/"), one), default=None)


def _neighbour(path: str, paths: Sequence[str]) -> str | None:
    """Find the file of the same version that stands next to where the path would, one of the same kind if there is."""
    prefix, version = _split_library(path)
    low, high = _span(f"{prefix}{version}/", paths) if prefix else (0, 0)
    at = bisect_left(paths, path, low, high)
    around = paths[max(low, at - _NEIGHBOURS) : min(high, at + _NEIGHBOURS)]
    kind = path.rpartition(".")[2]
    return max(around, key=lambda one: (one.endswith(f".{kind}"), _shared(one, path)), default=None)


def _shared(one: str, other: str) -> int:
    """Return how many characters two paths have in common at their beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _split_library(path: str) -> tuple[str, str]:
    """Split at a folder named NAME@VERSION (a scope's own @ is none); two empty strings where none is."""
    segments = path.split("/")
    for at, segment in enumerate(segments[:-1]):
        name, _, version = segment.rpartition("@")
        if name:
            return "/".join([*segments[:at], f"{name}@"]), version
    return "", ""


def _span(folder: str, paths: Sequence[str]) -> tuple[int, int]:
    # "0" is the character after "/": so this is the end of all that begins with the folder.
    low = bisect_left(paths, folder)
    return low, bisect_left(paths, folder[:-1] + "0", low) if folder else len(paths)
