"""Progress: what a long build tells whoever watches it.

Never prints: the command line turns these calls into a bar, everything else ignores them.
"""

from __future__ import annotations

from typing import Literal, Protocol

Phase = Literal["waiting", "proving", "reading", "encoding"]


class Progress(Protocol):
    """Listens to a build; phases come one after the other, and a phase without work is left out."""

    def start(self, phase: Phase, files: int, octets: int) -> None:
        """Begin a phase with so much to do: files to read, blobs to prove or codings to make; 0 while waiting."""

    def advance(self, files: int, octets: int) -> None:
        """Count what was done since the last call."""

    def finish(self) -> None:
        """End the phase; called also when the phase fails."""


class Silence:
    """The listener that does not care."""

    def start(self, phase: Phase, files: int, octets: int) -> None:
        """Ignore it."""

    def advance(self, files: int, octets: int) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""
