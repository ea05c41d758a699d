"""Libraries that were put in their place, a line each.

Never says how to use one: `sri` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.cli.terminal import write
from cdnserve.libraries.wording import counted

if TYPE_CHECKING:
    from cdnserve.libraries import Placed


def write_libraries(root: Path, libraries: Sequence[Placed]) -> None:
    """Write name, version, size and folder of each library to stdout."""
    rows = [(str(one), _size(one), str(root / one.folder)) for one in libraries]
    first, second = (max((len(row[at]) for row in rows), default=0) for at in (0, 1))
    write([(f"{name:<{first}}", "bold"), (f"  {size:<{second}}  {folder}", "")] for name, size, folder in rows)


def _size(one: Placed) -> str:
    """Say what there is of a library, and what of it is new.

    >>> from cdnserve.libraries import Placed
    >>> _size(Placed("x", "1.0.0", "npm/x@1.0.0", "sha512-…", files=1200, size=98831340, is_new=True))
    '1,200 files, 94.25 MiB'
    >>> _size(Placed("x", "1.0.0", "npm/x@1.0.0", "sha512-…", files=1, size=7, is_new=False))
    '1 file, 7 octets, here already'
    """
    back = f", {one.restored:,} restored" if one.restored else ", here already"
    return f"{one.files:,} file{'s' * (one.files != 1)}, {counted(one.size)}{'' if one.is_new else back}"
