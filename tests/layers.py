"""The layers of the package: who may import whom, and who may touch files and the terminal.

Never runs the code that it reads: everything is decided from the syntax tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LAYERS = (
    ("version",),
    ("errors",),
    ("display",),
    ("files", "decode"),
    ("client",),
    ("rules",),
    ("cdns",),
    ("manifest",),
    ("release",),
    ("modules",),
    ("origin", "npm"),
    ("markup",),
    ("snippets",),
    ("audit", "migrate", "explain", "verify"),
    ("web",),
    ("server",),
    ("cli",),
    ("__main__",),
)
LEVELS = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

# Outside packages that only some rooms may know.
RESERVED = {
    "starlette": {"web", "server"},
    "uvicorn": {"web", "server"},
    "click": {"cli"},
    "rich": {"cli"},
    "obstore": {"release"},
}

# Rooms that turn values into values, and what would let them touch the machine.
PURE = {"errors", "display", "rules", "cdns", "origin", "modules", "markup", "snippets"}
IMPURE = {
    *("aiofiles", "asyncio", "fcntl", "glob", "io", "logging", "mmap", "multiprocessing", "os", "random", "secrets"),
    *("select", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "urllib3"),
}

FILE_ROOMS = {"files", "manifest", "release", "npm", "server"}
# Single modules that may, too: files of the package itself, pages, and files that people name.
FILE_MODULES = {"cdns.cdnjs", "web.static", "markup.files", "snippets.targets"}
# The modules of pure rooms that read what the others are given.
READERS = {"markup.files", "snippets.fetch"}
OPENERS = {
    *("open", "open_binary", "open_file", "open_text", "fdopen"),
    *("read_bytes", "read_text", "write_bytes", "write_text"),
}
PRINT_ROOMS = {"cli"}
PRINTERS = {"print", "sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}


@dataclass(frozen=True, slots=True)
class Module:
    """One source file; `parts` is its place below the package, as `("rules", "cors")`."""

    package: str
    file: Path
    parts: tuple[str, ...]
    is_package: bool

    @property
    def room(self) -> str:
        """The first part: the layer's name, `""` for the package's own `__init__`."""
        return self.parts[0] if self.parts else ""

    @property
    def is_pure(self) -> bool:
        """Whether it may not touch the machine."""
        return self.room in PURE and ".".join(self.parts) not in READERS

    @property
    def name(self) -> str:
        """What a breach calls the module: its room, or the package where it lies in none."""
        return self.room or self.package


def violations(package: Path) -> list[str]:
    """List every breach of the layers below `package`, each as `file:line: what`."""
    return [
        f"{file.relative_to(package.parent).as_posix()}:{line}: {breach}"
        for file in sorted(package.rglob("*.py"))
        for line, breach in breaches(module_of(file, package))
    ]


def module_of(file: Path, package: Path) -> Module:
    """Name a file's place in the package."""
    parts = file.relative_to(package).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module(package.name, file, parts[:-1] if is_package else parts, is_package)


def breaches(module: Module) -> list[tuple[int, str]]:
    """List the breaches of one module, in the order of its lines."""
    if module.room and module.room not in LEVELS:
        return [(1, f"{module.room} has no place in the layers")]
    tree = ast.parse(module.file.read_bytes())
    found = [(line, breach) for line, target in imports(tree, module) for breach in refusals(module, target)]
    return sorted(found + list(touches(tree, module)))


def imports(tree: ast.AST, module: Module) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield line and dotted target of every import, wherever it stands: in a function, under TYPE_CHECKING, by name."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from ((node.lineno, tuple(alias.name.split("."))) for alias in aliases)
            case ast.ImportFrom(names=aliases):
                source = source_of(node, module)
                yield from ((node.lineno, (*source, alias.name)) for alias in aliases)
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, tuple(name.split("."))


def source_of(node: ast.ImportFrom, module: Module) -> tuple[str, ...]:
    """Return the absolute name of what `from … import` reads from."""
    named = tuple(node.module.split(".")) if node.module else ()
    if not node.level:
        return named
    here = (module.package, *module.parts)
    return here[: len(here) - node.level + module.is_package] + named


def refusals(module: Module, target: tuple[str, ...]) -> Iterator[str]:
    """Yield why this module may not import `target`."""
    allowed = RESERVED.get(target[0], {module.room})
    if target[0] == module.package:
        yield from inside(module, target[1:])
    elif module.room not in allowed:
        yield f"{module.name} imports {target[0]}, which is for {' and '.join(sorted(allowed))}"
    elif module.is_pure and target[0] in IMPURE:
        yield f"{module.room} is pure, and imports {target[0]}"


def inside(module: Module, target: tuple[str, ...]) -> Iterator[str]:
    """Yield why a room may not import another part of the package."""
    if not target:
        return
    if target[0] == module.room:
        # Siblings in rules/ know nothing of each other; rules/__init__.py may name them all.
        if module.room == "rules" and module.parts[1:] and target[1:2] != module.parts[1:2]:
            yield f"{'.'.join(module.parts)} imports its sibling {'.'.join(target)}"
    elif not module.room:
        yield f"{module.package} itself imports {target[0]}"
    elif target[0] not in LEVELS:
        yield f"{module.room} imports {target[0]}, which has no place in the layers"
    elif LEVELS[target[0]] >= LEVELS[module.room]:
        yield f"{module.room} imports {target[0]}: up or sideways"
    elif module.is_pure and target[0] == "client":
        yield f"{module.room} is pure, and imports {target[0]}"


def touches(tree: ast.AST, module: Module) -> Iterator[tuple[int, str]]:
    """Yield where a module opens files or prints though its room may not."""
    for line, name in names(tree, module):
        if name in OPENERS and module.room not in FILE_ROOMS and ".".join(module.parts) not in FILE_MODULES:
            yield line, f"{module.name} opens files: {name}"
        if name in PRINTERS and module.room not in PRINT_ROOMS:
            yield line, f"{module.name} prints: {name}"


def names(tree: ast.AST, module: Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of every builtin or attribute that is used, and of what is imported from elsewhere."""
    pipes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "buffer"}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id="open" | "print" as name, ctx=ast.Load()):
                yield node.lineno, name
            case ast.Attribute(attr=name, value=ast.Name(id="sys")):
                # The octets below a stream are a pipe between processes, nothing that people read.
                yield node.lineno, name if id(node) in pipes else f"sys.{name}"
            case ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.ImportFrom(names=aliases) if (source := source_of(node, module))[:1] != (module.package,):
                prefix = "sys." if source == ("sys",) else ""
                yield from ((node.lineno, prefix + alias.name) for alias in aliases)
