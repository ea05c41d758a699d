"""Pins: `[libraries]` entries as the npm packages that are kept under the root, each at one version.

Never looks at what is on the disk or in the lock: this is what a person asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from cdnserve.errors import Problem
from cdnserve.manifest.globs import glob_problems
from cdnserve.manifest.keys import LIBRARY, Key, Kind
from cdnserve.manifest.nodes import Node, printable
from cdnserve.manifest.packages import exact_version_in, is_exact_version, is_package_name
from cdnserve.manifest.shape import read_fields, read_value
from cdnserve.manifest.values import Library

_ENTRY = Key(
    "libraries", Kind.LIBRARY, "One package.", hint='write "1.2.3", or { version = "1.2.3", files = ["*.js"] }'
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
    if isinstance(node.value, str):
        problems += _version_problems(node)
        return Library(name, node.value)
    fields = read_fields(node, LIBRARY, problems)
    problems += [problem for version in fields.listed("version") for problem in _version_problems(version)]
    globs = fields.listed("files")
    problems += [glob.mark(problem) for glob in globs for problem in glob_problems(str(glob.value))]
    return Library(name, fields.string("version"), fields.strings("files"))


def _version_problems(node: Node) -> Iterator[Problem]:
    version = str(node.value)
    if not is_exact_version(version):
        near = exact_version_in(version)
        hint = f'write "{near}"' if near else 'name all three numbers: "1.2.3"'
        yield node.mark(Problem("library-version-invalid", "a library is pinned to one exact version", hint=hint))
