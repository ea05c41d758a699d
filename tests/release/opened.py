"""A witness of every file that Python opens."""

from __future__ import annotations

import os
from collections.abc import Iterable


class Opened:
    """Notes the last part of the path of what is opened for reading or writing."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._listening = False

    def note(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._listening and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            self.names.append(os.path.basename(os.fsdecode(arguments[0])))

    def start(self) -> None:
        self.names.clear()
        self._listening = True

    def stop(self) -> None:
        self._listening = False

    def among(self, paths: Iterable[str]) -> list[str]:
        """Return which files of these names were opened, since the last time this was asked."""
        wanted = {os.path.basename(path) for path in paths}
        found = [name for name in self.names if name in wanted]
        self.names.clear()
        return found
