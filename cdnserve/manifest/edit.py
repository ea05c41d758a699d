"""Edits of the manifest's `[libraries]` (TOML 1.0): one entry set or removed, all else byte for byte.

Never opens a file, and never gives a text back that doesn't say exactly what was asked.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, MutableMapping
from typing import Any

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable, Item, SingleKey, Table

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.values import Library

TABLE = "libraries"


def set_library(text: str, library: Library) -> str:
    r"""Set a library's version and files, in place where it has an entry, else behind the last one.

    >>> print(set_library('[libraries]\njquery = "3.7.1"  # ours\n', Library("jquery", "4.0.0")), end="")
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
    library = Library(name, "")
    wanted = _plain(text, library)
    if name not in wanted.get(TABLE, {}):
        return text
    del wanted[TABLE][name]
    return _checked(text, wanted, library, lambda: _remove(text, name))


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
    hint = f"write it by hand under [{TABLE}]: {_line(library)}" if library.version else "remove it by hand"
    return ConfigurationError([Problem("manifest-edit", f"the manifest is left as it is: {why}", hint=hint)])


def _value(library: Library, entry: object) -> str | dict[str, Any]:
    if library.files:
        return {"version": library.version, "files": list(library.files)}
    return {"version": library.version} if isinstance(entry, dict) else library.version


def _item(library: Library) -> Item:
    version = tomlkit.item(library.version).as_string()
    files = tomlkit.item(list(library.files)).as_string()
    written = f"{{ version = {version}, files = {files} }}" if library.files else version
    return tomlkit.value(written)


def _line(library: Library) -> str:
    return f"{SingleKey(library.name).as_string()} = {_item(library).as_string()}"


def _set(text: str, library: Library) -> str:
    document = tomlkit.parse(text)
    table = document.get(TABLE)
    if table is not None and library.name in table:
        _update(table, library)
        return tomlkit.dumps(document)
    if isinstance(table, InlineTable):
        table[library.name] = _item(library)
        return tomlkit.dumps(document)
    newline = "\r\n" if "\r\n" in text else "\n"
    if not _insert(document, _line(library), newline):
        lead = "" if not text else newline if text.endswith("\n") else newline * 2
        return f"{text}{lead}[{TABLE}]{newline}{_line(library)}{newline}"
    return tomlkit.dumps(document)


def _update(table: MutableMapping[str, Any], library: Library) -> None:
    entry = table[library.name]
    if not isinstance(entry, MutableMapping):
        table[library.name] = _item(library)
        return
    entry["version"] = library.version
    if not library.files:
        entry.pop("files", None)
    elif entry.get("files") != list(library.files):
        entry["files"] = list(library.files)


def _insert(document: TOMLDocument, line: str, newline: str) -> bool:
    """Put the line where the table has its entries; say whether there was such a place."""
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
    # Blank lines and comments behind the last entry lead on to what follows; a sub-table would swallow a line.
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
