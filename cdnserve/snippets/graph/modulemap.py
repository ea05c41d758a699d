"""Import maps of a module graph (HTML, import maps): names, names by scope, and integrity for every file.

Never lets a module run unchecked that the map leads to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from cdnserve.snippets.graph.hosted import Package
from cdnserve.snippets.graph.values import Edge, Graph

ModuleMap = dict[str, dict[str, str] | dict[str, dict[str, str]]]


def module_map(graph: Graph, url_of: Callable[[str], str], integrity: Mapping[str, str]) -> ModuleMap:
    """Give the import map; `url_of` makes a URL of a logical path, `integrity` has the metadata of each module.

    A name that means the same to everybody stands in `imports`. Where two dependents need different files, it stands
    in `scopes`, and in `imports` only if the page asked for it.
    """
    by_key: defaultdict[str, dict[Package | None, str]] = defaultdict(dict)
    scopes: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for edge in graph.edges:
        if edge.dependent and _is_private(edge):
            key = url_of(edge.key) if edge.is_path else edge.key
            scopes[url_of(f"{edge.dependent.folder}/")][key] = url_of(edge.path)
        else:
            by_key[edge.key][edge.dependent] = edge.path
    imports = {key: url_of(path) for key, meant in by_key.items() if (path := _shared(meant))}
    for key, meant in by_key.items():
        for dependent, path in meant.items():
            if dependent and imports.get(key) != url_of(path):
                scopes[url_of(f"{dependent.folder}/")][key] = url_of(path)
    checked = {url_of(path): integrity[path] for path in graph.modules}
    return {
        "imports": _sorted(imports),
        **({"scopes": {scope: _sorted(scopes[scope]) for scope in sorted(scopes)}} if scopes else {}),
        "integrity": _sorted(checked),
    }


def _is_private(edge: Edge) -> bool:
    # A path and a #name mean something to their own package only.
    return edge.is_path or edge.key.startswith("#")


def _shared(meant: Mapping[Package | None, str]) -> str | None:
    """Give what a name means to the page, or to all dependents alike."""
    if None in meant:
        return meant[None]
    return next(iter(meant.values())) if len(set(meant.values())) == 1 else None


def _sorted(entries: Mapping[str, str]) -> dict[str, str]:
    return {key: entries[key] for key in sorted(entries)}
