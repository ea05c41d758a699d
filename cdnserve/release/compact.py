"""Compaction: a blob that few ask for as it is goes, where a coding of it lies there from which it is decoded.

What is left under its name is a hard link to the coding, so each of the two stays for as long as somebody needs it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from cdnserve.files import sync_folder
from cdnserve.release.blobs import CODED, blob_path, read_coded, storing
from cdnserve.release.scan import Signature, signature


def compact(state: str, codings: Mapping[str, str]) -> dict[str, Signature]:
    """Let blobs lie there only coded, each with the name of what it is under br; return the files that changed.

    A blob goes once its coding is known to decode to it, and is durable under its name. Where that can't be, as on a
    file system without hard links, it stays. Raises StoreError.
    """
    changed: dict[str, Signature] = {}
    going = []
    for name, coding in codings.items():
        if os.path.lexists(blob_path(state, name)) and (now := _link(state, name, coding)):
            changed |= {name: now, coding: now}
            going.append(name)
    with storing():
        for folder in sorted({name[:2] for name in going}):
            sync_folder(f"{state}/blobs/{folder}")
        for name in going:
            os.unlink(blob_path(state, name))
    return changed


def _link(state: str, name: str, coding: str) -> Signature | None:
    """Put a coding beside the blob of this name, and return the signature of its file; `None` where that can't be."""
    path = blob_path(state, name) + CODED
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
        os.link(blob_path(state, coding), path)
        linked = signature(os.lstat(path))
        read_coded(state, name)
        now = signature(os.lstat(path))
    except OSError:
        return None
    return now if now == linked else None
