"""Edits of the manifest's `[libraries]` (TOML 1.0): one entry set or removed, all else byte for byte."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable, Item, SingleKey, Table

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.model import Library, Revision
from cdnserve.manifest.toml import Path, Span, locate

_COMMA = re.compile(r"[ \t]*,")
_COMMA_AND_BLANKS = re.compile(r"[ \t]*,[ \t]*")
_REST_OF_ITEM = re.compile(r"[ \t]*(?:,[ \t]*)?(?:#[^\n]*)?(?:\r?\n|\Z)")

TABLE = "libraries"


def revise(text: str, revision: Revision) -> str:
    r"""Change a library's entry as a revision says; one without requirements is removed.

    >>> print(revise('[libraries]\njquery = "^3.6"\n', Revision("jquery", added=("2.2.4",))), end="")
    [libraries]
    jquery = ["^3.6", "2.2.4"]
    """
    entries = _plain(text, Library(revision.name, ())).get(TABLE, {})
    revised = revision.revised(_library(revision.name, entries.get(revision.name)))
    return set_library(text, revised) if revised else remove_library(text, revision.name)


def with_rule(text: str, rule: str) -> str:
    r"""Put a `[[publish]]` table behind the last one, so that it decides only what no rule decides yet.

    >>> print(with_rule("schema = 1\n", '[[publish]]\npath = "npm/**"\n'), end="")
    schema = 1
    <BLANKLINE>
    [[publish]]
    path = "npm/**"
    """
    wanted = tomllib.loads(text)
    wanted.setdefault("publish", []).extend(tomllib.loads(rule)["publish"])
    last = max((span[1] for path, span in locate(text).items() if path[0] == "publish"), default=len(text))
    end = text.find("\n", last) + 1 or len(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    before = text[:end] if text[:end].endswith("\n") else text[:end] + newline
    gap = newline if text[end:].strip() and not text[end:].startswith(("\n", "\r")) else ""
    edited = f"{before}{newline}{rule.replace(chr(10), newline)}{gap}{text[end:]}"
    try:
        if tomllib.loads(edited) == wanted:
            return edited
    except tomllib.TOMLDecodeError:
        pass
    message = "the manifest is left as it is: its rules are written in a way that can't be edited"
    raise ConfigurationError([Problem("manifest-edit", message, hint=f"write it by hand:\n{rule}")])


def set_library(text: str, library: Library) -> str:
    r"""Set a library's versions and files, in place where it has an entry, else behind the last one.

    >>> print(set_library('[libraries]\njquery = "3.7.1"  # ours\n', Library("jquery", ("4.0.0",))), end="")
    [libraries]
    jquery = "4.0.0"  # ours
    """
    wanted = _plain(text, library)
    table = wanted.setdefault(TABLE, {})
    table[library.name] = _value(library, table.get(library.name))
    return _checked(text, wanted, library, lambda: _set(text, library))


def remove_library(text: str, name: str) -> str:
    r"""Remove a library's entry with the comment on its line; a text without the entry stays as it is.

    >>> print(remove_library('[libraries]\njquery = "3.7.1"\nvue = "3.5.0"\n', "jquery"), end="")
    [libraries]
    vue = "3.5.0"
    """
    library = Library(name, ())
    wanted = _plain(text, library)
    if name not in wanted.get(TABLE, {}):
        return text
    del wanted[TABLE][name]
    return _checked(text, wanted, library, lambda: _remove(text, name))


def _library(name: str, entry: Any) -> Library | None:  # noqa: ANN401 - what TOML can say
    """Return an entry of a manifest that has been read before as a value."""
    if entry is None:
        return None
    versions = entry["version"] if isinstance(entry, dict) else entry
    files = entry.get("files", ()) if isinstance(entry, dict) else ()
    return Library(name, (versions,) if isinstance(versions, str) else tuple(versions), tuple(files))


def _plain(text: str, library: Library) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_editable(library, f"it is not TOML: {error}") from None
    if not isinstance(document.get(TABLE, {}), dict):
        raise _not_editable(library, f"its {TABLE} is not a table")
    return document


def _checked(text: str, wanted: dict[str, Any], library: Library, edit: Callable[[], str]) -> str:
    # TOML can write one table in many places; what an editor can't follow must fail, not become another manifest.
    if tomllib.loads(text) == wanted:
        return text
    try:
        edited = edit()
        if _without_empty(tomllib.loads(edited)) == _without_empty(wanted):
            return edited
    except (TOMLKitError, tomllib.TOMLDecodeError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise _not_editable(library, f"its [{TABLE}] is written in a way that can't be edited ({error})") from error
    raise _not_editable(library, f"its [{TABLE}] is written in a way that can't be edited")


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if not (key == TABLE and value == {})}


def _not_editable(library: Library, why: str) -> ConfigurationError:
    hint = f"write it by hand under [{TABLE}]: {_line(library)}" if library.versions else "remove it by hand"
    return ConfigurationError([Problem("manifest-edit", f"the manifest is left as it is: {why}", hint=hint)])


def _value(library: Library, entry: object) -> str | list[str] | dict[str, Any]:
    versions = _versions(library, entry.get("version") if isinstance(entry, dict) else entry)
    if library.files:
        return {"version": versions, "files": list(library.files)}
    return {"version": versions} if isinstance(entry, dict) else versions


def _versions(library: Library, written: object) -> str | list[str]:
    # One version is a string, unless it is what is left of a list.
    several = len(library.versions) != 1 or isinstance(written, list)
    return list(library.versions) if several else library.versions[0]


def _written(versions: str | list[str]) -> str:
    return quoted(versions) if isinstance(versions, str) else array(versions)


def _item(library: Library) -> Item:
    versions = _written(_versions(library, None))
    return tomlkit.value(f"{{ version = {versions}, files = {array(library.files)} }}" if library.files else versions)


def _line(library: Library) -> str:
    return f"{SingleKey(library.name).as_string()} = {_item(library).as_string()}"


def _set(text: str, library: Library) -> str:
    entries = tomllib.loads(text).get(TABLE, {})
    if library.name in entries:
        return _with_files(_with_versions(text, library, entries[library.name]), library)
    document = tomlkit.parse(text)
    table = document.get(TABLE)
    if isinstance(table, InlineTable):
        table[library.name] = _item(library)
        return tomlkit.dumps(document)
    newline = "\r\n" if "\r\n" in text else "\n"
    if not _insert(document, _line(library), newline):
        gap = "" if not text else newline if text.endswith("\n") else newline * 2
        return f"{text}{gap}[{TABLE}]{newline}{_line(library)}{newline}"
    return tomlkit.dumps(document)


def _with_versions(text: str, library: Library, entry: object) -> str:
    path = (TABLE, library.name, *(("version",) if isinstance(entry, dict) else ()))
    written = entry["version"] if isinstance(entry, dict) else entry
    versions = _versions(library, written)
    if versions == written:
        return text
    if isinstance(versions, list) and isinstance(written, list):
        return with_elements(text, path, versions)
    start, end = locate(text)[path]
    return text[:start] + _written(versions) + text[end:]


def _with_files(text: str, library: Library) -> str:
    entry = tomllib.loads(text)[TABLE][library.name]
    known = entry.get("files") if isinstance(entry, dict) else None
    if (known or []) == list(library.files):
        return text
    if known and library.files:
        return with_elements(text, (TABLE, library.name, "files"), library.files)
    if not isinstance(entry, dict):
        start, end = locate(text)[TABLE, library.name]
        return f"{text[:start]}{{ version = {text[start:end]}, files = {array(library.files)} }}{text[end:]}"
    document = tomlkit.parse(text)
    table: MutableMapping[str, Any] = document[TABLE][library.name]
    if library.files:
        table["files"] = list(library.files)
    elif isinstance(table, InlineTable):
        # tomlkit would leave the blanks of what is gone.
        (start, end), (first, last) = (locate(text)[TABLE, library.name, *key] for key in ((), ("version",)))
        return f"{text[:start]}{{ version = {text[first:last]} }}{text[end:]}"
    else:
        table.pop("files")
    return tomlkit.dumps(document)


def _insert(document: TOMLDocument, line: str, newline: str) -> bool:
    """Put the line where the table has its entries; return whether there was such a place."""
    parts = [(key, item) for key, item in document.body if key is not None and key.key == TABLE]
    headed = [
        item for key, item in parts if isinstance(item, Table) and not key.is_dotted() and not item.is_super_table()
    ]
    dotted = [item for key, item in parts if isinstance(item, Table) and key.is_dotted()]
    if headed:
        _put_behind(_last_entry(headed[0]), line, newline)
    elif dotted:
        _put_behind(_last_entry(dotted[-1]), f"{TABLE}.{line}", newline)
    return bool(headed or dotted)


def _last_entry(table: Table) -> Item:
    # Blank lines and comments behind the last entry gap on to what follows; a sub-table would swallow a line.
    entries = [item for key, item in table.value.body if key is not None]
    plain = [item for item in entries if not isinstance(item, Table)]
    return plain[-1] if plain else table


def _put_behind(item: Item, line: str, newline: str) -> None:
    if "\n" not in item.trivia.trail:
        item.trivia.trail += newline
    item.trivia.trail += line + newline


def _remove(text: str, name: str) -> str:
    document = tomlkit.parse(text)
    del document[TABLE][name]
    return tomlkit.dumps(document)


def with_elements(text: str, path: Path, wanted: Sequence[str]) -> str:
    r"""Return a document whose array at `path` has the wanted strings, each once; those that stay keep their places.

    >>> print(with_elements('a = [\n  "x", # old\n  "y", # new\n]\n', ("a",), ["y", "z"]), end="")
    a = [
      "y", # new
      "z",
    ]
    """
    here = _elements(text, path)
    if not _is_in_place(here, wanted):
        for index in reversed(range(len(here))):
            if here[index] not in wanted:
                text = _without(text, path, index)
        for element in wanted:
            if element not in here:
                text = _appended(text, path, element)
        here = _elements(text, path)
    for index, (old, new) in enumerate(zip(here, wanted, strict=True)):
        if old != new:
            start, end = locate(text)[(*path, index)]
            text = text[:start] + quoted(new) + text[end:]
    return text


def _is_in_place(here: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether strings are only exchanged for new ones, each in its place."""
    pairs = zip(here, wanted, strict=False)
    return len(here) == len(wanted) and all(a == b or (a not in wanted and b not in here) for a, b in pairs)


