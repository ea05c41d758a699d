"""A folder as an object store whose writes last, as those of a state folder: synced before they have their names."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore

from cdnserve.files import NewFile, open_file, sync_folder

if TYPE_CHECKING:
    from obstore import PutMode, PutResult

_DRAFTS = "drafts"
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


class ObjectFolder(LocalStore):
    """Reads, lists and deletes as the library does, whose own writes may be lost, or empty, after a power cut."""

    def put(  # type: ignore[override] # of what the library takes, what we give it
        self, path: str, file: bytes | Path, *, mode: PutMode | None = None, **_: object
    ) -> PutResult:
        """Write octets, or a copy of a file; raise AlreadyExistsError where that is to be created, and OSError."""
        if mode not in (None, "create", "overwrite"):
            raise NotImplementedError("a folder has no conditions")
        folder = str(self.prefix)
        for name in (_DRAFTS, os.path.dirname(path)):
            _make_folder(folder, name)
        target, draft = f"{folder}/{path}", NewFile(f"{folder}/{_DRAFTS}/{os.urandom(16).hex()}.part")
        try:
            _fill(draft, file)
            os.fsync(draft.descriptor)
            if mode == "create":
                _link(draft.path, target)
            else:
                os.replace(draft.path, target)
        except FileExistsError:
            raise AlreadyExistsError(path) from None
        finally:
            draft.remove()
        sync_folder(os.path.dirname(target))
        return {"e_tag": None, "version": None}


def _make_folder(folder: str, name: str) -> None:
    """Make a folder below one that has to be there: it may be a disk that is not mounted at the moment."""
    made = folder
    for part in filter(None, name.split("/")):
        above, made = made, f"{made}/{part}"
        if not os.path.isdir(made):
            # Another one may have made it; or it is a file, which whoever writes there is told.
            with suppress(FileExistsError):
                os.mkdir(made)
            sync_folder(above)


def _link(draft: str, target: str) -> None:
    """Create a file whole, by a second name for another one: nothing else does both on every disk."""
    try:
        os.link(draft, target)
    except OSError as error:
        if error.errno in _NO_LINKS:
            raise OSError(error.errno, "its file system has no hard links", target) from None
        raise


def _fill(draft: NewFile, content: bytes | Path) -> None:
    if not isinstance(content, Path):
        draft.write(content)
        return
    with open(open_file(content), "rb") as source, open(draft.descriptor, "wb", closefd=False) as target:
        shutil.copyfileobj(source, cast("IO[bytes]", target), 1 << 20)
