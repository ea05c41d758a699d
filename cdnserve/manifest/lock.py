"""The lock (`manifest.lock`): which versions host a requirement; it is read, judged and written, and committed.

What a merge or an editor broke is told, with its line, and left as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from cdnserve.display import quoted
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.files import lock, remove_drafts, replace_file
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.manifest.model import Library, Manifest, is_unlisted
from cdnserve.manifest.toml import newlines_of
from cdnserve.rules.semver import ascending, is_pin, resolve

SCHEMA = 1
"""The only value of a lock's `schema` that this version reads."""

_SHA384 = r"sha384-[A-Za-z0-9+/]{64}"
_FILE = re.compile(_SHA384)
# The last letter before the padding carries 2 or 4 bits, so that only some letters can stand there (RFC 4648 §3.5).
_LIBRARY = re.compile(rf"sha512-[A-Za-z0-9+/]{{85}}[AQgw]==|{_SHA384}|sha256-[A-Za-z0-9+/]{{42}}[AEIMQUYcgkosw048]=")
# The years 1 to 9999 (RFC 9110 §5.6.7).
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799


class LockedModules(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """ES modules that were made of a library: by which esbuild, how, and the digest of all of them, `sha512-…`.

    `recipe` and `options` are what else decides the octets.
    """

    esbuild: str
    recipe: int
    options: str
    digest: str


class LockedLibrary(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The integrity metadata of a package's tarball: one hash expression, sha256, sha384 or sha512.

    `dependents` are the libraries (NAME@VERSION) that import it, for which it was added. An `own` build is in no
    registry. `esm` says how ES modules were made of it, if they were.
    """

    integrity: str
    dependents: tuple[str, ...] = ()
    own: bool = False
    esm: LockedModules | None = None

    def fault(self) -> str:
        """Return what is wrong with the values, empty where nothing is."""
        if not all(map(is_pin, self.dependents)):
            return "its dependents are not NAME@VERSION"
        if self.esm and not _LIBRARY.fullmatch(self.esm.digest):
            return "the digest of its modules is not one whole hash expression, as sha512-…"
        return "" if _LIBRARY.fullmatch(self.integrity) else "not one whole hash expression, as sha512-…"


class LockedFile(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The integrity metadata of an immutable file, `sha384-…`, and when it was modified, in seconds since 1970."""

    integrity: str
    modified: int | None = None

    def fault(self) -> str:
        """Return what is wrong with the values, empty where nothing is."""
        if not _FILE.fullmatch(self.integrity):
            return "not one whole hash expression of sha384, as sha384-…"
        if self.modified is not None and not _EARLIEST <= self.modified <= _LATEST:
            return "modified is a date outside the years 1 to 9999"
        return ""


class Lock(msgspec.Struct, frozen=True):
    """All that is pinned: libraries by `name@version`, immutable files by logical path."""

    libraries: dict[str, LockedLibrary] = {}
    immutable: dict[str, LockedFile] = {}

    def hosted(self, name: str) -> list[str]:
        """Return the versions of a library, by precedence."""
        pins = (key.rpartition("@") for key in self.libraries)
        return ascending(version for known, _, version in pins if known == name)

    def integrity(self, pin: str) -> str:
        """Return what a library's tarball (NAME@VERSION) must satisfy, `""` where it is not hosted."""
        known = self.libraries.get(pin)
        return known.integrity if known else ""

    def left(self, gone: Collection[str], wanted: Collection[str]) -> set[str]:
        """Return the libraries (NAME@VERSION) that stay when some go: what is wanted, and whatever these import.

        One that was added for others stays as long as one of these does; any other stays unless it goes itself.
        """
        roots = (pin for pin, entry in self.libraries.items() if pin in wanted or not entry.dependents)
        stay = {pin for pin in roots if pin not in gone}
        while more := {pin for pin, one in self.libraries.items() if pin not in stay and stay & {*one.dependents}}:
            stay |= more
        return stay

    @property
    def names(self) -> list[str]:
        """The names of the libraries, sorted."""
        return sorted({key.rpartition("@")[0] for key in self.libraries})


__all__ = [
    "Lock",
    "LockedFile",
    "LockedLibrary",
    "LockedModules",
    "parse_lock",
    "read_lock",
    "render_lock",
    "write_lock",
]


_LARGEST = 2**28


class _Document(Lock, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int


def read_lock(path: Path) -> Lock:
    """Read a lock, an empty one where there is no file; raise ConfigurationError with every problem."""
    try:
        # A FIFO would keep us waiting for ever.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            hint = "move it away, and the next build writes the lock anew"
            raise ConfigurationError([Problem("lock-unreadable", "not a regular file", str(path), hint=hint)])
        if status.st_size > _LARGEST:
            message, hint = "larger than 256 MiB: no build writes such a lock", "take it from version control again"
            raise ConfigurationError([Problem("lock-unreadable", message, str(path), f"{status.st_size} octets", hint)])
        data = path.read_bytes()
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        hint = "make the file readable for the user that runs cdnserve"
        raise ConfigurationError([Problem("lock-unreadable", _reason(error), str(path), hint=hint)]) from None
    return parse_lock(data, path.name)


def parse_lock(data: bytes, name: str = LOCK) -> Lock:
    """Parse a lock's octets; raise ConfigurationError with every problem.

    >>> parse_lock(b'{"schema": 1, "libraries": {}, "immutable": {}}') == Lock()
    True
    """
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = None
    if document and _is_sound(document, data):
        return Lock(document.libraries, document.immutable)

    return diagnose(data, name)


def render_lock(lock: Lock) -> bytes:
    """Write a lock as JSON: sorted, and each entry on a line of its own, so that version control can merge it.

    >>> print(render_lock(Lock(immutable={"a.js": LockedFile("sha384-…")})).decode(), end="")
    {
      "schema": 1,
      "libraries": {},
      "immutable": {
        "a.js": {"integrity":"sha384-…"}
      }
    }
    """
    lines = ["{", f'  "schema": {SCHEMA},', *_section("libraries", lock.libraries)]
    lines[-1] += ","
    return "\n".join([*lines, *_section("immutable", lock.immutable), "}", ""]).encode()


def write_lock(path: Path, lock: Lock) -> None:
    """Replace a lock by another in one step, so that a reader sees the old one or the new one, whole.

    A lock that would not change is not touched. Raises ConfigurationError where the file can't be written.
    """
    data = render_lock(lock)
    try:
        if not path.is_file() or path.read_bytes() != data:
            replace_file(path, data)
    except OSError as error:
        hint = "free some space, or let the user that runs cdnserve write to the folder"
        raise ConfigurationError([Problem("lock-unwritable", _reason(error), str(path), hint=hint)]) from None


def _section(name: str, entries: Mapping[str, LockedLibrary] | Mapping[str, LockedFile]) -> list[str]:
    if not entries:
        return [f'  "{name}": {{}}']
    encode = msgspec.json.Encoder().encode
    lines = [f"    {encode(key).decode()}: {encode(entries[key]).decode()}" for key in sorted(entries)]
    return [f'  "{name}": {{', *(f"{line}," for line in lines[:-1]), lines[-1], "  }"]


def _is_sound(document: _Document, data: bytes) -> bool:
    """Return whether nothing needs to be told about a lock."""
    libraries, immutable = document.libraries, document.immutable
    # JSON takes the last of two equal keys; as many words as entries means that there were no two.
    once = data.count(b'"integrity"') == len(libraries) + len(immutable)
    return (
        once
        and document.schema == SCHEMA
        and all(is_pin(key) and not library.fault() for key, library in libraries.items())
        and all(not file.fault() and not is_unlisted(path) for path, file in immutable.items())
    )


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


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
    document = _TouchedDocument(name, _text(data, name))
    problems = Problems(document.conflicts())
    problems.raise_errors()
    value = document.parse()
    top = document.members(value, "", problems)
    problems += document.schema_problems(top) if isinstance(value, tuple) else ()
    lock = Lock(
        libraries=document.entries("libraries", top, LockedLibrary, is_pin, problems),
        immutable=document.entries("immutable", top, LockedFile, lambda path: not is_unlisted(path), problems),
    )
    problems.raise_errors()
    return lock


class _TouchedDocument:
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
            message, at = f"not JSON: {error.msg}", error.pos
            if cut_short:
                message = "not JSON: the file ends too early"
            elif error.msg == "Expecting ',' delimiter":
                # It lacks behind what stands before, which is mostly on another line.
                message, at = "not JSON: a comma is missing at the end of this", len(self.text[: error.pos].rstrip())
            problem = Problem("lock-malformed", message, self.at(at), hint=_RESTORE if cut_short else _MEND)
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
        """Return the members of an object, and tell which of them stand twice."""
        if not isinstance(value, tuple):
            subject = quoted(key) if key else "a lock"
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
                    Problem("lock-duplicate", "this stands twice, as after a merge", where, quoted(name), hint)
                )
            members[name] = member
        return members

    def schema_problems(self, top: dict[str, object]) -> Iterator[Problem]:
        for name in top:
            if name not in ("schema", *_SECTIONS):
                message = "a lock has only schema, libraries and immutable"
                yield Problem("lock-entry-invalid", message, self.where(name), quoted(name), _RESTORE)
        schema = top.get("schema")
        if isinstance(schema, bool) or schema != SCHEMA:
            message = f"this version of cdnserve reads only schema {SCHEMA}"
            written = json.dumps(schema) if isinstance(schema, (str, int, float)) else ""
            yield Problem("lock-schema-unsupported", message, self.where("schema"), written, _NEWER)

    def entries(
        self, section: str, top: dict[str, object], kind: type[Entry], accepts: Accepts, problems: list[Problem]
    ) -> dict[str, Entry]:
        """Return the entries of a section that are sound, and tell what is wrong with the others."""
        entries: dict[str, Entry] = {}
        for key, value in self.members(top.get(section, ()), section, problems).items():
            if not accepts(key):
                message = f"no entry of {section} has this name"
                problems.append(Problem("lock-name-invalid", message, self.where(key), quoted(key), _RESTORE))
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
            return Problem("lock-entry-invalid", f"not an entry: {error}", self.where(key), quoted(key), _RESTORE)
        if fault := entry.fault():
            return Problem("lock-integrity-invalid", fault, self.where(key), quoted(entry.integrity), _RESTORE)
        return entry

    def where(self, key: str, *, last: bool = False) -> str:
        """Return the place of a member by its name, which is near enough in a file of one entry a line."""
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


def unresolved(manifest: Manifest, lock: Lock) -> Iterator[tuple[Library, str]]:
    """Yield each requirement that no hosted version satisfies, with its library."""
    for library in manifest.libraries:
        versions = lock.hosted(library.name)
        for requirement in library.versions:
            if resolve(requirement, versions) is None:
                yield library, requirement


@contextlib.contextmanager
def changing(root: Path) -> Iterator[None]:
    """Hold the right to change the governing files of a root: whoever reads one to write it anew must have it.

    Waits for its turn. What a writer that was killed left half done is removed.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A file system that can't lock a folder is one that no two commands should share anyway.
        with contextlib.suppress(OSError):
            lock(descriptor, wait=True)
            remove_drafts(root, (MANIFEST, LOCK))
        yield
    finally:
        os.close(descriptor)