def _elements(text: str, path: Path) -> list[str]:
    value: Any = tomllib.loads(text)
    for part in path:
        value = value[part]
    return list(value)


def _without(text: str, path: Path, index: int) -> str:
    start, end = locate(text)[(*path, index)]
    line = _line_start(text, start)
    rest = _REST_OF_ITEM.match(text, end)
    if rest and not text[line:start].strip():
        # Alone on its line: the line goes, with its comment.
        return text[:line] + text[rest.end() :]
    comma = _COMMA_AND_BLANKS.match(text, end)
    if comma:
        return text[:start] + text[comma.end() :]
    before = text[:start].rstrip()
    return before.removesuffix(",").rstrip() + text[end:] if before.endswith(",") else text[:start] + text[end:]


def _appended(text: str, path: Path, element: str) -> str:
    spans = locate(text)
    opening = spans[path][0]
    indices = [key[-1] for key in spans if key[:-1] == path and isinstance(key[-1], int)]
    if not indices:
        return f"{text[: opening + 1]}{quoted(element)}{text[opening + 1 :]}"
    start, end = spans[(*path, max(indices))]
    comma = _COMMA.match(text, end)
    behind = comma.end() if comma else end
    line = _line_start(text, start)
    if line <= opening or text[line:start].strip():
        return _beside(text, (end, behind), element)
    return _below(text, (end, behind), element, text[line:start])


