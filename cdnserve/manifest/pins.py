"""Pins: `[libraries]` entries as the npm packages that are kept under the root, in the versions that are wanted.

Never looks at what is on the disk or in the lock: this is what a person asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from cdnserve.errors import Problem
from cdnserve.manifest.globs import glob_problems
from cdnserve.manifest.keys import LIBRARY, Key, Kind
from cdnserve.manifest.nodes import Node, printable
from cdnserve.manifest.packages import is_package_name
from cdnserve.manifest.requirements import is_requirement
from cdnserve.manifest.shape import Fields, read_fields, read_value
from cdnserve.manifest.values import Library

_ENTRY = Key(
    "libraries",
    Kind.LIBRARY,
    "One package.",
    hint='write "^1.2.3", ["^1.2.3", "0.9.0"], or { version = "^1.2.3", files = ["*.js"] }',
)


def read_libraries(table: Node, problems: list[Problem]) -> tuple[Library, ...]:
    """Read the `[libraries]` table."""
    entries = (_read_library(name, node, problems) for name, node in table.items())
    return tuple(library for library in entries if library)


def _read_library(name: str, node: Node, problems: list[Problem]) -> Library | None:
    if not is_package_name(name):
        hint = "write it as npm does: jquery, or in quotes @scope/name"
        problem = Problem("library-name-invalid", "npm has no package of this name", value=printable(name), hint=hint)
        problems.append(node.mark(problem))
    if not read_value(node, _ENTRY, problems):
        return None
    # A bare value is the short form of a table that has nothing but versions.
    is_short = not isinstance(node.value, dict)
    fields = Fields(node, {"version": node}, {}) if is_short else read_fields(node, LIBRARY, problems)
    versions = fields.listed("version")
    problems += [problem for version in versions for problem in _version_problems(version)]
    globs = fields.listed("files")
    problems += [glob.mark(problem) for glob in globs for problem in glob_problems(str(glob.value))]
    return Library(name, tuple(str(version.value) for version in versions), tuple(str(glob.value) for glob in globs))


def _version_problems(node: Node) -> Iterator[Problem]:
    if not is_requirement(str(node.value)):
        message = "a version is exact or an npm range, never a tag"
        hint = 'write "1.2.3", "^1.2" or "1.x"; cdnserve add NAME@TAG finds out what a tag stands for'
        yield node.mark(Problem("library-version-invalid", message, hint=hint))
