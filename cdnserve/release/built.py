"""What a build comes to.

Never holds the release itself: its number says where the store has it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdnserve.errors import Problem


@dataclass(frozen=True, slots=True)
class Built:
    """The number of the current release, whether this build made it, and what it has to warn of.

    `unquiet` are the files that are left as they were in the release before, because somebody is writing them.
    `damage` is what was found wrong with the state: mostly made good by now, else it says that it can't be.
    """

    number: int
    changed: bool
    warnings: tuple[Problem, ...] = ()
    unquiet: tuple[str, ...] = ()
    damage: tuple[Problem, ...] = ()

    @property
    def told(self) -> tuple[Problem, ...]:
        """All that a person should know."""
        return (*self.warnings, *self.damage)
