"""Globs: which logical paths a rule means; `**` is any number of whole segments, the rest is Python's `fnmatch`.

Never backtracks over a path: whatever a client asks for, the work grows with the path's length and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from cdnserve.errors import Problem

LONGEST = 1024
"""The most characters that a glob may have; it bounds the work for each segment of a path."""

_CROSSING = "**"
_RANGES = re.compile(r"(.)(?:-(.))?", re.DOTALL)
_SPECIAL = re.compile(r"[*?\[]")
_UNWRITABLE = re.compile(r"[{}]|^[! ]| $")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Segment = Callable[[str], object]
"""Returns what is true where one segment of a path matches."""


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled glob: runs of segments, and between any two of them any number of segments.

    Without `**` there is one run, `head`, and it must match the whole path. `prefix` is the literal text that begins
    the path; where `is_folder`, nothing else matters.
    """

    prefix: str
    is_folder: bool
    head: tuple[Segment, ...]
    middle: tuple[tuple[Segment, ...], ...] = ()
    tail: tuple[Segment, ...] | None = None

    def matches(self, path: str) -> bool:
        """Return whether a normal path matches."""
        return path.startswith(self.prefix) and (self.is_folder or self._runs_match(path.split("/")))

    def _runs_match(self, segments: Sequence[str]) -> bool:
        if self.tail is None:
            return len(segments) == len(self.head) and _run_matches(self.head, segments, 0)
        end = len(segments) - len(self.tail)
        return (
            end >= len(self.head)
            and _run_matches(self.tail, segments, end)
            and _run_matches(self.head, segments, 0)
            and _runs_fit(self.middle, segments, len(self.head), end)
        )


def matches(pattern: str, path: str) -> bool:
    """Return whether a logical path matches a valid glob; upper and lower case differ.

    >>> matches("npm/**", "npm/jquery@3.7.1/dist/jquery.js"), matches("npm/*", "npm/jquery@3.7.1/dist/jquery.js")
    (True, False)
    >>> matches("**/*.map", "app.js.map"), matches("npm/**", "npm")
    (True, False)
    """
    return compile_glob(pattern).matches(path)


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> Glob:
    """Compile a valid glob; a trailing `**` means at least one segment, so that `npm/**` is not the file `npm`."""
    parts = pattern.split("/")
    literal = list(takewhile(is_literal, parts))
    prefix = "".join(f"{part}/" for part in literal) if len(literal) < len(parts) else pattern
    if parts[-1] == _CROSSING:
        parts.append("*")
    runs: list[list[Segment]] = [[]]
    for part in parts:
        if part == _CROSSING:
            runs.append([])
        else:
            runs[-1].append(_segment(part))
    head, *rest = (tuple(run) for run in runs)
    is_folder = pattern == f"{prefix}{_CROSSING}"
    return Glob(prefix, is_folder, head, tuple(run for run in rest[:-1] if run), rest[-1] if rest else None)


def glob_problems(pattern: str) -> Iterator[Problem]:
    """Yield what makes a glob invalid, each without its place.

    >>> [problem.hint for problem in glob_problems("npm/")]
    ['to publish all that is in the folder, write npm/**']
    """
    if whole := _reserved_character(pattern) or _outline(pattern):
        yield whole
        return
    for part in dict.fromkeys(pattern.split("/")):
        if problem := _segment_problem(part):
            yield problem


def is_literal(part: str) -> bool:
    """Return whether a valid glob, or a segment of one, stands only for itself."""
    return not any(special in part for special in "*?[")


def as_glob(path: str) -> str:
    """Return the glob that means one path; what no glob can hold is any character.

    >>> as_glob("dist/[id].js"), as_glob("a{b}.js")
    ('dist/[[]id].js', 'a?b?.js')
    """
    return _UNWRITABLE.sub("?", _SPECIAL.sub(r"[\g<0>]", path))


def _segment(part: str) -> Segment:
    if part == "*":
        return bool
    if is_literal(part):
        return part.__eq__
    return re.compile(_expression(part), re.DOTALL).fullmatch


def _expression(part: str) -> str:
    """Return the regular expression of a segment; what a `*` has passed over is never tried again.

    The first place where the text behind a `*` fits leaves the most room for the rest. It is found by looking ahead,
    which is not repeated when the rest fails (as an atomic group isn't, but those CPython 3.11.2 gets wrong).
    """
    pieces = [""]
    for unit in _units(part):
        if unit == "*":
            pieces.append("")
        else:
            pieces[-1] += _literal(unit)
    first, *middle, last = (*pieces, "") if len(pieces) == 1 else pieces
    found = (rf"(?=(?P<_{number}>.*?{piece}))(?P=_{number})" for number, piece in enumerate(filter(None, middle)))
    return "".join((first, *found, ".*" if len(pieces) > 1 else "", last))