def _beside(text: str, span: Span, element: str) -> str:
    """Put an element behind the last one, which has its comma within the span."""
    end, behind = span
    added = f" {quoted(element)}," if behind > end else f", {quoted(element)}"
    return text[:behind] + added + text[behind:]


def _below(text: str, span: Span, element: str, indent: str) -> str:
    """Put an element on a line of its own, behind the comment of the last one."""
    end, behind = span
    newline = "\r\n" if "\r\n" in text else "\n"
    rest = _REST_OF_ITEM.match(text, end)
    if not rest:
        # The closing bracket is on the same line.
        trailing = "," if behind > end else ""
        return f"{text[:end]},{newline}{indent}{quoted(element)}{trailing}{text[behind:]}"
    trailing = "," if behind > end else ""
    return f"{text[:end]},{text[behind : rest.end()]}{indent}{quoted(element)}{trailing}{newline}{text[rest.end() :]}"


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def array(elements: Sequence[str]) -> str:
    """Return an array of strings on one line.

    >>> array(["^3.6", "2.2.4"])
    '["^3.6", "2.2.4"]'
    """
    return f"[{', '.join(map(quoted, elements))}]"


def quoted(text: str) -> str:
    r"""Return text as a TOML string.

    >>> print(quoted('a "b"\n'))
    "a \"b\"\n"
    """
    plain = text.isprintable() and '"' not in text and "\\" not in text
    return f'"{text}"' if plain else "".join(['"', *map(_escaped, text), '"'])


def _escaped(character: str) -> str:
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if character in short:
        return short[character]
    return character if character.isprintable() else f"\\U{ord(character):08X}"
