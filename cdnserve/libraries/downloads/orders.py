"""Orders: the libraries that a command wants, each at one exact version.

Never a range or a tag: those have been chosen from before.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdnserve.libraries.spec import Spec


@dataclass(frozen=True, slots=True)
class Order:
    """One library that is wanted; `files` are globs of what is kept, empty for all.

    `locked` is the integrity that the lock demands. Where it is `""` the registry's counts, and its signatures do.
    """

    spec: Spec
    files: tuple[str, ...]
    locked: str
