"""What a manifest's reader tells about a text, in a form that tables can hold."""

from __future__ import annotations

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.reader import inspect_text, parse_manifest

Told = tuple[str, int]


def problems_of(text: str) -> tuple[Problem, ...]:
    """Return the problems of a text, none for a manifest that is accepted."""
    try:
        parse_manifest(text)
    except ConfigurationError as error:
        return error.problems
    return ()


def told(text: str) -> list[Told]:
    """Return the reference and the line of each problem, and of each warning."""
    problems = problems_of(text) or inspect_text(text, "manifest.toml").warnings
    return [(problem.reference, int(problem.where.removeprefix("manifest.toml:"))) for problem in problems]
