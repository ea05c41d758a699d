"""The diagnosis of a lock that a merge, an editor or a crash has touched: entry by entry, each problem with its line.

Never runs for a lock as it was written: that one is read in one go.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.locked import SCHEMA, Lock, LockedFile, LockedLibrary
from cdnserve.manifest.matching import is_unlisted
from cdnserve.manifest.nodes import newlines_of, printable
from cdnserve.manifest.packages import is_pin

Entry = TypeVar("Entry", LockedLibrary, LockedFile)
Accepts = Callable[[str], bool]

_RESTORE = "take the lock from version control again"
_MEND = "each entry is a line, with a comma behind all but the last; or take the lock from version control again"
_NEWER = "update cdnserve; if nobody uses a newer one, take the lock from version control again"
_CONFLICT_BEGINS = re.compile(r"^<{7}(?:\s.*)?$", re.MULTILINE)
_CONFLICT_GOES_ON = re.compile(r"^(?:\|{7}|={7}|>{7})(?:\s.*)?$", re.MULTILINE)
_KEY = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?')
_SECTIONS = ("libraries", "immutable")


def diagnose(data: bytes, name: str) -> Lock:
    """Read a lock slowly; raise ConfigurationError with every problem, each with its line."""
    document = _Document(name, _text(data, name))
    if problems := list(document.conflicts()):
        raise ConfigurationError(problems)
    value = document.parse()
    top = document.members(value, "", problems)
    problems += document.schema_problems(top) if isinstance(value, tuple) else ()
    lock = Lock(
        libraries=document.entries("libraries", top, LockedLibrary, is_pin, problems),
        immutable=document.entries("immutable", top, LockedFile, lambda path: not is_unlisted(path), problems),
    )
    if problems:
        raise ConfigurationError(problems)
    return lock


class _Document:
    """A lock's text, of which nothing is sure yet."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.newlines = newlines_of(text)
        self.first: dict[str, int] = {}
        self.last: dict[str, int] = {}

    def conflicts(self) -> Iterator[Problem]:
        begins = list(_CONFLICT_BEGINS.finditer(self.text))
        for found in begins or _CONFLICT_GOES_ON.finditer(self.text):
            message = "a merge left its conflict markers here"
            hint = "keep the lines of both sides without the markers; cdnserve check tells what is left to do"
            yield Problem("lock-conflict", message, self.at(found.start()), found[0].rstrip(), hint)

    def parse(self) -> object:
        try:
            value: object = json.loads(self.text, object_pairs_hook=tuple)
            self.locate()
            return value
        except json.JSONDecodeError as error:
            cut_short = error.msg.startswith("Unterminated string") or not self.text[error.pos :].strip()
            message = "not JSON: the file ends too early" if cut_short else f"not JSON: {error.msg}"
            problem = Problem("lock-malformed", message, self.at(error.pos), hint=_RESTORE if cut_short else _MEND)
        except (ValueError, RecursionError):
            # A number of thousands of digits, or arrays nested thousands deep.
            problem = Problem("lock-malformed", "not a lock: a value is too long or too deep", self.name, hint=_RESTORE)
        raise ConfigurationError([problem])

    def locate(self) -> None:
        """Note where each name of a member stands first and last."""
        for found in _KEY.finditer(self.text):
            if found[2]:
                key = json.loads(found[1])
                self.first.setdefault(key, found.start())
                self.last[key] = found.start()

    def members(self, value: object, key: str, problems: list[Problem]) -> dict[str, object]:
        """Give the members of an object, and tell which of them stand twice."""
        if not isinstance(value, tuple):
            subject = printable(key) if key else "a lock"
            message = f"{subject} must be a JSON object"
            problems.append(Problem("lock-entry-invalid", message, self.where(key), hint=_RESTORE))
            return {}
        members: dict[str, object] = {}
        for name, member in value:
            if name in members:
                # Within an entry it is the entry's own name that leads to the line.
                where = self.where(name if key in ("", *_SECTIONS) else key, last=True)
                hint = "keep one of them; cdnserve check tells what is left to do"
                problems.append(
                    Problem("lock-duplicate", "this stands twice, as after a merge", where, printable(name), hint)
                )
            members[name] = member
        return members

    def schema_problems(self, top: dict[str, object]) -> Iterator[Problem]:
        for name in top:
            if name not in ("schema", *_SECTIONS):
                message = "a lock has only schema, libraries and immutable"
                yield Problem("lock-entry-invalid", message, self.where(name), printable(name), _RESTORE)
        schema = top.get("schema")
        if isinstance(schema, bool) or schema != SCHEMA:
            message = f"this version of cdnserve reads only schema {SCHEMA}"
            written = json.dumps(schema) if isinstance(schema, (str, int, float)) else ""
            yield Problem("lock-schema-unsupported", message, self.where("schema"), written, _NEWER)

    def entries(
        self, section: str, top: dict[str, object], kind: type[Entry], accepts: Accepts, problems: list[Problem]
    ) -> dict[str, Entry]:
        """Give the entries of a section that are sound, and tell what is wrong with the others."""
        entries: dict[str, Entry] = {}
        for key, value in self.members(top.get(section, ()), section, problems).items():
            if not accepts(key):
                message = f"no entry of {section} has this name"
                problems.append(Problem("lock-name-invalid", message, self.where(key), printable(key), _RESTORE))
            members = self.members(value, key, problems)
            entry = self.entry(key, members, kind) if isinstance(value, tuple) else None
            if isinstance(entry, Problem):
                problems.append(entry)
            elif entry:
                entries[key] = entry
        return entries

    def entry(self, key: str, members: dict[str, object], kind: type[Entry]) -> Entry | Problem:
        try:
            entry = msgspec.convert(members, type=kind)
        except msgspec.ValidationError as error:
            return Problem("lock-entry-invalid", f"not an entry: {error}", self.where(key), printable(key), _RESTORE)
        if fault := entry.fault():
            return Problem("lock-integrity-invalid", fault, self.where(key), printable(entry.integrity), _RESTORE)
        return entry

    def where(self, key: str, *, last: bool = False) -> str:
        """Give the place of a member by its name, which is near enough in a file of one entry a line."""
        found = (self.last if last else self.first).get(key)
        return self.name if found is None else self.at(found)

    def at(self, offset: int) -> str:
        return f"{self.name}:{bisect_left(self.newlines, offset) + 1}"


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem("lock-malformed", "not JSON: the file is not UTF-8", f"{name}:{line}", hint=_RESTORE)
        raise ConfigurationError([problem]) from None
