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
    names = [f"{one.library.name}@{one.library.version}" for one in libraries]
    width = max(map(len, names), default=0)
    write(
        [(f"{name:<{width}}", "bold"), (f"  {_size(one):<{_WIDTH}}  {root / one.folder}", "")]
        for name, one in zip(names, libraries, strict=True)
    )


_WIDTH = len("10,000 files, 1,000,000,000 octets")


def _size(one: Placed) -> str:
    here = "" if one.is_new else ", here already"
    return f"{one.files:,} file{'s' * (one.files != 1)}, {one.size:,} octets{here}"
