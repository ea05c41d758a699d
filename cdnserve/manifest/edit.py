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
from cdnserve.manifest.arrays import array, quoted, with_elements
from cdnserve.manifest.positions import locate
from cdnserve.manifest.revising import Revision
from cdnserve.manifest.values import Library

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
    """Give an entry of a manifest that has been read before as a value."""
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
        lead = "" if not text else newline if text.endswith("\n") else newline * 2
        return f"{text}{lead}[{TABLE}]{newline}{_line(library)}{newline}"
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
    else:
        table.pop("files")
    return tomlkit.dumps(document)


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