def _units(part: str) -> Iterator[str]:
    """Yield what a segment is made of: brackets as fnmatch reads them, and single characters.

    A "]" that stands first in brackets is a member, not the end.
    """
    at = 0
    while at < len(part):
        end = part.find("]", at + 2 + part.startswith("!", at + 1)) if part[at] == "[" else -1
        end = max(end, at) + 1
        yield part[at:end]
        at = end


def _literal(unit: str) -> str:
    """Return the regular expression of a unit that is no `*`."""
    if unit == "?":
        return "."
    if len(unit) == 1:
        return re.escape(unit)
    members = unit[1:-1].removeprefix("!")
    ranges = (f"{re.escape(first)}{'-' if last else ''}{re.escape(last)}" for first, last in _RANGES.findall(members))
    return f"[{'^' if unit.startswith('[!') else ''}{''.join(ranges)}]"


def _run_matches(run: Sequence[Segment], segments: Sequence[str], start: int) -> bool:
    for index, segment in enumerate(run, start):  # noqa: SIM110 - all() takes twice as long, and a build asks often
        if not segment(segments[index]):
            return False
    return True


def _runs_fit(runs: Sequence[Sequence[Segment]], segments: Sequence[str], start: int, end: int) -> bool:
    """Return whether runs stand one after the other between two indices."""
    for first, *rest in runs:
        places = (place for place in range(start, end - len(rest)) if first(segments[place]))
        # The left-most place leaves the most room for the runs after it, so no choice is ever taken back.
        found = next((place for place in places if _run_matches(rest, segments, place + 1)), None)
        if found is None:
            return False
        start = found + 1 + len(rest)
    return True


def _reserved_character(pattern: str) -> Problem | None:
    if "\\" in pattern:
        return Problem("glob-invalid", "a glob can't hold a backslash", hint="separate folders with /")
    if any(character in pattern for character in "{}"):
        return Problem("glob-invalid", "a glob has no braces", hint='write a list: ["a/**", "b/**"]')
    if _CONTROLS.search(pattern):
        return Problem("glob-invalid", "a glob can't hold control characters")
    return None


def _outline(pattern: str) -> Problem | None:
    if not pattern:
        return Problem("glob-invalid", "a glob can't be empty", hint="for every file, write **")
    if len(pattern) > LONGEST:
        return Problem("glob-invalid", f"a glob has at most {LONGEST} characters")
    if pattern != pattern.strip():
        return Problem("glob-invalid", "a glob can't begin or end with a space", hint=f"write {pattern.strip()}")
    if pattern.startswith("!"):
        return Problem("glob-invalid", "a glob can't be negated", hint=f'write except = ["{pattern[1:]}"]')
    if pattern.startswith("/"):
        return Problem("glob-invalid", "a glob begins without a slash", hint=f"write {pattern.lstrip('/') or '**'}")
    if "//" in pattern:
        return Problem("glob-invalid", "a glob can't have an empty segment", hint="a glob is a path, not a URL")
    if pattern.endswith("/"):
        return Problem(
            "glob-invalid", "a glob names files", hint=f"to publish all that is in the folder, write {pattern}**"
        )
    return None


def _segment_problem(part: str) -> Problem | None:
    if part in (".", ".."):
        return Problem("glob-invalid", f"a glob can't have a segment {part}", hint="write the path from the root")
    if _CROSSING in part and part != _CROSSING:
        return Problem("glob-invalid", "** stands only for whole segments", hint="write **/*.js, or * for one segment")
    return _bracket_problem(part)


def _bracket_problem(part: str) -> Problem | None:
    units = list(_units(part))
    if "[" in units:
        return Problem("glob-invalid", "a bracket is not closed", hint="for the character itself, write [[]")
    for bracket in (unit for unit in units if len(unit) > 1):
        if bracket.startswith("[^"):
            return Problem("glob-invalid", "^ does not negate", hint=f"write [!{bracket[2:]}")
        if any(first > last for first, last in re.findall(r"(?s)(?=(.)-(.))", bracket[1:-1].removeprefix("!"))):
            return Problem("glob-invalid", "a range in brackets runs backwards", hint="write the smaller one first")
    return None
