"""Reading modules of hosted packages (ECMAScript §16.2): what each imports, and whether it is an ES module.

Never reads what is not public.
"""

from __future__ import annotations

from collections.abc import Iterable

from cdnserve.rules.media_types import essence
from cdnserve.snippets.graph.entries import Description
from cdnserve.snippets.graph.hosted import Package, Shelf, package_of
from cdnserve.snippets.modules import Imports, read_imports

_NONE = Imports()


class Modules:
    """The modules on a shelf, each parsed once."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self._read: dict[str, Imports] = {}
        self._descriptions: dict[str, Description] = {}

    def imports(self, path: str) -> Imports:
        """Give what a public file imports; nothing where it is no JavaScript."""
        if path not in self._read:
            is_script = essence(path) == "text/javascript"
            self._read[path] = read_imports(self.shelf.source(path)) if is_script else _NONE
        return self._read[path]

    def described(self, package: Package) -> Description:
        """Give a package's package.json."""
        if package.folder not in self._descriptions:
            self._descriptions[package.folder] = self.shelf.described(package.folder)
        return self._descriptions[package.folder]

    def is_importable(self, path: str) -> bool:
        """Tell whether a browser can import a public file: an ES module by its name, its source or its package.

        JSON and stylesheets can be imported too, and are not looked into.
        """
        if essence(path) != "text/javascript" or path.endswith(".mjs"):
            return True
        if path.endswith(".cjs"):
            return False
        package = package_of(path)
        return self.imports(path).is_module or (package is not None and self.described(package).get("type") == "module")

    def exports_nothing(self, path: str) -> bool:
        """Tell whether a public file is JavaScript without any import or export, as CommonJS is."""
        imports = self.imports(path)
        return essence(path) == "text/javascript" and imports.is_whole and not imports.is_module

    def first_public(self, paths: Iterable[str]) -> str | None:
        """Give the first path that is public."""
        return next((path for path in paths if self.shelf.is_public(path)), None)
