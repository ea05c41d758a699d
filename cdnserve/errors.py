"""Problems: what a person wrote wrong, or what the machine refused, in words that help.

Never about one request: what a client sends is answered with a status, not with a problem.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, as data; `docs/errors.md` has a heading for every `reference`.

    `where` is `FILE:LINE`, a path or a package; `value` is the offending text as it was written.
    A `hint` is one line, and maybe lines to paste behind it.
    A `warning` is told but does not fail a command (`check` and `build --locked` make it an error).
    """

    reference: str
    message: str
    where: str = ""
    value: str = ""
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        """Return the problem as plain text, one fact a line.

        >>> print(Problem("name-unknown", "no policy has this name", "manifest.toml:7", "anny", "say any"))
        manifest.toml:7: no policy has this name [name-unknown]
            value: anny
            hint:  say any
        """
        head = f"{self.where}: {self.message}" if self.where else self.message
        lines = [f"{head} [{self.reference}]"]
        lines += [f"    value: {self.value}"] if self.value else []
        first, *rest = self.hint.split("\n")
        lines += [f"    hint:  {first}", *(f"        {line}" for line in rest)] if self.hint else []
        return "\n".join(lines)


class ConfigurationError(Exception):
    """Carries every problem that was found in one run."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
