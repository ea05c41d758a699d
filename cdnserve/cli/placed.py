"""Libraries that were put in their place, a line each.

Never says how to use one: `sri` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cdnserve.cli.terminal import write
from cdnserve.libraries import Placed


def write_libraries(root: Path, libraries: Sequence[Placed]) -> None:
    """Write name, version, size and folder of each library to stdout."""
    width = max((len(str(one)) for one in libraries), default=0)
    write([(f"{one!s:<{width}}", "bold"), (f"  {_size(one):<{_WIDTH}}  {root / one.folder}", "")] for one in libraries)


_WIDTH = len("10,000 files, 1,000,000,000 octets")


def _size(one: Placed) -> str:
    back = f", {one.restored:,} restored" if one.restored else ", here already"
    return f"{_files(one.files)}, {one.size:,} octets{'' if one.is_new else back}"


def _files(number: int) -> str:
    return f"{number:,} file{'s' * (number != 1)}"
