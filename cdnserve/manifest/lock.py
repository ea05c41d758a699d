"""The lock: `manifest.lock`, which people commit beside the manifest and never write by hand.

Never repairs a lock: what a merge or an editor broke is told, with its line, and left as it is.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.governing import LOCK, replace_file
from cdnserve.manifest.locked import SCHEMA, Lock, LockedFile, LockedLibrary
from cdnserve.manifest.matching import is_unlisted
from cdnserve.manifest.packages import is_pin

__all__ = ["Lock", "LockedFile", "LockedLibrary", "parse_lock", "read_lock", "render_lock", "write_lock"]


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
    from cdnserve.manifest.lock_diagnosis import diagnose  # noqa: PLC0415 - only a lock that was touched needs it

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
    """Tell whether nothing needs to be told about a lock."""
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
