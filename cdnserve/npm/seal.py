"""A seal (HMAC, RFC 2104) on what this machine made and keeps in the cache, which others may be able to write to.

Its key lies in the state folder of the XDG Base Directory Specification, outside of the cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from cdnserve.files import open_file
from cdnserve.npm.settings import NpmSettings

_OCTETS = 32
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Seal:
    """Seals octets with a key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, purpose: str, content: bytes) -> str:
        """Return the seal of some content, in hexadecimal; each purpose has its own."""
        message = purpose.encode() + b"\0" + hashlib.sha256(content).digest()
        return hmac.digest(self._key, message, "sha256").hex()


def find_seal(settings: NpmSettings) -> Seal | None:
    """Return the seal of this person on this machine, `None` where no key can be kept; a first one is made."""
    shared = Path(settings.environment.get("XDG_STATE_HOME", ""))
    # As for the cache: a relative path is invalid and must be ignored.
    folder = (shared if shared.is_absolute() else settings.home / ".local" / "state") / "cdnserve"
    with contextlib.suppress(OSError):
        if folder.is_absolute():
            key = _kept(folder / "key") or _made(folder / "key")
            return Seal(key) if key else None
    return None


def _kept(path: Path) -> bytes | None:
    """Return a key that nobody else can read or write, `None` where there is none."""
    try:
        descriptor = open_file(path, follow=False)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        is_ours = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
        key = file.read(_OCTETS + 1)
    return key if is_ours and len(key) == _OCTETS else None


def _made(path: Path) -> bytes | None:
    """Make a key, unless another command was faster; return the one that lies there now."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"key.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, _CREATE, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_OCTETS))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return _kept(path)
