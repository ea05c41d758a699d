"""Problems: what a person wrote wrong, or what the machine refused, and how a run collects all of them.

What a client sends is answered with a status, not with a problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, as data; `docs/errors.md` has a heading for every `reference`.

    `where` is `FILE:LINE`, a path or a package; `value` is the offending text as it was written.
    A `hint` is one line, and maybe lines to paste behind it.
    A `warning` is reported but does not fail a command (`check` and `build --locked` make it an error).
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
    """Carries every problem that was found in one run, at least one of them no warning."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Problems(list[Problem]):
    """Collects the problems of several steps, so that a person sees all of them at once.

    >>> problems = Problems()
    >>> for name in ("a.toml", "b.toml"):
    ...     with problems.caught():
    ...         raise ConfigurationError([Problem("manifest-missing", "there is no manifest here", name)])
    >>> [problem.where for problem in problems]
    ['a.toml', 'b.toml']
    """

    @contextmanager
    def caught(self, where: str = "") -> Iterator[None]:
        """Catch the ConfigurationError of the block and keep its problems, which all get the place `where` if given."""
        try:
            yield
        except ConfigurationError as error:
            self += (replace(problem, where=where) if where else problem for problem in error.problems)

    def raise_errors(self) -> None:
        """Raise ConfigurationError with all problems, each once, unless there are only warnings."""
        if any(not problem.warning for problem in self):
            raise ConfigurationError(dict.fromkeys(self))
