"""What a person wants, and the graph that answers it, as values (HTML, import maps).

Never resolves anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdnserve.errors import Problem
from cdnserve.snippets.graph.hosted import Package


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for: a package, a range (`None` for any version) and a subpath, `.` or `./…`.

    `file` is the file of the package that stands for it, `""` for the one that its package.json means.
    """

    name: str
    range: str | None = None
    subpath: str = "."
    file: str = ""

    @property
    def specifier(self) -> str:
        """What pages import it as."""
        return f"{self.name}{self.subpath[1:]}"


@dataclass(frozen=True, slots=True)
class Edge:
    """One thing that an import map must say: what `dependent` calls `key` is the file at `path`.

    `dependent` is `None` for the page. `key` is a bare specifier, or a logical path where `is_path`.
    """

    dependent: Package | None
    key: str
    path: str
    is_path: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """All edges, the logical paths of all modules, sorted, those that only `import()` reaches, and what to warn of."""

    edges: tuple[Edge, ...]
    modules: tuple[str, ...]
    later: frozenset[str]
    warnings: tuple[Problem, ...]
