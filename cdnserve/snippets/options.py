"""Options: which algorithms a snippet names, and the integrity metadata that follows (SRI, the `integrity` attribute).

Never writes an algorithm's name but in lower case: Chromium loads a script unchecked when it reads `SHA384-`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.rules.integrity import ALGORITHMS, DEFAULT_ALGORITHM, HashExpression
from cdnserve.snippets.subject import Subject


@dataclass(frozen=True, slots=True)
class Options:
    """How snippets are written; `algorithms` are names out of `ALGORITHMS`."""

    algorithms: tuple[str, ...] = (DEFAULT_ALGORITHM,)


def read_algorithms(names: Iterable[str]) -> tuple[str, ...]:
    """Read algorithm names as people write them, weakest first, each once; none asked for is the default.

    >>> read_algorithms(["SHA-512", "sha256", "sha512"])
    ('sha256', 'sha512')
    """
    asked = {name: name.strip().lower().replace("-", "") for name in names}
    unknown = [name for name, algorithm in asked.items() if algorithm not in ALGORITHMS]
    if unknown:
        raise ConfigurationError(_unknown(name) for name in unknown)
    return tuple(algorithm for algorithm in ALGORITHMS if algorithm in asked.values()) or (DEFAULT_ALGORITHM,)


def _unknown(name: str) -> Problem:
    message = "browsers check integrity with other algorithms"
    return Problem("algorithm-unknown", message, value=name, hint=f"say one of {', '.join(ALGORITHMS)}")


def expressions(subject: Subject, options: Options) -> tuple[HashExpression, ...]:
    """Give the hash expressions that were asked for, weakest first; none for an alias."""
    chosen = [e for e in subject.digests if subject.exact and e.algorithm in options.algorithms]
    return tuple(sorted(chosen, key=lambda e: ALGORITHMS.index(e.algorithm)))


def metadata(subject: Subject, options: Options) -> str:
    """Give the value of an `integrity` attribute, `""` where there is none."""
    return " ".join(str(expression) for expression in expressions(subject, options))
