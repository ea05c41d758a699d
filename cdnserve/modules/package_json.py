"""Entries: the files that a package.json without `exports` may mean, and what its `browser` map puts in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import normpath, splitext

Description = Mapping[str, object]

MADE = "+esm"
"""The folder of the ES modules that are made of a package, beside its files; jsDelivr's addresses end so."""

# The first that is an ES module is taken; `main` is mostly CommonJS.
_FIELDS = ("browser", "module", "main")


def candidates(description: Description, subpath: str, folder: str = "") -> tuple[str, ...]:
    """Return the files, relative to the package, that a subpath may mean, the likeliest first, each with its spellings.

    A package.json in a `folder` of the package may name files of others, as `../esm/i.js`.

    >>> candidates({"module": "./esm/i.js", "main": "cjs"}, ".")[:3]
    ('esm/i.js', 'esm/i.js.js', 'esm/i.js.mjs')
    """
    named = [value for field in _FIELDS if isinstance(value := description.get(field), str)]
    wanted = [subpath] if subpath != "." else [*named, "index"]
    inner = (path for one in wanted if (path := inside(f"{folder}/{one}" if folder else one)) is not None)
    return tuple(dict.fromkeys(spelling for path in inner for spelling in spellings(path)))


def spellings(path: str) -> Iterator[str]:
    """Yield a path as it is, then with what Node.js lets people leave out."""
    if path:
        yield from (path, f"{path}.js", f"{path}.mjs")
    folder = f"{path}/" if path else ""
    yield from (f"{folder}index.js", f"{folder}index.mjs")


def made_name(subpath: str) -> str:
    """Return the path of a made module in its folder, without `.js`, as its subpath (`.` or `./…`) has it.

    >>> made_name("."), made_name("./a/b"), made_name("./a.mjs")
    ('index', 'a/b', 'a')
    """
    path = subpath.removeprefix(".").strip("/") or "index"
    root, ending = splitext(path)
    return root if ending in (".js", ".mjs", ".cjs") else path


def inside(path: str) -> str | None:
    """Return a path of a package.json relative to the package; `None` for one that leads out of it.

    >>> inside("./dist/../a.js"), inside("../x"), inside("/etc")
    ('a.js', None, None)
    """
    normal = normpath(path) if path else ""
    if normal.startswith(("..", "/")) or "\\" in path or "\0" in path:
        return None
    return "" if normal == "." else normal


def replaced(description: Description, file: str) -> str | None:
    """Return the file that a browser gets for a file of the package; `None` where the `browser` map takes it away.

    >>> replaced({"browser": {"./node.js": "./web.js", "./fs.js": False}}, "node.js")
    'web.js'
    """
    value = _mapped(description, tuple(f"{prefix}{name}" for name in _names(file) for prefix in ("./", "")))
    if value is False:
        return None
    other = inside(value) if isinstance(value, str) and value.startswith("./") else None
    return file if other is None else other


def substitute(description: Description, specifier: str) -> str | None:
    """Return what the `browser` map says instead of a bare specifier; `None` where it takes the module away.

    >>> substitute({"browser": {"util": "./util.js"}}, "util"), substitute({"browser": {"fs": False}}, "fs")
    ('./util.js', None)
    """
    value = _mapped(description, (specifier,))
    if value is False:
        return None
    return value if isinstance(value, str) else specifier


def _mapped(description: Description, keys: tuple[str, ...]) -> object:
    table = description.get("browser")
    if not isinstance(table, Mapping):
        return True
    return next((table[key] for key in keys if key in table), True)


def _names(file: str) -> Iterator[str]:
    yield file
    for ending in (".js", ".mjs", "/index.js"):
        if file.endswith(ending):
            yield file.removesuffix(ending)
